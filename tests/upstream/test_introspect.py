"""The catalog, read from real servers by an ordinary login, against a schema with one of everything."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from pathlib import Path

import asyncpg
import pytest

from redactor.catalog import UNREAD, Catalog, Function, Relation, Role, digest
from redactor.errors import UpstreamError
from redactor.model import RelationName
from redactor.upstream import connect, fingerprint, introspect, locked, read_catalog
from tests.servers import Server, readable

HARD = (Path(__file__).parent / "hard.sql").read_text()


@pytest.fixture(scope="module")
def hard(postgres: Server) -> str:
    """A database with the hard schema; its name."""
    name = "hard"
    psql(postgres, "postgres", f"CREATE DATABASE {name}")
    psql(
        postgres,
        name,
        "CREATE ROLE reader LOGIN; CREATE ROLE crew; CREATE ROLE visitors IN ROLE crew;"
        " CREATE ROLE Ada LOGIN IN ROLE visitors; CREATE ROLE root2 SUPERUSER BYPASSRLS REPLICATION;"
        " ALTER ROLE ada SET search_path = s, public; ALTER ROLE ALL SET work_mem = '1MB';"
        f" ALTER DATABASE {name} SET work_mem = '2MB'; ALTER ROLE ada IN DATABASE {name} SET work_mem = '3MB';"
        f" ALTER ROLE ada IN DATABASE postgres SET work_mem = '9MB'; ALTER ROLE crew SET DateStyle = 'ISO, DMY'",
    )
    psql(postgres, name, readable(HARD, postgres.major))
    return name


def psql(server: Server, database: str, text: str) -> None:
    """The text run by the superuser, in a session of its own."""
    done = subprocess.run(
        [server.psql, "-qXv", "ON_ERROR_STOP=1", "-d", server.dsn(database)],
        input=text,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
async def reader(postgres: Server, hard: str) -> AsyncIterator[asyncpg.Connection]:
    """An ordinary login's connection."""
    connection = await connect(postgres.dsn(hard, "reader"))
    yield connection
    await connection.close()


@pytest.fixture
async def catalog(reader: asyncpg.Connection) -> Catalog:
    return await read_catalog(reader, "city")


def of(catalog: Catalog, name: str) -> Relation:
    found = catalog.relation(RelationName("s", name))
    assert found is not None, name
    return found


def function(catalog: Catalog, name: str) -> Function:
    [found] = catalog.functions_named(name)
    return found


def reads(catalog: Catalog, relation: Relation | Function) -> set[str]:
    """What it reads, as `relation.column` or `relation`."""
    out = set()
    for oid, number in relation.reads:
        source = catalog.relations[oid]
        out.add(source.name + "".join(f".{c.name}" for c in source.columns if c.number == number))
    return out


async def test_the_database(catalog: Catalog, postgres: Server) -> None:
    assert catalog.database == "city"
    assert catalog.version // 10000 == postgres.major
    assert catalog.encoding == "UTF8"
    assert {"pg_catalog", "information_schema", "public", "s", "Odd Schema"} <= catalog.schemas
    assert not [s for s in catalog.schemas if s.startswith(("pg_temp", "pg_toast"))]
    assert "plpgsql" in catalog.extensions
    assert {"lower", "pg_get_viewdef", "nextval"} <= catalog.builtin_functions


async def test_columns(catalog: Catalog) -> None:
    people = of(catalog, "people")
    assert [(c.name, c.type) for c in people.columns] == [
        ("id", "integer"),
        ("full_name", "character varying(40)"),
        ("code", "character(3)"),
        ("status", "s.status"),
        ("a_number", "s.a_number"),
        ("income", "numeric(12,2)"),
        ("wait", "interval day to second(3)"),
        ("spans", "s.int_span[]"),
        ("native", "text"),
        ("letter", "text"),
        ("Mixed Case", '"char"'),
        ("ref", "s.pair"),
    ]
    by_name = {c.name: c for c in people.columns}
    assert by_name["id"].identity
    assert by_name["id"].number == 1
    assert by_name["full_name"].number == 3, "numbers are attnum, dropped columns leave a gap"
    assert by_name["full_name"].not_null
    assert not by_name["code"].not_null
    assert by_name["income"].default == "0"
    assert by_name["income"].generated is None
    assert by_name["letter"].default is None
    assert "income > (10)::numeric" in (by_name["letter"].generated or "")
    assert by_name["native"].collation == 'pg_catalog."POSIX"'
    assert by_name["a_number"].collation is None, "that is its type's own"
    assert by_name["native"].comment == "language at home"
    assert people.comment == "who lives here"


