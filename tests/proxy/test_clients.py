"""Client libraries, through the proxy and directly: an allowed statement gives the same."""

# ruff: noqa: PT012  (transactions and pipelines fail at their end)

from __future__ import annotations

import asyncio
import select
import threading
import time
from collections.abc import Callable
from typing import Any

import asyncpg
import psycopg
import pytest

from tests.proxy.running import Running

STATEMENTS = [
    "SELECT 1 AS a, 'x'::text AS b, NULL::int AS c",
    "SELECT generate_series(1, 1000) AS n",
    "SELECT 1; SELECT 2 AS two; SELECT 3 AS three",
    "",
    ";",
    "-- a comment only",
    "SELECT 1/0",
    "SELEKT",
    "SELECT 1; SELECT 1/0; SELECT 2",
    "SELECT * FROM no_such_table",
    "DO $$ BEGIN RAISE NOTICE 'hello %', 1; END $$",
    "SHOW server_version",
    "SELECT 'Zürich €'::text",
    "SELECT repeat('x', 100000)",
    "VALUES (1, 'one'), (2, 'two')",
    "BEGIN; SELECT 1; COMMIT",
    "BEGIN; SELECT 1/0; COMMIT",
    "ROLLBACK",
    "EXPLAIN (COSTS OFF) SELECT 1",
    "SET application_name TO 'x'",
]


def result_of(c: psycopg.Connection[Any]) -> psycopg.pq.abc.PGresult | None:
    """The next result; waits without holding the interpreter, since the proxy runs in it."""
    while c.pgconn.is_busy():
        select.select([c.pgconn.socket], [], [], 20)
        c.pgconn.consume_input()
    return c.pgconn.get_result()


def outcome(dsn: str, sql: str) -> list[Any]:
    """All that libpq gives for a simple query: each result's status, columns, rows, tag, or the error's fields."""
    notices: list[Any] = []
    with psycopg.connect(dsn, autocommit=True) as c:
        c.add_notice_handler(lambda d: notices.append((d.severity, d.message_primary, d.sqlstate)))
        c.pgconn.send_query(sql.encode())
        got: list[Any] = []
        while (r := result_of(c)) is not None:
            columns = [(r.fname(i), r.ftype(i), r.fmod(i), r.fsize(i)) for i in range(r.nfields)]
            rows = [[r.get_value(i, j) for j in range(r.nfields)] for i in range(r.ntuples)]
            error = [r.error_field(f) for f in psycopg.pq.DiagnosticField if f.name != "SOURCE_LINE"]
            got.append((r.status, columns, rows, r.command_status, error))
        return [got, notices, c.pgconn.transaction_status]


@pytest.mark.parametrize("sql", STATEMENTS)
def test_a_simple_query_gives_the_same(proxy: Running, sql: str) -> None:
    assert outcome(proxy.dsn(), sql) == outcome(proxy.server.dsn(), sql)


def both(proxy: Running, act: Callable[[psycopg.Connection[Any]], Any]) -> Any:
    """What `act` gives on a direct connection; the same must come through the proxy."""
    with psycopg.connect(proxy.server.dsn(), autocommit=True) as c:
        direct = act(c)
    with psycopg.connect(proxy.dsn(), autocommit=True) as c:
        through = act(c)
    assert through == direct
    return direct


def test_parameters_text_and_binary(proxy: Running) -> None:
    def act(c: psycopg.Connection[Any]) -> Any:
        got = []
        for binary in (False, True):
            cur = c.cursor(binary=binary)
            for _ in range(8):  # beyond psycopg's threshold for preparing
                got.append(cur.execute("SELECT %s::int + 1, %s::text, %s::bytea", (1, "ü", b"\x00\xff")).fetchall())
        return got

    assert both(proxy, act)[0] == [(2, "ü", b"\x00\xff")]


def test_transactions_and_savepoints(proxy: Running) -> None:
    def act(c: psycopg.Connection[Any]) -> Any:
        c.execute("CREATE TEMP TABLE t (n int)")
        with c.transaction():
            c.execute("INSERT INTO t VALUES (1)")
            with pytest.raises(psycopg.errors.DivisionByZero), c.transaction():
                c.execute("INSERT INTO t VALUES (2)")
                c.execute("SELECT 1/0")
            c.execute("INSERT INTO t VALUES (3)")
        return c.execute("SELECT n FROM t ORDER BY n").fetchall()

    assert both(proxy, act) == [(1,), (3,)]


def test_pipeline(proxy: Running) -> None:
    def act(c: psycopg.Connection[Any]) -> Any:
        got = []
        with c.pipeline() as p:
            cursors = [c.execute("SELECT %s::int", (i,)) for i in range(200)]
            p.sync()
            got = [cur.fetchone() for cur in cursors]
            c.execute("SELECT 1")
        return got

    assert both(proxy, act) == [(i,) for i in range(200)]


def test_an_error_in_a_pipeline_skips_to_the_sync(proxy: Running) -> None:
    def act(c: psycopg.Connection[Any]) -> Any:
        c.execute("CREATE TEMP TABLE t (n int)")
        with pytest.raises(psycopg.errors.DivisionByZero), c.pipeline():
            c.execute("INSERT INTO t VALUES (1)")
            c.execute("SELECT 1/0")
            c.execute("INSERT INTO t VALUES (2)")
        return c.execute("SELECT n FROM t").fetchall()

    assert both(proxy, act) == []


