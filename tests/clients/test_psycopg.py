"""psycopg 3: blocking, asynchronous, binary, pipelines, server-side cursors, COPY."""

# ruff: noqa: PT012  (transactions, pipelines and COPY fail at their end)

from __future__ import annotations

import asyncio
import datetime as dt
import decimal
import select
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.composite import CompositeInfo, register_composite
from psycopg.types.enum import EnumInfo, register_enum
from psycopg.types.json import Jsonb
from psycopg.types.range import Range

from tests.clients.place import HIDDEN, Access, Place

Version = Callable[[str], None]


@pytest.fixture(autouse=True)
def _version(version: Version) -> None:
    version(psycopg.__version__)


def described(cur: psycopg.Cursor[Any]) -> list[tuple[Any, ...]]:
    """All that a result says of its columns."""
    return [(d.name, d.type_code, d.display_size, d.internal_size, d.precision, d.scale) for d in cur.description or []]


def diagnosed(e: psycopg.Error) -> list[Any]:
    """All that an error says, but where in the server's source it arose."""
    d = e.diag
    names = (
        "severity",
        "sqlstate",
        "message_primary",
        "message_detail",
        "message_hint",
        "statement_position",
        "context",
    )
    names += ("schema_name", "table_name", "column_name", "datatype_name", "constraint_name")
    return [getattr(d, name) for name in names]


READS = [
    "SELECT * FROM people ORDER BY person_id LIMIT 7",
    "SELECT people.* FROM people WHERE person_id = ANY('{3,9,12}') ORDER BY name",
    "TABLE people",
    f"SELECT person_id, {', '.join(HIDDEN)} FROM people WHERE ward_id = 3 ORDER BY 1",
    "SELECT p.*, w.name AS ward FROM people p JOIN wards w USING (ward_id) ORDER BY p.person_id LIMIT 5",
    "SELECT p::text, p IS NULL FROM people p WHERE person_id < 4 ORDER BY person_id",
    "SELECT row_to_json(p), to_jsonb(p) FROM people p WHERE person_id = 5",
    "SELECT array_agg(p.*::text ORDER BY person_id) FROM people p WHERE person_id < 3",
    "SELECT person_id, coalesce(homeland, '?') AS land, points + 1 AS more FROM people WHERE person_id < 5 ORDER BY 1",
    "SELECT * FROM standings ORDER BY person_id LIMIT 3",
    "SELECT * FROM directory ORDER BY person_id LIMIT 3",
    "SELECT p.person_id, p.name, count(t.ticket_id) FROM people p LEFT JOIN tickets t USING (person_id)"
    " GROUP BY p.person_id ORDER BY 1 LIMIT 9",
    "SELECT p.person_id, p.xmin IS NULL, p.tableoid::regclass::text FROM people p ORDER BY 1 LIMIT 2",
    "SELECT person_id, row_number() OVER (PARTITION BY ward_id ORDER BY person_id) FROM people ORDER BY 1 LIMIT 9",
    "SELECT w.name, l.* FROM wards w, LATERAL (SELECT * FROM people p WHERE p.ward_id = w.ward_id ORDER BY 1 LIMIT 2) l"
    " ORDER BY w.ward_id, l.person_id",
    "WITH p AS (SELECT * FROM people) SELECT name, standing FROM p ORDER BY person_id LIMIT 2",
    "SELECT person_id FROM people ORDER BY person_id LIMIT 3 FOR UPDATE",
    "SELECT p.* FROM people p JOIN tickets t USING (person_id) ORDER BY t.ticket_id LIMIT 2 FOR SHARE OF t",
    "SELECT * FROM samples ORDER BY sample_id",
    "SELECT * FROM tickets WHERE topic = 'road' ORDER BY ticket_id LIMIT 5",
    "SELECT * FROM port.calls ORDER BY call_id",
    "SELECT * FROM ticket_counts ORDER BY topic",
    "SELECT open_tickets(8), (SELECT count(*) FROM busiest(3))",
    "SELECT * FROM busiest(4)",
    "VALUES (1, 'one'), (2, 'two')",
    "EXPLAIN (COSTS OFF) SELECT * FROM tickets WHERE ticket_id = 3",
]


