"""Refused, redacted and recorded statements on a real server: what the client sees, what the server did, the log."""

# ruff: noqa: PT012  (transactions and pipelines fail at their end)

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import asyncpg
import psycopg
import pytest
from psycopg import errors

from redactor.decision import Verdict
from tests.proxy.running import Running
from tests.proxy.test_clients import result_of
from tests.wire.judges import WordJudge


def connect(proxy: Running, user: str = "postgres", **more: Any) -> psycopg.Connection[Any]:
    return psycopg.connect(proxy.dsn(user=user), autocommit=True, **more)


def test_a_refusal_in_the_simple_protocol_says_why_and_costs_nothing_else(proxy: Running) -> None:
    with connect(proxy) as c:
        with pytest.raises(errors.InsufficientPrivilege) as caught:
            c.execute("SELECT 1 -- refuse")
        d = caught.value.diag
        (entry,) = proxy.log.entries
        assert (d.severity, d.severity_nonlocalized, d.sqlstate) == ("ERROR", "ERROR", "42501")
        assert d.message_primary == "that is refused"
        assert d.message_detail == f"The reason. Decision {entry.decision.partition('-')[0]}."
        assert d.message_hint == "Do without."
        assert c.execute("SELECT 2").fetchone() == (2,)
    assert entry.verdict is Verdict.REFUSED
    assert entry.text == "SELECT 1 -- refuse"
    assert (entry.requester.login, entry.requester.database) == ("postgres", "postgres")
    assert entry.requester.groups == {"group_of_postgres"}
    assert entry.requester.address == "127.0.0.1"
    assert entry.requester.authentication == "trust"
    assert entry.decision in proxy.server.log()


@pytest.mark.parametrize("prepare", [None, True])
def test_a_refusal_in_the_extended_protocol(proxy: Running, prepare: bool | None) -> None:
    with connect(proxy) as c:
        for _ in range(3):
            with pytest.raises(errors.InsufficientPrivilege, match="that is refused"):
                c.execute("SELECT %s::int -- refuse", (1,), prepare=prepare)
        assert c.execute("SELECT %s::int", (2,), prepare=prepare).fetchone() == (2,)
    assert len(proxy.log.entries) == 3
    assert len({e.decision for e in proxy.log.entries}) == 3


def test_a_refusal_in_a_pipeline_rolls_back_what_a_failure_would(proxy: Running) -> None:
    """An INSERT before the refused statement must not be committed; direct, with a failing one, it is not."""

    def act(dsn: str, bad: str) -> Any:
        with psycopg.connect(dsn, autocommit=True) as c:
            c.execute("CREATE TEMP TABLE t (n int)")
            with pytest.raises(psycopg.Error), c.pipeline() as p:
                c.execute("INSERT INTO t VALUES (1)")
                p.sync()
                c.execute("INSERT INTO t VALUES (2)")
                c.execute(bad)
                c.execute("INSERT INTO t VALUES (3)")
                p.sync()
                c.execute("INSERT INTO t VALUES (4)")
            return c.execute("SELECT n FROM t ORDER BY n").fetchall(), c.info.transaction_status

    direct = act(proxy.server.dsn(), "SELECT no_such_column")
    assert act(proxy.dsn(), "SELECT 1 -- refuse") == direct
    assert direct[0][0] == (1,)
    assert (2,) not in direct[0]


def test_of_several_statements_the_refused_one_undoes_those_before_it(proxy: Running) -> None:
    with connect(proxy) as c:
        c.execute("CREATE TEMP TABLE t (n int)")
        with pytest.raises(errors.InsufficientPrivilege):
            c.execute("INSERT INTO t VALUES (1); SELECT 2 -- refuse\n; INSERT INTO t VALUES (3)")
        assert c.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_a_refusal_aborts_the_transaction_and_in_an_aborted_one_gives_its_error(proxy: Running) -> None:
    with connect(proxy) as c:
        c.execute("BEGIN")
        with pytest.raises(errors.InsufficientPrivilege):
            c.execute("SELECT 1 -- refuse")
        assert c.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
        for params in (None, ()):
            with pytest.raises(errors.InFailedSqlTransaction):
                c.execute("SELECT 1 -- refuse", params)
            with pytest.raises(errors.InFailedSqlTransaction):
                c.execute("SELECT 1", params)
        c.execute("ROLLBACK")
        assert c.execute("SELECT 1").fetchone() == (1,)
    assert len(proxy.log.entries) == 3