async def test_a_null_of_every_type_is_valid_whatever_the_search_path(
    catalog: Catalog, postgres: Server, hard: str
) -> None:
    owner = await asyncpg.connect(postgres.dsn(hard))
    await owner.execute("SET search_path = nowhere")
    for relation in catalog.relations.values():
        if relation.schema in ("s", "Odd Schema"):
            for column in relation.columns:
                oid = await owner.fetchval(f"SELECT pg_typeof(NULL::{column.type})::oid")
                assert oid == column.type_oid
    await owner.close()


async def test_system_relations_are_there_with_their_columns(catalog: Catalog) -> None:
    pg_class = catalog.relation(RelationName("pg_catalog", "pg_class"))
    assert pg_class is not None
    assert pg_class.column("reltuples") is not None
    columns = catalog.relation(RelationName("information_schema", "columns"))
    assert columns is not None
    assert columns.kind == "v"


async def test_temporary_and_toast_relations_are_left_out(catalog: Catalog) -> None:
    assert not [r for r in catalog.relations.values() if r.name == "passing" or r.kind in "ti"]


async def test_a_relation_knows_its_toast_table(catalog: Catalog, reader: asyncpg.Connection) -> None:
    people = of(catalog, "people")
    names = await reader.fetch("SELECT relname FROM pg_catalog.pg_class WHERE oid = ANY ($1) ORDER BY 1", people.toast)
    assert [r["relname"] for r in names] == [f"pg_toast_{people.oid}", f"pg_toast_{people.oid}_index"]
    assert of(catalog, "directory").toast == ()


async def test_constraints(catalog: Catalog) -> None:
    people = {c.name: c for c in of(catalog, "people").constraints}
    assert (people["people_pkey"].kind, people["people_pkey"].columns) == ("p", ("id",))
    assert people["people_a_number_key"].kind == "u"
    assert people["people_code_excl"].kind == "x"
    check = people["poor_visa"]
    assert check.kind == "c"
    assert set(check.columns) == {"status", "income"}
    [foreign] = [c for c in of(catalog, "visits").constraints if c.kind == "f"]
    assert foreign.foreign == of(catalog, "people").oid
    assert (foreign.columns, foreign.foreign_columns) == (("person",), ("id",))
    assert (foreign.on_delete, foreign.on_update) == ("c", "n")


async def test_indexes_and_statistics(catalog: Catalog) -> None:
    people = of(catalog, "people")
    index = next(i for i in people.indexes if i.name == "people_lower")
    assert index.columns == ("id", "code")
    assert index.expressions == "lower((full_name)::text)"
    assert index.predicate == "(status = 'visa'::s.status)"
    assert not index.unique
    assert not index.constraint
    assert next(i for i in people.indexes if i.name == "people_pkey").constraint
    [statistics] = people.statistics
    assert statistics.columns == ("code", "status")


async def test_triggers(catalog: Catalog) -> None:
    triggers = {t.name: t for t in of(catalog, "people").triggers}
    assert set(triggers) == {"noted", "emptied"}, "disabled ones, and foreign keys' own, are left out"
    noted = triggers["noted"]
    assert noted.function == function(catalog, "note").oid
    assert (noted.events, noted.timing, noted.row) == ({"insert", "update"}, "before", True)
    assert noted.columns == ("status", "code")
    assert noted.condition is not None
    assert noted.condition.endswith("') EXECUTE FUNCTION x()'::bpchar))"), "a literal does not end it"
    assert (triggers["emptied"].events, triggers["emptied"].timing, triggers["emptied"].row) == (
        {"truncate"},
        "after",
        False,
    )
    assert triggers["emptied"].arguments == ("a, b", "2")
    assert of(catalog, "noncitizens").triggers[0].timing == "instead of"
    assert [t.name for t in of(catalog, "stops_a").triggers] == ["stopped"], "a partition has its copy"