@pytest.mark.client(
    "psycopg 3", "SELECT *, column lists, whole rows, joins, aggregates, views; text and binary, types of columns"
)
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_reads(place: Place, binary: bool) -> None:
    def work(a: Access) -> Any:
        got = []
        with psycopg.connect(a.url(), autocommit=True) as c:
            for sql in READS:
                cur = c.cursor(binary=binary)
                try:
                    cur.execute(sql.encode())
                    got.append((sql, described(cur), cur.fetchall(), cur.statusmessage))
                except psycopg.Error as e:  # a date that Python does not have is one
                    got.append((sql, str(e)))
        return got

    got = place.agree(work)
    assert [row[10:] for row in got[0][2]] == [(None,) * len(HIDDEN)] * 7


@pytest.mark.client("psycopg 3", "Describe of a prepared statement: parameter types, column names, types, lengths")
def test_describe(place: Place) -> None:
    def work(a: Access) -> Any:
        got = []
        with psycopg.connect(a.url(), autocommit=True) as c:
            for sql in (
                "SELECT * FROM people WHERE person_id = $1 AND name = $2 AND rent > $3",
                "INSERT INTO people (name, ward_id, prefs) VALUES ($1, $2, $3) RETURNING *",
                "UPDATE people SET rent = $1 WHERE person_id = $2 RETURNING person_id, rent, standing, permit",
                "SELECT $1::topic, $2::int[], $3 || 'x', $4::date - $5::date",
                "SELECT * FROM samples WHERE kind = $1 AND rng && $2",
            ):
                c.pgconn.send_prepare(b"s", sql.encode())
                answers = []
                for ask in (None, c.pgconn.send_describe_prepared):
                    if ask:
                        ask(b"s")
                    while (r := result_of(c)) is not None:
                        answers.append((r.status, r.error_message))
                        answers.append([r.param_type(i) for i in range(r.nparams)])
                        answers.append([(r.fname(i), r.ftype(i), r.fmod(i), r.fsize(i)) for i in range(r.nfields)])
                c.execute("DEALLOCATE s")
                got.append(answers)
        return got

    assert len(place.agree(work)[0][5]) == 22


def result_of(c: psycopg.Connection[Any]) -> Any:
    """The next result of libpq."""
    c.pgconn.flush()
    while c.pgconn.is_busy():
        select.select([c.pgconn.socket], [], [], 20)
        c.pgconn.consume_input()
    return c.pgconn.get_result()