@pytest.mark.parametrize("params", [None, ()])
def test_a_redacted_statement_is_sent_as_rewritten_and_recorded(proxy: Running, params: tuple[()] | None) -> None:
    with connect(proxy) as c:
        assert c.execute("SELECT 'secret_a'", params).fetchone() == ("secret_b",)
    (entry,) = proxy.log.entries
    assert (entry.verdict, entry.text, entry.outcome) == (Verdict.REDACTED, "SELECT 'secret_a'", "sent")


def test_an_errors_position_is_the_one_in_the_clients_text(proxy: Running) -> None:
    proxy.judge = WordJudge(redacted=("secret_a", "something much longer"))
    with connect(proxy) as c:
        for text, position in (("SELECT 'secret_a', nope", 20), ("SELECT nope, 'secret_a'", 8)):
            for params in (None, ()):
                with pytest.raises(errors.UndefinedColumn) as caught:
                    c.execute(text, params)
                assert caught.value.diag.statement_position == str(position)


def test_what_is_allowed_is_recorded_where_the_policy_asks_at_every_execution(proxy: Running) -> None:
    with connect(proxy) as c:
        c.execute("SELECT 1 -- record")
        for i in range(7):
            c.execute("SELECT %s::int -- record", (i,), prepare=True)
        c.execute("SELECT 2")
    assert [e.verdict for e in proxy.log.entries] == [Verdict.ALLOWED] * 8


def test_an_exempt_requester_goes_through(proxy: Running) -> None:
    with psycopg.connect(proxy.server.dsn(), autocommit=True) as c:
        c.execute("DROP ROLE IF EXISTS root")
        c.execute("CREATE ROLE root SUPERUSER LOGIN")
    with connect(proxy, user="root") as c:
        assert c.execute("SELECT 'secret_a' -- refuse").fetchone() == ("secret_a",)
        with pytest.raises(errors.InvalidSqlStatementName):
            c.execute("EXECUTE nothing")
    assert proxy.log.entries == []


def test_text_that_cannot_be_decoded_is_refused_as_postgresql_does(proxy: Running) -> None:
    with connect(proxy) as c:
        r = c.pgconn
        r.send_query(b"SELECT '\xff\xfe'")
        got = result_of(c)
        assert got is not None
        assert got.error_field(psycopg.pq.DiagnosticField.SQLSTATE) == b"22021"
        while result_of(c) is not None:
            pass
        assert c.execute("SELECT 1").fetchone() == (1,)


def test_client_encodings(proxy: Running) -> None:
    with connect(proxy) as c:
        c.execute("SET client_encoding TO 'LATIN1'")
        assert c.execute("SELECT 'Zürich secret_a', length('ü')").fetchone() == ("Zürich secret_b", 1)
        assert proxy.judge.texts[-1] == "SELECT 'Zürich secret_a', length('ü')"
        c.execute("SET client_encoding TO 'UTF8'")
        assert c.execute("SELECT 'Zürich secret_a €'").fetchone() == ("Zürich secret_b €",)
    with connect(proxy, client_encoding="latin1") as c:
        c.execute("SELECT 'ü'")
    assert proxy.judge.texts[-1] == "SELECT 'ü'"


# ------------------------------------------------------------------ the session's state


def test_search_path_is_followed(proxy: Running) -> None:
    with connect(proxy) as c:
        c.execute("CREATE TEMP TABLE thing (n int)")
        assert c.execute("SELECT count(*) FROM thing").fetchone() == (0,)
        c.execute("SET search_path TO hidden, public")
        with pytest.raises(errors.InsufficientPrivilege):
            c.execute("SELECT count(*) FROM thing")
        c.execute("BEGIN")
        c.execute("SET LOCAL search_path TO public")
        assert c.execute("SELECT count(*) FROM thing").fetchone() == (0,)
        c.execute("ROLLBACK")
        with pytest.raises(errors.InsufficientPrivilege):
            c.execute("SELECT count(*) FROM thing")


def test_a_default_search_path_of_the_role_is_known_from_the_start(proxy: Running) -> None:
    with psycopg.connect(proxy.server.dsn(), autocommit=True) as c:
        c.execute("DROP ROLE IF EXISTS walker")
        c.execute("CREATE ROLE walker LOGIN")
        c.execute('ALTER ROLE walker SET search_path TO "Odd ""name", hidden')
    with connect(proxy, user="walker") as c:
        c.execute("SELECT 1")
        assert proxy.judge.paths[-1] == ('Odd "name', "hidden")
        with pytest.raises(errors.InsufficientPrivilege):
            c.execute("SELECT * FROM thing")


