# What DBD::Pg gives a program: prints it, a line each. Arguments: work, catalog or refusals.
use strict;
use warnings;
use DBI;
use DBD::Pg qw(:pg_types :async);
use Data::Dumper;

$Data::Dumper::Indent = 0;
$Data::Dumper::Terse = 1;
$Data::Dumper::Useqq = 1;
$Data::Dumper::Sortkeys = 1;

sub say_it { print Dumper([@_]), "\n" }

my $db = DBI->connect('dbi:Pg:', undef, undef,
    {RaiseError => 1, PrintError => 0, PrintWarn => 0, AutoCommit => 1, pg_enable_utf8 => 1});

sub described {
    my ($statement) = @_;
    return [map { $statement->{$_} } qw(NAME TYPE PRECISION SCALE pg_type)];
}

sub fetched {
    my ($sql, @values) = @_;
    my $s = $db->prepare($sql);
    $s->execute(@values);
    return [described($s), $s->fetchall_arrayref, $s->rows];
}

sub work {
    for my $prepare (1, 0) {
        $db->{pg_server_prepare} = $prepare;
        say_it('all', fetched('SELECT * FROM people ORDER BY person_id'));
        say_it('some', fetched('SELECT person_id, name, homeland, points FROM people WHERE ward_id = ? AND born > ? ORDER BY 1', 2, '1980-01-01'));
        my $s = $db->prepare('SELECT name, standing, prefs, hobbies FROM people WHERE person_id = $1');
        for my $person (3, 4, 5, 'x', 6) {
            my $got = eval { $s->execute($person); $s->fetchrow_hashref };
            say_it('again', $got // $s->state);
        }
        say_it('array', fetched('SELECT name FROM people WHERE person_id = ANY (?) ORDER BY 1', [3, 5, 8]));
            say_it('kinds', fetched('SELECT * FROM samples ORDER BY 1'));
    }
    say_it('hashes', $db->selectall_hashref('SELECT ward_id, count(*) AS people FROM people GROUP BY ward_id', 'ward_id'));
    say_it('columns', $db->selectcol_arrayref('SELECT name FROM wards ORDER BY ward_id'));
    $db->begin_work;
    my $s = $db->prepare('INSERT INTO notes (ward_id, title) VALUES (?, ?) RETURNING title');
    for my $title ('one', 'two') { $s->execute(1, $title); say_it('returned', $s->fetchall_arrayref) }
    my @status;
    my $many = $db->prepare('INSERT INTO notes (title) VALUES (?)');
    say_it('many', scalar $many->execute_array({ArrayTupleStatus => \@status}, ['three', 'four']), \@status);
    $db->pg_savepoint('here');
    say_it('failed', eval { $db->do("INSERT INTO notes (title) VALUES (NULL)"); 1 } // $db->state);
    $db->pg_rollback_to('here');
    $db->pg_release('here');
    say_it('id', $db->last_insert_id(undef, 'public', 'notes', undef) > 0);
    say_it('count', $db->do("UPDATE notes SET title = title || '!' WHERE title > ?", {}, 'one'));
    $db->do('COPY notes (ward_id, title) FROM STDIN');
    $db->pg_putcopydata("2\tcopied\n");
    $db->pg_putcopydata("3\tcopied, too\n");
    $db->pg_putcopyend;
    $db->do('COPY (SELECT ward_id, title FROM notes ORDER BY title) TO STDOUT');
    my ($row, @rows) = ('');
    push @rows, $row while $db->pg_getcopydata($row) >= 0;
    say_it('copied', @rows);
    $db->do('COPY people TO STDOUT');
    my $lines = 0;
    $lines++ while $db->pg_getcopydata($row) >= 0;
    say_it('people', $lines);
    $db->do('DECLARE c CURSOR FOR SELECT person_id, homeland FROM people ORDER BY person_id');
    say_it('cursor', fetched('FETCH 3 FROM c'), fetched('FETCH 2 FROM c'));
    $db->rollback;
    my $slow = $db->prepare('SELECT count(*) FROM people', {pg_async => PG_ASYNC});
    $slow->execute;
    say_it('async', $slow->pg_result, $slow->fetchall_arrayref);
    $db->do('SELECT pg_sleep(20)', {pg_async => PG_ASYNC});
    $db->pg_cancel;  # says whether in time, which is chance
    say_it('cancelled', fetched('SELECT 1 AS one'));
    $db->do('LISTEN told');
    $db->do("NOTIFY told, 'x'");
    my $note = $db->pg_notifies;
    say_it('heard', $note->[0], $note->[2]);
    say_it('quoted', $db->quote("it's"), $db->quote_identifier('a"b', 'c'), $db->ping > 0, $db->{pg_server_version} > 0);
    say_it('two', $db->do('SELECT 1; SELECT 2'));
}

sub catalog {
    for my $kind (qw(TABLE VIEW)) {
        say_it(@$_[1 .. 4]) for @{$db->table_info(undef, 'public', undef, $kind)->fetchall_arrayref};
    }
    for my $table (qw(people tickets samples notes)) {
        say_it(@$_[1 .. 17]) for @{$db->column_info(undef, 'public', $table, undef)->fetchall_arrayref};
        my $key = $db->primary_key_info(undef, 'public', $table);
        say_it(@$_[1 .. 5]) for $key ? @{$key->fetchall_arrayref} : ();
        my $refers = $db->foreign_key_info(undef, undef, undef, undef, 'public', $table);
        say_it(@$_[1 .. 14]) for $refers ? @{$refers->fetchall_arrayref} : ();
        my $index = $db->statistics_info(undef, 'public', $table, 0, 1);
        say_it(@$_[1 .. 9]) for $index ? @{$index->fetchall_arrayref} : ();
    }
    say_it($db->type_info(4)->{TYPE_NAME}, $db->get_info(17));
}

sub refusals {
    for my $sql ("SELECT name FROM people WHERE homeland = 'Land 3'", 'SELECT * FROM port.refugee_services') {
        eval { $db->selectall_arrayref($sql) };
        say_it($db->state, $db->errstr =~ /protected/ ? 1 : 0, $db->selectrow_array('SELECT count(*) FROM people'));
    }
}

{work => \&work, catalog => \&catalog, refusals => \&refusals}->{$ARGV[0]}->();