PARAMETERS: list[Any] = [
    *(1, 2**40, -(2**15), 2**70, True, None, 1.5, float("inf"), decimal.Decimal("12.340"), "zürich €", b"\x00\xff"),
    *(dt.date(2024, 2, 29), dt.time(1, 2, 3), dt.datetime(2024, 1, 1, 12), dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
    *(
        dt.timedelta(days=3, seconds=4),
        uuid.UUID(int=7),
        Jsonb({"a": [1, None]}),
        Range(1, 5),
        [1, None, 3],
        ["a", 'b"'],
    ),
]


@pytest.mark.client("psycopg 3", "parameters of many types, simple and prepared, text and binary")
def test_parameters(place: Place) -> None:
    def work(a: Access) -> Any:
        got = []
        with psycopg.connect(a.url(), autocommit=True, prepare_threshold=2) as c:
            for binary in (False, True):
                for value in PARAMETERS:
                    for _ in range(4):  # beyond the threshold: prepared on the server
                        cur = c.execute("SELECT %s", [value], binary=binary)
                    got.append((described(cur), cur.fetchall()))
            for i in (1, 2, 3, 4, 5):
                cur = c.execute(
                    "SELECT * FROM people WHERE person_id = %s AND name = %s", [i, f"Person {i}"], binary=True
                )
                got.append(cur.fetchall())
            got.append(
                c.execute("SELECT name, statement, parameter_types::text FROM pg_prepared_statements").fetchall() != []
            )
        with psycopg.connect(a.url(), cursor_factory=psycopg.ClientCursor) as c:
            for value in PARAMETERS:
                got.append(c.execute("SELECT %s, %s", [value, value]).fetchall())
            cur = c.execute("SELECT 1 AS a; SELECT * FROM people WHERE person_id < 3 ORDER BY 1; SHOW search_path")
            got.append(cur.fetchall())
            while cur.nextset():
                got.append((described(cur), cur.fetchall()))
        return got

    place.agree(work)


@pytest.mark.client("psycopg 3", "server-side cursors: named, scrollable, WITH HOLD, WHERE CURRENT OF")
def test_server_cursors(place: Place) -> None:
    def work(a: Access) -> Any:
        got: list[Any] = []
        with psycopg.connect(a.url()) as c:
            with c.cursor("desk", scrollable=True) as cur:
                cur.itersize = 7
                cur.execute("SELECT * FROM people ORDER BY person_id")
                got += [cur.fetchmany(5), cur.fetchone(), described_cursor(cur)]
                cur.scroll(10)
                got.append(cur.fetchone())
                cur.scroll(2, mode="absolute")
                got.append(cur.fetchall())
            with c.cursor("all") as cur:
                cur.itersize = 50
                cur.execute("SELECT ticket_id, topic FROM tickets ORDER BY 1")
                got.append(list(cur))
            with c.cursor("held", withhold=True) as cur:
                cur.execute("SELECT person_id, standing FROM people WHERE ward_id = %s ORDER BY 1", [2])
                c.commit()
                got.append(cur.fetchall())
            c.execute("DECLARE upd CURSOR FOR SELECT note_id, title FROM notes FOR UPDATE")
            c.rollback()
            c.execute(
                "DECLARE upd CURSOR FOR SELECT ticket_id, body FROM tickets WHERE ticket_id < 4 ORDER BY 1 FOR UPDATE"
            )
            c.execute("FETCH 2 FROM upd")
            got.append(
                c.execute("UPDATE tickets SET body = 'x' WHERE CURRENT OF upd RETURNING ticket_id, body").fetchall()
            )
            c.rollback()
            got.append(list(c.cursor().stream("SELECT * FROM people ORDER BY 1 LIMIT 6")))
            if psycopg.pq.version() >= 170000:
                got.append(list(c.cursor().stream("SELECT ticket_id FROM tickets ORDER BY 1", size=40)))
        return got

    def described_cursor(cur: Any) -> list[Any]:
        return [(d.name, d.type_code) for d in cur.description]

    place.agree(work)


@pytest.mark.client("psycopg 3", "COPY in and out: text, binary, csv, of tables and queries; a failing COPY")
def test_copy(place: Place) -> None:
    def work(a: Access) -> Any:
        got: list[Any] = []
        with psycopg.connect(a.url()) as c:
            cur = c.cursor()
            for sql in (
                "COPY people TO STDOUT",
                "COPY people (person_id, name, standing, papers) TO STDOUT (FORMAT csv, HEADER)",
                "COPY (SELECT * FROM people ORDER BY person_id LIMIT 9) TO STDOUT (FORMAT binary)",
                "COPY tickets TO STDOUT (FORMAT binary)",
                "COPY samples TO STDOUT (FORMAT csv, FORCE_QUOTE *, NULL 'nil')",
            ):
                with cur.copy(sql.encode()) as copy:
                    got.append(b"".join(bytes(b) for b in copy))
                got.append([cur.rowcount, cur.statusmessage])
            with c.transaction(force_rollback=True):
                with cur.copy("COPY notes (note_id, title, at) FROM STDIN") as copy:
                    for i in range(2000):
                        copy.write_row([i, f"note\t{i}", None if i % 3 else dt.datetime(2024, 1, 1, tzinfo=dt.UTC)])
                got.append([cur.rowcount, cur.statusmessage])
                with cur.copy("COPY people (person_id, name) FROM STDIN (FORMAT binary)") as copy:
                    copy.set_types(["int4", "text"])
                    for i in range(900, 930):
                        copy.write_row([i, f"copied {i}"])
                got.append(c.execute("SELECT count(*), count(at) FROM notes").fetchall())
                got.append(c.execute("SELECT * FROM people WHERE person_id BETWEEN 900 AND 902 ORDER BY 1").fetchall())
            with (
                pytest.raises(psycopg.errors.InvalidTextRepresentation) as e,
                cur.copy("COPY notes FROM STDIN") as copy,
            ):
                copy.write("not a number\t1\tx\t0\t\\N\t\\N\n")
            got.append(diagnosed(e.value))
            c.rollback()
            with pytest.raises(psycopg.errors.QueryCanceled), cur.copy("COPY notes FROM STDIN") as copy:
                copy.write("1\t1\tx\t0\t\\N\t\\N\n")
                raise psycopg.errors.QueryCanceled("enough")
            c.rollback()
            got.append(c.execute("SELECT count(*) FROM notes").fetchall())
        return got

    assert place.agree(work)[-1] == [(0,)]


@pytest.mark.client("psycopg 3", "pipelines, executemany with RETURNING, errors inside a pipeline")
def test_pipeline(place: Place) -> None:
    def work(a: Access) -> Any:
        got: list[Any] = []
        with psycopg.connect(a.url(), autocommit=True) as c:
            with c.pipeline() as p:
                cursors = [c.execute("SELECT * FROM people WHERE person_id = %s", [i]) for i in range(1, 30)]
                p.sync()
                cursors.append(c.execute("SELECT count(*) FROM tickets WHERE person_id = %s", [3]))
            got += [cur.fetchall() for cur in cursors]
            with pytest.raises(psycopg.errors.DivisionByZero) as e, c.pipeline():
                c.execute("INSERT INTO notes (title) VALUES ('lost')")
                c.execute("SELECT 1/0").fetchone()
            got.append(diagnosed(e.value))
            with c.transaction(force_rollback=True), c.pipeline():
                cur = c.cursor()
                rows = [(i, f"many {i}") for i in range(40)]
                cur.executemany("INSERT INTO notes (note_id, title) VALUES (%s, %s) RETURNING *", rows, returning=True)
                got.append([cur.fetchone()] + [cur.fetchone() for _ in range(39) if cur.nextset()])
            got.append(c.execute("SELECT count(*) FROM notes").fetchall())
        return got

    assert place.agree(work)[-1] == [(0,)]


@pytest.mark.client(
    "psycopg 3", "transactions, savepoints, isolation, RETURNING, upsert, MERGE, errors with all their fields"
)
def test_writes(place: Place) -> None:
    def work(a: Access) -> Any:
        got: list[Any] = []
        with psycopg.connect(a.url()) as c:
            for sql in (
                "INSERT INTO people (person_id, name, email, ward_id) VALUES (901, 'New', 'n@x', 2) RETURNING *",
                "UPDATE people SET rent = rent + 1, hobbies = hobbies || '{n}' WHERE person_id < 4 RETURNING people.*",
                "UPDATE people p SET name = w.name FROM wards w WHERE w.ward_id = p.ward_id AND p.person_id = 9"
                " RETURNING p.name, w.*",
                "INSERT INTO people (person_id, name) VALUES (901, 'Newer') ON CONFLICT (person_id)"
                " DO UPDATE SET name = excluded.name RETURNING person_id, name, standing",
                "INSERT INTO notes (title, votes) VALUES ('a', 1), ('b', 2) ON CONFLICT DO NOTHING",
                "INSERT INTO notes (title) SELECT 'from ' || name FROM people WHERE person_id < 4 RETURNING title",
                "DELETE FROM tickets WHERE ticket_id < 4 RETURNING *",
                "DELETE FROM people WHERE person_id = 901 RETURNING person_id, name",
                "MERGE INTO notes n USING (VALUES ('a', 5), ('z', 9)) v(title, votes) ON n.title = v.title"
                " WHEN MATCHED THEN UPDATE SET votes = v.votes"
                " WHEN NOT MATCHED THEN INSERT (title, votes) VALUES (v.title, v.votes)",
                "WITH d AS (DELETE FROM notes WHERE title = 'a' RETURNING votes) SELECT sum(votes) FROM d",
                "CALL port.berth(3, 'Ferry')",
                "TRUNCATE notes",
                "CREATE TEMP TABLE mine AS SELECT * FROM people WHERE person_id < 5",
                "SELECT * FROM mine ORDER BY 1",
                "SELECT pg_advisory_xact_lock(7)",
                "SELECT nextval('port.queue_no') IS NOT NULL",
            ):
                cur = c.execute(sql.encode())
                got.append(
                    [sql, described(cur), cur.fetchall() if cur.description else None, cur.rowcount, cur.statusmessage]
                )
            c.rollback()
            for sql in (
                "SELECT nope FROM wards",
                "INSERT INTO wards (ward_id, name) VALUES (1, 'x')",
                "INSERT INTO tickets (person_id, topic, urgency) VALUES (1, 'road', 9)",
                "INSERT INTO tickets (person_id, topic) VALUES (1, 'rail')",
                "INSERT INTO port.berths VALUES (90, -1)",
                "INSERT INTO notes (ward_id, title) VALUES (77, 'x')",
                "INSERT INTO notes (note_id, title) VALUES (77, NULL)",
                "SELECT 'x'::int",
                "SELECT 1/0",
                "SELEKT 1",
                "DELETE FROM wards",
                "LOCK TABLE pg_class",
            ):
                with pytest.raises(psycopg.Error) as e, c.transaction():
                    c.execute(sql.encode())
                got.append([sql, diagnosed(e.value)])
            c.rollback()
            with pytest.raises(psycopg.errors.DivisionByZero):
                c.execute("SELECT 1/0")
            for sql in ("SELECT 1", "SELEKT", "SELECT 'open", "SELECT * FROM nothing", "ROLLBACK TO nowhere"):
                with pytest.raises(psycopg.Error) as failed:
                    c.execute(sql.encode())
                got.append([sql, diagnosed(failed.value)])
            c.rollback()
            c.isolation_level, c.read_only = psycopg.IsolationLevel.SERIALIZABLE, True
            got.append(c.execute("SHOW transaction_isolation").fetchall())
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction) as e2:
                c.execute("DELETE FROM notes")
            got.append(diagnosed(e2.value))
            c.rollback()
        return got

    place.agree(work)