@pytest.mark.parametrize("later", ["commit", "rollback"])
def test_a_pipelined_change_of_search_path_is_in_force_for_what_follows(proxy: Running, later: str) -> None:
    """All in one go: what stands behind the SET is judged by the search_path that it will be run with."""
    with connect(proxy) as c:
        c.execute("CREATE TEMP TABLE thing (n int)")
        with c.pipeline() as p:
            c.execute("BEGIN")
            c.execute("SET search_path TO hidden, public")
            c.execute(later)
            p.sync()
            cur = c.execute("SELECT count(*) FROM thing")
            if later == "commit":
                with pytest.raises(errors.InsufficientPrivilege):
                    p.sync()
                    cur.fetchone()
            else:
                p.sync()
                assert cur.fetchone() == (0,)


def test_a_set_undone_by_a_later_error_is_not_believed(proxy: Running) -> None:
    """SET, then an error in the same implicit transaction: the server goes back, and so must the session."""
    with connect(proxy) as c:
        c.execute("CREATE TEMP TABLE thing (n int)")
        c.execute("SET search_path TO hidden, public")
        with pytest.raises(errors.Error), c.pipeline() as p:
            c.execute("SET search_path TO public")
            c.execute("SELECT 1/0")
            p.sync()
        with pytest.raises(errors.InsufficientPrivilege):
            c.execute("SELECT count(*) FROM thing")
        assert proxy.judge.paths[-1] == ("hidden", "public")


def test_a_prepared_statement_is_judged_again_when_the_search_path_is_another(proxy: Running) -> None:
    with connect(proxy) as c:
        c.execute("CREATE TEMP TABLE thing (n int)")
        for _ in range(2):
            assert c.execute("SELECT count(*) FROM thing", prepare=True).fetchone() == (0,)
        c.execute("SET search_path TO hidden, public")
        with pytest.raises(errors.InsufficientPrivilege):
            c.execute("SELECT count(*) FROM thing", prepare=True)
        c.execute("SET search_path TO public")
        assert c.execute("SELECT count(*) FROM thing", prepare=True).fetchone() == (0,)


async def test_a_prepared_statement_is_prepared_again_when_the_snapshot_is_another(proxy: Running) -> None:
    c = await asyncpg.connect(proxy.dsn())
    try:
        statement = await c.prepare("SELECT 'secret_a' || $1::text")
        assert await statement.fetchval("!") == "secret_b!"
        proxy.judge = WordJudge("two", redacted=("secret_a", "secret_c"))
        assert await statement.fetchval("!") == "secret_c!"
        proxy.judge = WordJudge("three", redacted=("nothing", ""))
        assert await statement.fetchval("!") == "secret_a!"
        proxy.judge = WordJudge("four", refused="secret_a")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await statement.fetchval("!")
        async with c.transaction():
            proxy.judge = WordJudge("five")
            assert await statement.fetchval("!") == "secret_b!"
    finally:
        await c.close()
    assert [e.snapshot for e in proxy.log.entries] == ["one", "two", "four", "five"]


def test_ddl_refreshes_the_snapshot_before_the_client_hears_of_its_end(proxy: Running) -> None:
    proxy.state["refreshed"] = WordJudge("after")
    try:
        with connect(proxy) as c:
            c.execute("DROP TABLE IF EXISTS made")
            assert proxy.refreshes == ["postgres"]
            c.execute("BEGIN")
            c.execute("CREATE TABLE made (n int)")
            assert proxy.refreshes == ["postgres"]
            c.execute("COMMIT")
            assert proxy.refreshes == ["postgres"] * 2
            assert proxy.judge.name == "after"
            with c.pipeline():
                c.execute("ALTER TABLE made ADD m int")
                c.execute("SELECT m FROM made")
            c.execute("DROP TABLE made")
        assert proxy.refreshes == ["postgres"] * 4
    finally:
        del proxy.state["refreshed"]


def test_the_tripwire_closes_before_a_row_is_sent(proxy: Running) -> None:
    with connect(proxy) as c:
        c.execute("CREATE TEMP TABLE t (a int, b int)")
        c.execute("INSERT INTO t VALUES (1, 2)")
        oid = c.execute("SELECT 't'::regclass::oid").fetchone()[0]  # type: ignore[index]
        proxy.judge = WordJudge(tripping=frozenset({(oid, 2)}))
        assert c.execute("SELECT a FROM t").fetchone() == (1,)
        with pytest.raises(errors.InsufficientPrivilege, match="protected column"):
            c.execute("WITH x AS (SELECT * FROM t) SELECT b FROM x")
        assert c.closed
    (entry,) = proxy.log.entries
    assert entry.outcome == "tripwire"