def test_copy_both_ways(proxy: Running) -> None:
    def act(c: psycopg.Connection[Any]) -> Any:
        c.execute("CREATE TEMP TABLE t (n int, s text)")
        cur = c.cursor()
        with cur.copy("COPY t FROM STDIN") as copy:
            for i in range(20_000):
                copy.write_row((i, "x" * 50))
        with cur.copy("COPY t (n) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int4"])
            copy.write_row((7,))
        with cur.copy("COPY (SELECT * FROM t ORDER BY n LIMIT %s) TO STDOUT", (15_000,)) as copy:
            size = sum(len(data) for data in copy)
        with pytest.raises(psycopg.errors.BadCopyFileFormat), cur.copy("COPY t FROM STDIN") as copy:
            copy.write(b"1\t2\t3\n")
        with pytest.raises(psycopg.errors.QueryCanceled), cur.copy("COPY t FROM STDIN") as copy:
            copy.write(b"1\t2\n")
            raise psycopg.errors.QueryCanceled("enough")
        return size, cur.execute("SELECT count(*), sum(n) FROM t").fetchall()

    size, counted = both(proxy, act)
    assert size > 800_000
    assert counted == [(20_001, 19_999 * 10_000 + 7)]


def test_server_cursors_and_portals(proxy: Running) -> None:
    def act(c: psycopg.Connection[Any]) -> Any:
        with c.transaction(), c.cursor("named") as cur:
            cur.itersize = 7
            cur.execute("SELECT generate_series(1, 50)")
            return list(cur)

    assert len(both(proxy, act)) == 50


def test_listen_and_notify(proxy: Running) -> None:
    with psycopg.connect(proxy.dsn(), autocommit=True) as listener, psycopg.connect(proxy.dsn(), autocommit=True) as c:
        listener.execute("LISTEN news")
        c.execute("NOTIFY news, 'hello'")
        heard = next(iter(listener.notifies(timeout=10)))
        assert (heard.channel, heard.payload, heard.pid) == ("news", "hello", c.info.backend_pid)


def test_a_query_can_be_cancelled(proxy: Running) -> None:
    with psycopg.connect(proxy.dsn(), autocommit=True) as c:
        threading.Timer(0.3, c.cancel_safe).start()
        started = time.monotonic()
        with pytest.raises(psycopg.errors.QueryCanceled):
            c.execute("SELECT pg_sleep(20)")
        assert time.monotonic() - started < 10
        assert c.execute("SELECT 1").fetchone() == (1,)


async def test_psycopg_async(proxy: Running) -> None:
    async with await psycopg.AsyncConnection.connect(proxy.dsn()) as c:
        cur = await c.execute("SELECT %s::text", ("x",))
        assert await cur.fetchall() == [("x",)]


async def test_asyncpg(proxy: Running) -> None:
    async def act(dsn: str) -> Any:
        c = await asyncpg.connect(dsn)
        try:
            got: list[Any] = [await c.fetch("SELECT $1::int AS a, $2::text[] AS b", 1, ["x", "y"])]
            got.append(await c.fetch("SELECT generate_series(1, $1::int)", 500))
            statement = await c.prepare("SELECT $1::timestamptz")
            got.append([p.name for p in statement.get_parameters()])
            with pytest.raises(asyncpg.DivisionByZeroError):
                await c.fetch("SELECT 1/$1::int", 0)
            async with c.transaction():
                got.append([r[0] async for r in c.cursor("SELECT generate_series(1, 120)")])
            await c.execute("CREATE TEMP TABLE t (n int, s text)")
            got.append(await c.copy_records_to_table("t", records=[(i, str(i)) for i in range(1000)]))
            await c.executemany("INSERT INTO t VALUES ($1, $2)", [(i, "many") for i in range(100)])
            got.append(await c.fetchval("SELECT count(*) FROM t"))
            return got
        finally:
            await c.close()

    direct, through = await asyncio.gather(act(proxy.server.dsn()), act(proxy.dsn()))
    assert through == direct


def test_the_databases_name_for_clients_is_not_the_servers(proxy: Running) -> None:
    with psycopg.connect(proxy.dsn("other")) as c:
        assert c.execute("SELECT current_database()").fetchone() == ("postgres",)


def test_three_megabytes_of_statement(proxy: Running) -> None:
    long = "x" * (3 << 20)
    assert both(proxy, lambda c: c.execute(f"SELECT length('{long}')").fetchone()) == (3 << 20,)
    assert both(proxy, lambda c: c.execute("SELECT length(%s)", (long,)).fetchone()) == (3 << 20,)


def test_many_clients_at_once(proxy: Running) -> None:
    async def one(i: int) -> int:
        async with await psycopg.AsyncConnection.connect(proxy.dsn()) as c:
            total = 0
            for n in range(10):
                row = await (await c.execute("SELECT %s::int", (i * n,))).fetchone()
                assert row is not None
                total += row[0]
            return total

    async def all_of_them() -> list[int]:
        return list(await asyncio.gather(*(one(i) for i in range(30))))

    assert asyncio.run(all_of_them()) == [i * 45 for i in range(30)]