@pytest.mark.client("psycopg 3", "LISTEN and NOTIFY, cancel, SET and SHOW, notices, parameters of the session")
def test_session(place: Place) -> None:
    def work(a: Access) -> Any:
        got: list[Any] = []
        notices: list[Any] = []
        with (
            psycopg.connect(a.url(), autocommit=True) as c,
            psycopg.connect(a.url("postgresql"), autocommit=True) as other,
        ):
            c.add_notice_handler(lambda d: notices.append((d.severity, d.message_primary)))
            c.execute("LISTEN desk")
            other.execute("NOTIFY desk, 'hello'")
            other.execute("SELECT pg_notify('desk', 'again')")
            got.append([(n.channel, n.payload) for n in c.notifies(timeout=5, stop_after=2)])
            c.execute("UNLISTEN *")
            c.execute("DROP TABLE IF EXISTS nothing; ROLLBACK")
            for sql in (
                "SET TimeZone = 'America/Los_Angeles'",
                "SET search_path = port, public",
                "SET statement_timeout = '1min'",
            ):
                c.execute(sql.encode())
            got.append(c.execute("SELECT berth_id FROM berths ORDER BY 1").fetchall())
            got.append(c.execute("SELECT created_at::text FROM people WHERE person_id = 3").fetchall())
            got.append(
                [
                    c.info.encoding,
                    str(c.info.timezone),
                    c.info.server_version,
                    c.info.user,
                    c.info.transaction_status.name,
                ]
            )
            names = (
                "server_version",
                "server_encoding",
                "standard_conforming_strings",
                "DateStyle",
                "is_superuser",
                "IntervalStyle",
            )
            got.append([c.info.parameter_status(n) for n in names])
            threading.Timer(0.2, c.cancel_safe).start()
            began = time.monotonic()
            with pytest.raises(psycopg.errors.QueryCanceled) as e:
                c.execute("SELECT pg_sleep(20)")
            assert time.monotonic() - began < 10
            got += [diagnosed(e.value), c.execute("SELECT 1").fetchall(), notices]
        return got

    place.agree(work)