async def test_row_policies(catalog: Catalog) -> None:
    visits = of(catalog, "visits")
    assert visits.row_security
    assert visits.force_row_security
    everyone, seen = visits.policies
    assert (seen.name, seen.command, seen.permissive, seen.roles) == ("seen", "r", True, ("visitors",))
    assert (everyone.command, everyone.permissive, everyone.roles) == ("*", False, ())
    assert everyone.check == "(visit_id > 1)"
    assert {"people.status", "people.id", "visits.visit_id"} <= reads(catalog, visits)


async def test_views_rules_and_what_they_read(catalog: Catalog) -> None:
    directory = of(catalog, "directory")
    assert directory.security_barrier
    assert not directory.security_invoker
    assert "s.people" in (directory.definition or "")
    [rule] = directory.rules
    assert (rule.name, rule.event, rule.instead) == ("directory_upd", "update", True)
    assert {"people.id", "people.full_name", "visits.person"} <= reads(catalog, directory)
    assert reads(catalog, of(catalog, "noncitizens")) == {"people.id", "people.status"}
    assert reads(catalog, of(catalog, "whole")) == {"people"}
    assert {"directory.id", "visits.at"} <= reads(catalog, of(catalog, "over"))
    assert of(catalog, "counted").kind == "m"


async def test_partitions_and_inheritance(catalog: Catalog) -> None:
    stops = of(catalog, "stops")
    assert (stops.kind, stops.partition_key, stops.partition_columns) == ("p", "LIST (status)", ("status",))
    part = of(catalog, "stops_a")
    assert part.partition
    assert part.parents == (stops.oid,)
    rest = of(catalog, "stops_rest")
    assert set(rest.partition_columns) == {"id", "status", "at"}, "those inside expressions too"
    assert of(catalog, "stops_by_year").partition_columns == ("at",)
    more = of(catalog, "more")
    assert more.parents == (of(catalog, "base").oid,)
    assert [c.inherited for c in more.columns] == [True, True, False]


async def test_sequences_know_their_column(catalog: Catalog) -> None:
    assert of(catalog, "people_id_seq").owned_by == (of(catalog, "people").oid, 1)
    assert of(catalog, "visits_visit_id_seq").owned_by == (of(catalog, "visits").oid, 1)
    assert of(catalog, "free_seq").owned_by is None
    assert "nextval" in (of(catalog, "visits").columns[0].default or "")


async def test_functions(catalog: Catalog) -> None:
    atomic = function(catalog, "atomic")
    # what a text reads is not written down; 13 has texts only
    assert atomic.atomic == (catalog.version >= 140000)
    assert "s.people" in atomic.body
    assert reads(catalog, atomic) == ({"people.full_name", "people.id"} if atomic.atomic else set())
    assert (atomic.arguments, atomic.argument_names, atomic.argument_modes) == ((23,), ("p", "a", "b"), "ioo")
    assert atomic.all_arguments == (23, 25, 23)
    plain = function(catalog, "plain")
    assert plain.signature == "s.plain(integer,text[])"
    assert plain.body == "SELECT * FROM people WHERE id = p"
    assert not plain.atomic
    assert plain.security_definer
    assert plain.strict
    assert plain.returns_set
    assert plain.variadic
    assert plain.settings == (("search_path", "s, pg_temp"), ("work_mem", "5MB"))
    assert plain.defaults == 2
    assert plain.default_expressions == "7, '{}'::text[]"
    assert plain.volatility == "s"
    assert catalog.types[plain.returns].relation == of(catalog, "people").oid
    assert function(catalog, "act").kind == "p"
    joined = function(catalog, "joined")
    assert joined.kind == "a"
    assert set(joined.parts) == {function(catalog, "add").oid, function(catalog, "finish").oid}
    assert [catalog.builtin_names[p] for p in function(catalog, "of_builtins").parts] == ["textcat"]


async def test_operators_and_casts(catalog: Catalog) -> None:
    operators = {o.name: o for o in catalog.operators}
    assert set(operators) == {"~+~", "!!!"}
    assert operators["~+~"].function == function(catalog, "add").oid
    assert (operators["!!!"].left, operators["!!!"].right) == (0, 25)
    cast, *made = sorted(catalog.casts, key=lambda c: c.target)
    # to the type's multirange, which 13 has not
    spans = [t.oid for t in catalog.types.values() if t.name == "int_span" and catalog.version >= 140000]
    assert [c.source for c in made] == spans
    assert (cast.target, cast.function, cast.context) == (25, function(catalog, "pair_text").oid, "a")