# ------------------------------------------------------------------ the log


def test_nothing_is_sent_before_its_entry_is_durable(proxy: Running) -> None:
    proxy.log.delay = 2.0

    async def act() -> None:
        async with await psycopg.AsyncConnection.connect(proxy.dsn(), autocommit=True) as c:
            await c.execute("SELECT 1")
            task = asyncio.create_task(c.execute("SELECT pg_notify('x', 'secret_a')"))
            await asyncio.sleep(0.1)
            with psycopg.connect(proxy.server.dsn()) as direct:
                running = direct.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%secret_b%' AND pid <> pg_backend_pid()"
                )
                assert running.fetchone() == (0,)
            # others are not held up meanwhile
            async with await psycopg.AsyncConnection.connect(proxy.dsn()) as other:
                await other.execute("SELECT 1")
            assert not task.done()
            await task

    asyncio.run(act())
    assert len(proxy.log.entries) == 1


def test_a_log_that_cannot_be_written_ends_the_session_unserved(proxy: Running) -> None:
    with connect(proxy) as c:
        c.execute("CREATE TABLE IF NOT EXISTS kept (s text)")
        proxy.log.broken = True
        with pytest.raises(psycopg.errors.IoError, match="the log cannot be written"):
            c.execute("INSERT INTO kept VALUES ('secret_a')")
        assert c.closed
    with connect(proxy) as c:
        assert c.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        c.execute("DROP TABLE kept")


def test_a_refusal_that_cannot_be_recorded_is_not_told_as_one(proxy: Running) -> None:
    """Also where the proxy itself answers: a refused start-up, and the tripwire."""
    proxy.log.broken = True
    with pytest.raises(psycopg.OperationalError, match="the log cannot be written"):
        psycopg.connect(proxy.dsn(), options="-c evil=1")
    with connect(proxy) as c:
        oid = c.execute("SELECT 'pg_class'::regclass::oid").fetchone()[0]  # type: ignore[index]
        proxy.judge = WordJudge(tripping=frozenset({(oid, 2)}))
        with pytest.raises(errors.IoError, match="the log cannot be written"):
            c.execute("SELECT relname FROM pg_class")


def test_entries_of_a_pipeline_are_made_durable_together(proxy: Running) -> None:
    proxy.log.delay = 0.05
    with connect(proxy) as c, c.pipeline():
        sent = [c.execute("SELECT 'secret_a', %s::int", [n]) for n in range(40)]
        assert [s.fetchone() for s in sent] == [("secret_b", n) for n in range(40)]
    # each text is recorded when it is prepared; and each execution but the first
    assert len(proxy.log.entries) == 40
    numbers = [int(e.decision.rpartition("-")[2]) for e in proxy.log.entries]
    assert numbers == sorted(set(numbers))
    assert proxy.log.together > 5


def test_of_a_pipeline_nothing_is_done_behind_an_entry_that_cannot_be_made(proxy: Running) -> None:
    with connect(proxy) as c:
        c.execute("CREATE TABLE IF NOT EXISTS kept (s text, n int)")
        proxy.log.delay, proxy.log.takes = 0.05, 7
        with pytest.raises(psycopg.Error), c.pipeline() as p:
            for n in range(20):
                c.execute("INSERT INTO kept VALUES ('secret_a', %s)", [n])
                p.sync()
        assert c.closed
    assert len(proxy.log.entries) == 7
    proxy.log.takes = None
    with connect(proxy) as c:
        assert [n for (n,) in c.execute("SELECT n FROM kept ORDER BY n").fetchall()] == list(range(7))
        c.execute("DROP TABLE kept")


def test_a_client_that_goes_while_its_entries_are_written_leaves_nothing_behind(proxy: Running) -> None:
    before = proxy.counters.active
    with connect(proxy) as c:
        proxy.log.delay = 0.2
        with contextlib.suppress(psycopg.Error), c.pipeline():
            for _ in range(10):
                c.execute("SELECT 'secret_a'")
            c.pgconn.finish()
    deadline = time.monotonic() + 20
    while proxy.counters.active > before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert proxy.counters.active == before