@pytest.mark.client("psycopg 3", "look-up of enums and composites, dict rows")
def test_types(place: Place) -> None:
    def work(a: Access) -> Any:
        with psycopg.connect(a.url()) as c:
            enum = EnumInfo.fetch(c, "topic")
            composite = CompositeInfo.fetch(c, "place")
            assert enum is not None
            assert composite is not None
            register_enum(enum, c)
            register_composite(composite, c)
            got: list[Any] = [list(enum.labels), list(composite.field_names), list(composite.field_types)]
            row = c.execute("SELECT kind, spotted FROM samples WHERE sample_id = 1", binary=True).fetchone()
            assert row is not None
            got += [row[0].name, tuple(row[1])]
            got.append(c.execute("SELECT count(*) FROM tickets WHERE topic = %s", [row[0]]).fetchall())
            with c.cursor(row_factory=dict_row) as cur:
                got.append(cur.execute("SELECT * FROM people ORDER BY person_id LIMIT 2").fetchall())
        return got

    place.agree(work)


@pytest.mark.client("psycopg 3", "asyncio: reads, prepared, transactions, COPY, notifications")
def test_async(place: Place) -> None:
    async def work(a: Access) -> Any:
        async with await psycopg.AsyncConnection.connect(a.url()) as c:
            got: list[Any] = [
                await (await c.execute("SELECT * FROM people WHERE ward_id = %s ORDER BY 1", [2])).fetchall()
            ]
            for i in range(8):
                got.append(
                    await (await c.execute("SELECT homeland, name FROM people WHERE person_id = %s", [i])).fetchall()
                )
            async with c.transaction(force_rollback=True):
                await c.execute("DELETE FROM tickets WHERE ticket_id < %s", [10])
                async with c.cursor().copy("COPY tickets TO STDOUT") as copy:
                    got.append([bytes(b) async for b in copy])
            async with c.pipeline():
                cur = await c.execute("SELECT count(*) FROM people")
                got.append(await cur.fetchall())
        return got

    place.agree(lambda a: asyncio.run(work(a)))