async def test_types(catalog: Catalog) -> None:
    types = {t.name: t for t in catalog.types.values() if t.schema == "s"}
    assert types["status"].labels == ("citizen", "it's", "visa")
    domain = types["a_number"]
    assert (domain.kind, domain.base) == ("d", 25)
    assert sorted(domain.checks) == ["(VALUE ~ '^A'::text)", "(length(VALUE) < 12)"]
    assert domain.default == "'A0'::text"
    assert types["_status"].array
    assert types["_status"].base == types["status"].oid
    assert types["int_span"].base == 23
    assert types["int_span"].functions == (function(catalog, "span").oid,)
    assert catalog.relations[types["people"].relation].name == "people"
    assert catalog.relation(RelationName("s", "pair")) is None, "a composite type is no relation that one can read"


async def test_odd_names_are_as_stored(catalog: Catalog) -> None:
    odd = catalog.relation(RelationName("Odd Schema", "Ta.ble"))
    assert odd is not None
    assert [c.name for c in odd.columns] == ['a "b"']


async def test_roles(catalog: Catalog) -> None:
    ada = catalog.roles["ada"]
    assert ada.can_login
    assert ada.member_of == {"visitors", "crew"}
    assert dict(ada.settings) == {"search_path": "s, public", "work_mem": "3MB"}, "role in database wins"
    assert dict(catalog.roles["crew"].settings) == {"datestyle": "ISO, DMY", "work_mem": "2MB"}
    root = catalog.roles["root2"]
    assert root.superuser
    assert root.bypass_rls
    assert root.replication
    assert not root.can_login
    assert catalog.groups_of("ada") == {"visitors", "crew"}


