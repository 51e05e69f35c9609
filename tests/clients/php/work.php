<?php
// What PHP's clients are driven through: `work.php NAME`; prints a line of JSON for each thing that it got.
// Reads libpq's variables. The libraries are Debian's: php-pgsql, php-doctrine-dbal, php-illuminate-database.
error_reporting(E_ALL & ~E_DEPRECATED);
use Doctrine\DBAL\DriverManager;
use Doctrine\DBAL\ParameterType;

[$host, $port, $db, $user, $pass] = array_map('getenv', ['PGHOST', 'PGPORT', 'PGDATABASE', 'PGUSER', 'PGPASSWORD']);

function sorted(array $names) { sort($names); return $names; }  // PostgreSQL gives them in no order
function sorted_by_name(array $things) { ksort($things); return array_values($things); }
function put(...$things) { echo json_encode($things, JSON_UNESCAPED_UNICODE | JSON_PARTIAL_OUTPUT_ON_ERROR), "\n"; }

function pdo() {
    global $host, $port, $db, $user, $pass;
    return new PDO("pgsql:host=$host;port=$port;dbname=$db;sslmode=disable", $user, $pass, [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
}

function work_pdo(bool $emulate) {
    $c = pdo();
    $c->setAttribute(PDO::ATTR_EMULATE_PREPARES, $emulate);
    $s = $c->prepare('SELECT person_id, name, homeland, standing, points, rent, active, born FROM people WHERE ward_id = :w AND active = :a ORDER BY person_id');
    $s->bindValue('w', 2, PDO::PARAM_INT);
    $s->bindValue('a', true, PDO::PARAM_BOOL);
    $s->execute();
    put($s->fetchAll(PDO::FETCH_ASSOC));
    for ($i = 0; $i < 7; $i++) { $m = $s->getColumnMeta($i); put($m['name'], $m['native_type'], $m['pgsql:oid'], $m['table'] ?? null, $m['len'], $m['precision']); }
    $s = $c->prepare('SELECT * FROM people ORDER BY person_id LIMIT ?');
    foreach ([1, 3] as $n) { $s->bindValue(1, $n, PDO::PARAM_INT); $s->execute(); put($s->fetchAll(PDO::FETCH_NUM)); }
    $c->beginTransaction();
    put($c->exec("UPDATE people SET name = 'x' WHERE ward_id = 3"), $c->query("INSERT INTO notes (note_id, title) VALUES (1, 'a') RETURNING *")->fetch(PDO::FETCH_OBJ));
    put($c->pgsqlCopyToArray('wards', "\t", '\\N', 'ward_id,name'), $c->pgsqlCopyFromArray('notes', ["7\tcopied"], "\t", '\\N', 'note_id,title'));
    $c->rollBack();
    try { $c->query('SELECT nope FROM wards'); } catch (PDOException $e) { put($e->getCode(), $e->errorInfo[0]); }
    $cur = $c->prepare('SELECT person_id FROM people ORDER BY person_id', [PDO::ATTR_CURSOR => PDO::CURSOR_SCROLL]);
    $c->beginTransaction();
    $cur->execute();
    put($cur->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_ABS, 5), $cur->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_PRIOR), $cur->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_LAST));
    $c->rollBack();
}

function work_pgsql() {
    global $host, $port, $db, $user, $pass;
    $c = pg_connect("host=$host port=$port dbname=$db user=$user password=$pass sslmode=disable");
    $r = pg_query_params($c, 'SELECT * FROM people WHERE person_id < $1 ORDER BY 1', [4]);
    put(pg_fetch_all($r), pg_num_fields($r), pg_field_table($r, 1), pg_field_table($r, 14), pg_field_type($r, 10));
    pg_prepare($c, 'q', 'SELECT name, homeland FROM people WHERE ward_id = $1 ORDER BY 1');
    put(pg_fetch_all(pg_execute($c, 'q', [1])), pg_meta_data($c, 'people'), pg_version($c)['server']);
    pg_query($c, 'LISTEN jobs'); pg_query($c, "NOTIFY jobs, 'hi'");
    put(array_intersect_key((array) pg_get_notify($c), ['message' => 1, 'payload' => 1]), pg_select($c, 'wards', ['ward_id' => 2]), pg_convert($c, 'wards', ['ward_id' => '3']));
}

function dbal() {
    global $host, $port, $db, $user, $pass;
    $c = DriverManager::getConnection(['driver' => 'pdo_pgsql', 'host' => $host, 'port' => (int) $port, 'dbname' => $db, 'user' => $user, 'password' => $pass, 'sslmode' => 'disable']);
    foreach (['standing', 'topic', 'place', 'int4range', 'daterange', 'datemultirange', 'bit', 'varbit', 'point', 'tsvector', 'permit_no', 'rating', '_text', '_int4', 'macaddr', 'cidr', 'inet', 'xid'] as $t) $c->getDatabasePlatform()->registerDoctrineTypeMapping($t, 'string');
    return $c;
}