REFUSED = [
    "SELECT name FROM people WHERE standing = 'none'",
    "SELECT name FROM people ORDER BY points",
    "SELECT standing, count(*) FROM people GROUP BY 1",
    "SELECT * FROM port.refugee_services",
    "UPDATE people SET name = homeland WHERE person_id = 1",
    "COPY port.refugee_services TO STDOUT",
    "DO $$BEGIN PERFORM homeland FROM people; END$$",
]


@pytest.mark.client("psycopg 3", "refusals: InsufficientPrivilege, what a transaction does then, the session goes on")
def test_refusals(place: Place) -> None:
    with psycopg.connect(place.through().url(), autocommit=True) as c:
        for sql in REFUSED:
            for binary in (False, True):
                with pytest.raises(psycopg.errors.InsufficientPrivilege) as e:
                    c.execute(sql.encode(), binary=binary, prepare=binary)
                assert e.value.diag.message_primary
                assert e.value.diag.message_hint
            assert c.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), c.pipeline():
            c.execute("INSERT INTO notes (title) VALUES ('rolled back')")
            c.execute(REFUSED[0].encode())
        assert c.execute("SELECT count(*) FROM notes").fetchone() == (0,)
        with c.transaction(force_rollback=True):
            c.execute("INSERT INTO notes (title) VALUES ('kept')")
            with pytest.raises(psycopg.errors.InsufficientPrivilege), c.transaction():
                c.execute(REFUSED[0].encode())
            assert c.execute("SELECT count(*) FROM notes").fetchone() == (1,)
        with pytest.raises(psycopg.errors.InFailedSqlTransaction), c.transaction():
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                c.execute(REFUSED[0].encode())
            c.execute("SELECT 1")


@pytest.mark.client("psycopg 3", "an approved login sees all")
def test_approved(place: Place) -> None:
    def work(a: Access) -> Any:
        with psycopg.connect(a.url(), autocommit=True) as c:
            return [
                c.execute("SELECT * FROM people WHERE standing = 'none' ORDER BY points").fetchall(),
                c.execute("SELECT * FROM port.refugee_services").fetchall(),
                c.execute("SELECT * FROM standings ORDER BY land").fetchall(),
            ]

    assert place.agree_with_direct(work, "counsel")[0][0][10] == "none"