async def test_a_membership_that_gives_nothing_is_none(postgres: Server, reader: asyncpg.Connection) -> None:
    if postgres.major < 16:
        pytest.skip("memberships have options from 16")
    psql(postgres, "postgres", "CREATE ROLE maker; GRANT crew TO maker WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
    try:
        assert (await read_catalog(reader, "city")).roles["maker"].member_of == frozenset()
    finally:
        psql(postgres, "postgres", "DROP ROLE maker")


@pytest.mark.parametrize(("extension", "present"), [("hstore", "hstore"), ("dblink", "dblink")])
async def test_extensions_own_what_they_bring(
    postgres: Server, reader: asyncpg.Connection, hard: str, extension: str, present: str
) -> None:
    if extension not in postgres.extensions:
        pytest.skip(f"{extension} is not installed")
    psql(postgres, hard, f"CREATE EXTENSION {extension} SCHEMA public")
    try:
        catalog = await read_catalog(reader, "city")
        assert extension in catalog.extensions
        assert {f.extension for f in catalog.functions_named(present)} == {extension}
        if extension == "hstore":
            assert "hstore" in {o.extension for o in catalog.operators}
            assert "hstore" in {c.extension for c in catalog.casts}
    finally:
        psql(postgres, hard, f"DROP EXTENSION {extension} CASCADE")


async def test_a_function_put_into_pg_catalog_is_not_postgresqls_own(
    postgres: Server, reader: asyncpg.Connection, hard: str
) -> None:
    """Whoever overloads `lower` there must not inherit its good name."""
    psql(postgres, hard, "CREATE FUNCTION pg_catalog.lower(s.people) RETURNS text LANGUAGE sql AS 'SELECT 1::text'")
    try:
        found = function(await read_catalog(reader, "city"), "lower")
        assert found.schema == "pg_catalog"
    finally:
        psql(postgres, hard, "DROP FUNCTION pg_catalog.lower(s.people)")


async def test_reading_waits_for_nobody(
    postgres: Server, reader: asyncpg.Connection, hard: str, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What others hold locked is left unread, and all else is as ever."""
    monkeypatch.setattr(introspect, "PATIENCE", 0.1)
    other = await asyncpg.connect(postgres.dsn(hard))
    people, visits = of(catalog, "people"), of(catalog, "visits")
    try:
        async with other.transaction():
            await other.execute("LOCK s.people IN ACCESS EXCLUSIVE MODE")
            found = await read_catalog(reader, "city")
            assert await locked(reader) == {people.oid}
    finally:
        await other.close()
    assert found.locked == {people.oid}
    assert of(found, "directory").definition is None
    assert of(found, "over").definition == of(catalog, "over").definition
    assert of(found, "visits").columns == visits.columns
    now = of(found, "people")
    assert {(c.default, c.generated) for c in now.columns} <= {(None, None), (UNREAD, None), (None, UNREAD)}
    assert [(c.name, c.type, c.default is None, c.generated is None) for c in now.columns] == [
        (c.name, c.type, c.default is None, c.generated is None) for c in people.columns
    ]
    assert {i.predicate for i in now.indexes} == {None, UNREAD}
    assert {t.condition for t in now.triggers} == {None, UNREAD}
    assert {c.definition for c in now.constraints if c.kind == "c"} == {UNREAD}
    assert not await locked(reader)
    assert await read_catalog(reader, "city") == catalog


async def test_a_reading_that_takes_too_long_is_an_error(
    postgres: Server, reader: asyncpg.Connection, hard: str
) -> None:
    await reader.execute("SET statement_timeout = '1ms'")
    try:
        with pytest.raises(UpstreamError):
            await read_catalog(reader, "city")
    finally:
        await reader.execute("RESET statement_timeout")


async def test_the_digest_is_of_the_content(catalog: Catalog, reader: asyncpg.Connection) -> None:
    assert digest(await read_catalog(reader, "city")) == digest(catalog)
    people = of(catalog, "people")
    changed = {
        "database": "town",
        "version": catalog.version + 1,
        "encoding": "LATIN1",
        "relations": catalog.relations | {people.oid: replace(people, reads=frozenset({(1, 2)}))},
        "functions": {},
        "operators": catalog.operators[:1],
        "casts": (),
        "types": {},
        "roles": catalog.roles | {"ada": Role("ada")},
        "schemas": frozenset({"s"}),
        "builtin_functions": frozenset({"lower"}),
        "builtin_names": {},
        "extensions": {},
        "locked": frozenset({people.oid}),
    }
    assert set(changed) == {f.name for f in fields(Catalog) if f.init}, "every field counts"
    digests = {digest(replace(catalog, **{name: value})) for name, value in changed.items()}  # type: ignore[arg-type]
    assert len(digests | {digest(catalog)}) == len(changed) + 1


def test_the_digest_does_not_depend_on_the_process() -> None:
    """Sets of strings come in another order in every process."""
    script = (
        "from redactor.catalog import *; t = Trigger('t', 1, frozenset(map(str, range(50))), 'before', True);"
        "print(digest(Catalog('d', 1, 'e', {1: Relation(1, 's', 'n', 'r', 'o', triggers=(t,))}, {})))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE s.new (x int)",
        "ALTER TABLE s.visits ADD COLUMN extra int",
        "ALTER TABLE s.visits RENAME at TO moment",
        "ALTER TABLE s.visits ALTER at SET DEFAULT now()",
        "ALTER TABLE s.visits ALTER at SET NOT NULL",
        "COMMENT ON COLUMN s.visits.at IS 'when'",
        "DROP VIEW s.over",
        "CREATE OR REPLACE VIEW s.noncitizens AS SELECT id FROM s.people WHERE status IS NULL",
        "CREATE OR REPLACE FUNCTION s.pair_text(s.pair) RETURNS text LANGUAGE sql AS 'SELECT 1::text'",
        "ALTER FUNCTION s.note() SECURITY DEFINER",
        "ALTER TABLE s.people DISABLE TRIGGER noted",
        "ALTER POLICY seen ON s.visits USING (true)",
        "ALTER TABLE s.visits NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE s.stops DETACH PARTITION s.stops_a",
        "ALTER TABLE s.more NO INHERIT s.base",
        "ALTER SEQUENCE s.free_seq OWNED BY s.visits.at",
        "ALTER TYPE s.status ADD VALUE 'new'",
        "ALTER DOMAIN s.a_number ADD CHECK (VALUE <> 'A1')",
        "ALTER SCHEMA s RENAME TO t",
        "DROP CAST (s.pair AS text)",
        "CREATE ROLE someone",
        "ALTER ROLE ada BYPASSRLS",
        "REVOKE crew FROM visitors",
        "ALTER ROLE ada SET search_path = public",
        "CREATE EXTENSION plpgsql_or_other",
        "ALTER EXTENSION plpgsql ADD TABLE s.base",
        "DROP STATISTICS s.people_stats",
        "CREATE INDEX ON s.visits (at)",
    ],
)
async def test_the_fingerprint_sees(postgres: Server, hard: str, change: str) -> None:
    """Each change shows, also to the transaction that makes it; and none is left behind."""
    if "plpgsql_or_other" in change:
        change = "CREATE EXTENSION " + next(e for e in ("hstore", "vector") if e in postgres.extensions)
    connection = await asyncpg.connect(postgres.dsn(hard))
    before = await fingerprint(connection)
    try:
        assert await fingerprint(connection) == before
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(change)
        changed = await fingerprint(connection)
        await transaction.rollback()
        assert changed != before
        assert await fingerprint(connection) == before
    finally:
        await connection.close()


async def test_the_fingerprint_does_not_mind_work_that_changes_no_fact(postgres: Server, hard: str) -> None:
    connection = await asyncpg.connect(postgres.dsn(hard))
    try:
        before = await fingerprint(connection)
        await connection.execute("CREATE TEMP TABLE x (id serial PRIMARY KEY, t text DEFAULT 'a' CHECK (t <> ''))")
        await connection.execute("CREATE TEMP VIEW y AS SELECT * FROM x; CREATE INDEX ON x (t)")
        await connection.execute(
            "INSERT INTO s.people (full_name, a_number) SELECT 'n' || i, 'A' || i FROM generate_series(1, 500) i"
        )
        await connection.execute("ANALYZE s.people")
        assert await fingerprint(connection) == before
        await connection.execute("DELETE FROM s.people")
        await connection.execute("VACUUM FREEZE s.people")
        await connection.execute("VACUUM pg_class")
        assert await fingerprint(connection) == before
    finally:
        await connection.close()


async def test_reading_while_others_create_and_drop(postgres: Server, reader: asyncpg.Connection, hard: str) -> None:
    """Functions of the server see newer states than the transaction does: no reading may fail for that."""
    other = await asyncpg.connect(postgres.dsn(hard))
    done = asyncio.Event()

    async def churn() -> None:
        while not done.is_set():
            create = (
                "CREATE TABLE s.brief (id serial PRIMARY KEY, t s.status CHECK (t <> 'visa'));"
                " CREATE INDEX ON s.brief ((id + 1)) WHERE id > 3; CREATE VIEW s.brief_view AS SELECT t FROM s.brief;"
                " CREATE FUNCTION s.brief_of() RETURNS bigint LANGUAGE sql"
                "   BEGIN ATOMIC SELECT count(*) FROM s.brief; END;"
            )
            await other.execute(readable(create, postgres.major))
            await other.execute("DROP TABLE s.brief CASCADE; DROP FUNCTION IF EXISTS s.brief_of()")

    churning = asyncio.create_task(churn())
    try:
        for _ in range(8):
            assert of(await read_catalog(reader, "city"), "people").columns
    finally:
        done.set()
        await churning
        await other.close()


async def test_a_table_that_is_locked_does_not_stop_the_reading(
    reader: asyncpg.Connection, postgres: Server, hard: str
) -> None:
    # but for one with defaults, expressions or conditions: pg_get_expr waits for the table's lock
    other = await asyncpg.connect(postgres.dsn(hard))
    newer = int(await reader.fetchval("SHOW server_version_num")) >= 150000
    try:
        clause = "NULLS NOT DISTINCT" if newer else ""
        await other.execute("CREATE SCHEMA locked; CREATE TABLE locked.t (a int, b text)")
        await other.execute(f"CREATE UNIQUE INDEX i ON locked.t (a) {clause}; CREATE INDEX j ON locked.t (b)")
        async with other.transaction():
            await other.execute("LOCK TABLE locked.t IN ACCESS EXCLUSIVE MODE")
            async with asyncio.timeout(10):
                read = await read_catalog(reader, "city")
        found = read.relation(RelationName("locked", "t"))
        assert found is not None
        assert {i.name: i.nulls_equal for i in found.indexes} == {"i": newer, "j": False}
    finally:
        await other.execute("DROP SCHEMA IF EXISTS locked CASCADE")
        await other.close()