function work_doctrine() {
    $c = dbal();
    $q = $c->createQueryBuilder()->select('p.person_id', 'p.name', 'p.homeland', 'w.name AS ward')->from('people', 'p')->leftJoin('p', 'wards', 'w', 'w.ward_id = p.ward_id')
        ->where('p.ward_id IN (:w)')->setParameter('w', [1, 2], Doctrine\DBAL\Connection::PARAM_INT_ARRAY)->orderBy('p.person_id')->setMaxResults(5);
    put($q->executeQuery()->fetchAllAssociative(), $c->fetchOne('SELECT count(*) FROM people WHERE active = ?', [true], [ParameterType::BOOLEAN]));
    $s = $c->createSchemaManager();
    $names = fn($things) => sorted(array_map(fn($t) => $t->getName(), $things));
    put($s->listSchemaNames(), $names($s->listTables()), $names($s->listViews()), array_map(fn($q) => [$q->getName(), $q->getInitialValue()], $s->listSequences()));
    foreach (['people', 'tickets', 'port.berths'] as $t) {
        put(array_map(fn($x) => [$x->getName(), $x->getType()->getName(), $x->getNotnull(), $x->getDefault(), $x->getAutoincrement(), $x->getComment(), $x->getLength()], array_values($s->listTableColumns($t))));
        put(array_map(fn($x) => [$x->getName(), $x->getColumns(), $x->isUnique(), $x->isPrimary()], sorted_by_name($s->listTableIndexes($t))), array_map(fn($x) => [$x->getName(), $x->getLocalColumns(), $x->getForeignTableName()], $s->listTableForeignKeys($t)));
    }
    $c->setNestTransactionsWithSavepoints(true);
    // undone, so that rows stay where they are
    $c->beginTransaction();
    $c->insert('notes', ['note_id' => 1, 'title' => 'a']);
    put($c->update('people', ['name' => 'y'], ['person_id' => 5]), $c->delete('notes', ['note_id' => 9]));
    try {
        $c->transactional(fn($c) => $c->insert('notes', ['note_id' => 1, 'title' => 'b']));
    } catch (Doctrine\DBAL\Exception\UniqueConstraintViolationException $e) {
        put($e->getSQLState(), $c->fetchOne('SELECT title FROM notes'));
    }
    $c->rollBack();
}

function work_eloquent() {
    global $host, $port, $db, $user, $pass;
    $m = new Illuminate\Database\Capsule\Manager();
    $m->addConnection(['driver' => 'pgsql', 'host' => $host, 'port' => $port, 'database' => $db, 'username' => $user, 'password' => $pass, 'charset' => 'utf8', 'prefix' => '', 'schema' => 'public', 'sslmode' => 'disable']);
    $m->setAsGlobal();
    $m->bootEloquent();
    put(Person::with(['ward', 'tickets' => fn($q) => $q->orderBy('ticket_id')])->orderBy('person_id')->take(3)->get()->toArray());
    put(Person::where('ward_id', 2)->where(fn($q) => $q->whereNull('rent')->orWhere('rent', '>', 800))->pluck('name', 'person_id')->all(), Person::count(), Person::has('tickets', '>', 5)->count(), Person::withCount('tickets')->orderBy('person_id')->limit(4)->get()->toArray());
    put(Person::orderBy('person_id')->skip(10)->take(5)->get(['person_id', 'homeland'])->toArray(), $m->table('people')->join('wards', 'wards.ward_id', '=', 'people.ward_id')->select('wards.name', $m->connection()->raw('count(*) AS n'))->groupBy('wards.name')->orderBy('wards.name')->get()->all());
    $n = 0;
    Person::chunkById(25, function ($people) use (&$n) { $n += count($people); }, 'person_id');
    put($n, Person::whereJsonContains('prefs->lang', 'en')->count(), $m->schema()->getColumnListing('people'), $m->schema()->hasTable('wards'));
    $m->connection()->beginTransaction();
    $p = new Person(['name' => 'New', 'ward_id' => 1]);
    $p->save();
    put($p->person_id > 60, tap(Person::find(5))->update(['name' => 'Renamed'])->name, $m->table('notes')->insertOrIgnore([['note_id' => 1, 'title' => 'a'], ['note_id' => 1, 'title' => 'b']]), Person::lockForUpdate()->find(7)->name);
    put($m->table('notes')->updateOrInsert(['note_id' => 1], ['title' => 'c']), $m->table('notes')->increment('votes', 3), $m->table('notes')->get()->all());
    $m->connection()->rollBack();
    try { Person::where('nope', 1)->get(); } catch (Illuminate\Database\QueryException $e) { put($e->getCode()); }
}

function refusals() {
    $c = pdo();
    foreach (["SELECT count(*) FROM people WHERE homeland = 'x'", 'SELECT * FROM port.refugee_services'] as $sql) {
        try { $c->query($sql); } catch (PDOException $e) { put($e->getCode(), $c->query('SELECT count(*) FROM people')->fetchColumn()); }
    }
}

if (in_array($argv[1], ['doctrine'])) { require_once '/usr/share/php/Doctrine/DBAL/autoload.php'; }
if ($argv[1] === 'eloquent') {
    require_once '/usr/share/php/Illuminate/Database/autoload.php';
    class Ward extends Illuminate\Database\Eloquent\Model { protected $primaryKey = 'ward_id'; public $timestamps = false; }
    class Ticket extends Illuminate\Database\Eloquent\Model { protected $primaryKey = 'ticket_id'; public $timestamps = false; }
    class Person extends Illuminate\Database\Eloquent\Model {
        protected $table = 'people'; protected $primaryKey = 'person_id'; public $timestamps = false; protected $fillable = ['name', 'ward_id'];
        protected $casts = ['prefs' => 'array', 'active' => 'boolean'];
        public function ward() { return $this->belongsTo(Ward::class, 'ward_id', 'ward_id'); }
        public function tickets() { return $this->hasMany(Ticket::class, 'person_id', 'person_id'); }
    }
}
match ($argv[1]) {
    'pdo' => [work_pdo(false), work_pdo(true), work_pgsql()],
    'doctrine' => work_doctrine(),
    'eloquent' => work_eloquent(),
    'versions' => put(phpversion(), PDO::class),
    default => refusals(),
};
