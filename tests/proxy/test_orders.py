"""Sessions that act under a disclosure order: exactly its rows and columns, to its login, in its time, and counted."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg
import psycopg
import pytest

from redactor import policy, review
from redactor.config import Upstream
from redactor.decision import Entry, Verdict
from redactor.effects import Spend
from redactor.engine import Engine
from redactor.errors import LogUnavailable
from redactor.model import Grant, Opening, Problem, RelationName
from tests import servers
from tests.fixtures.town import read
from tests.proxy.running import Running, running

SCHEMA = """
CREATE TABLE people (id int PRIMARY KEY, name text, status text, born text);
INSERT INTO people SELECT i, 'person ' || i, CASE WHEN i % 2 = 0 THEN 'visa' ELSE 'citizen' END, 'land ' || i
    FROM generate_series(1, 20) i;
CREATE TABLE shelter (stay int, person text, night date, bed text);
INSERT INTO shelter VALUES
    (1, 'a-1', '2026-01-05', 'b1'), (2, 'a-1', '2026-03-05', 'b2'), (3, 'a-2', '2026-01-06', 'b3');
CREATE VIEW everybody AS SELECT id, status FROM people;
GRANT SELECT ON people, shelter, everybody TO officer, other_officer;
GRANT INSERT, UPDATE ON people TO officer;
"""
REVIEW = """
database: records
relations:
  public.people: {columns: {id: {}, name: {}, status: {tags: [status]}, born: {tags: [origin]}}}
  public.shelter: {tags: [programme], columns: {stay: {}, person: {}, night: {}, bed: {}}}
"""
POLICY = """
name: records
rules:
  - {id: hidden, tags: [status, origin, programme], approved: [], otherwise: mask, because: a test}
"""
PEOPLE = Opening(RelationName("public", "people"), frozenset({"status"}), "id", frozenset({"2", "4", "5"}))
SHELTER = Opening(
    RelationName("public", "shelter"),
    frozenset({"night"}),
    "person",
    frozenset({"a-1", 'odd "one\\'}),
    "night",
    "2026-01-01",
    "2026-02-01",
)


@dataclass
class Kept:
    """Orders in a list, counted in a dict, as the store does it."""

    grants: tuple[Grant, ...] = ()
    used: dict[str, int] = field(default_factory=dict)
    spends: list[Spend] = field(default_factory=list)
    refuse: str = ""
    log_down: bool = False

    def grants_of(self, database: str, login: str) -> tuple[Grant, ...]:
        found = self.__dict__.setdefault("_cache", {})
        key = (login, self.grants)
        if key not in found:
            found.clear()
            found[key] = tuple(g for g in self.grants if g.login == login)
        result: tuple[Grant, ...] = found[key]
        return result

    async def spend(self, spend: Spend) -> Problem | None:
        self.spends.append(spend)
        if self.log_down:
            raise LogUnavailable("the log cannot be written")
        grant = next((g for g in self.grants if g.id == spend.order), None)
        if grant is None or self.refuse or spend.at >= grant.ends:
            return Problem("42501", self.refuse or "the order is over")
        total = self.used.get(spend.order, 0) + spend.rows
        if total > grant.cap:
            return Problem("42501", f"{spend.rows} rows are more than the order has left")
        self.used[spend.order] = total
        return None


@pytest.fixture(scope="module")
def records(postgres: servers.Server) -> Engine:
    with psycopg.connect(postgres.dsn(), autocommit=True) as c:
        c.execute("DROP DATABASE IF EXISTS records WITH (FORCE)")
        c.execute("CREATE DATABASE records")
        for login in ("officer", "other_officer"):
            c.execute(f"DO $$ BEGIN CREATE ROLE {login} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    with psycopg.connect(postgres.dsn("records"), autocommit=True) as c:
        c.execute(SCHEMA)
    return Engine(read(postgres, "records"), policy.parse(POLICY, "p.yaml"), review.parse(REVIEW, "records.yaml"))


@pytest.fixture(scope="module")
def kept() -> Kept:
    return Kept()


@pytest.fixture(scope="module")
def clock() -> list[float]:
    return [0.0]


@pytest.fixture(scope="module")
def served(postgres: servers.Server, records: Engine, kept: Kept, clock: list[float]) -> Iterator[Running]:
    there = Upstream("127.0.0.1", postgres.port, "postgres", "records")
    with running(postgres, records, upstream=there, orders=kept, clock=lambda: time.time() + clock[0]) as found:
        yield found


@pytest.fixture
def proxy(served: Running, kept: Kept, clock: list[float]) -> Running:
    now = time.time()
    kept.grants = (Grant("o-1", "officer", "24-cr-1", now - 60, now + 3600, 10, "d", (PEOPLE, SHELTER)),)
    kept.used.clear()
    kept.spends.clear()
    kept.refuse = ""
    kept.log_down = False
    clock[0] = 0.0
    served.log.entries.clear()
    return served


@pytest.fixture
def officer(proxy: Running) -> Iterator[psycopg.Connection]:
    with psycopg.connect(proxy.dsn(user="officer"), autocommit=True) as c:
        c.execute("SET redactor.disclosure_order = 'o-1'")
        yield c


def rows(c: psycopg.Connection, statement: str, parameters: Any = None, **more: Any) -> list[Any]:
    return c.execute(statement, parameters, **more).fetchall()


def refused(c: psycopg.Connection, statement: str, parameters: Any = None) -> str:
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
        c.execute(statement, parameters)
    return str(caught.value)


def decisions(proxy: Running) -> list[Entry]:
    return proxy.log.entries


def test_daily_work_is_masked_as_ever(proxy: Running, kept: Kept) -> None:
    with psycopg.connect(proxy.dsn(user="officer"), autocommit=True) as c:
        assert rows(c, "SELECT id, status FROM people WHERE id < 4 ORDER BY id") == [(1, None), (2, None), (3, None)]
    assert kept.spends == []


@pytest.mark.parametrize("prepare", [False, True])
def test_its_columns_in_its_rows_and_nothing_else(officer: psycopg.Connection, kept: Kept, prepare: bool) -> None:
    found = rows(
        officer, "SELECT id, status, born FROM people WHERE id BETWEEN 1 AND %s ORDER BY id", (5,), prepare=prepare
    )
    assert found == [(1, None, None), (2, "visa", None), (3, None, None), (4, "visa", None), (5, "citizen", None)]
    assert kept.used == {"o-1": 5}


def test_all_columns(officer: psycopg.Connection) -> None:
    assert rows(officer, "SELECT * FROM people WHERE id = 2") == [(2, "person 2", "visa", None)]
    assert rows(officer, "SELECT p.* FROM people p WHERE p.id = 3") == [(3, "person 3", None, None)]


def test_rows_of_a_protected_table(officer: psycopg.Connection, kept: Kept) -> None:
    night = datetime.date(2026, 1, 5)
    assert rows(officer, "SELECT * FROM shelter") == [(None, "a-1", night, None)]
    assert rows(officer, "SELECT night FROM shelter WHERE person = 'a-1'") == [(night,)]
    assert rows(officer, "SELECT night FROM shelter WHERE person = 'a-2'") == []
    assert kept.used == {"o-1": 2}


def test_without_the_order_the_table_is_closed(proxy: Running) -> None:
    with psycopg.connect(proxy.dsn(user="officer"), autocommit=True) as c:
        assert "very rows" in refused(c, "SELECT * FROM shelter")


def test_another_login_has_no_such_order(proxy: Running) -> None:
    with psycopg.connect(proxy.dsn(user="other_officer"), autocommit=True) as c:
        assert "no disclosure order of that number" in refused(c, "SET redactor.disclosure_order = 'o-1'")
        same = refused(c, "SET redactor.disclosure_order = 'o-2'")
        assert same == refused(c, "SET redactor.disclosure_order = 'o-1'")
        assert rows(c, "SELECT status FROM people WHERE id = 2") == [(None,)]


TELLING = [
    "SELECT id FROM people WHERE status = 'visa'",
    "SELECT id FROM people ORDER BY status LIMIT 1",
    "SELECT id, status FROM people ORDER BY 2 LIMIT 1",
    "SELECT string_agg(status, ',') FROM people",
    "SELECT count(status) FROM people",
    "SELECT status, count(*) FROM people GROUP BY status",
    "SELECT DISTINCT status FROM people",
    "SELECT 1 / (status = 'visa')::int FROM people WHERE id = 2",
    "SELECT CASE WHEN status = 'visa' THEN 1/0 END FROM people WHERE id = 2",
    "SELECT upper(status) FROM people WHERE id = 2",
    "SELECT p FROM people p WHERE id = 2",
    "SELECT row_to_json(p) FROM people p WHERE id = 2",
    "SELECT status(p) FROM people p WHERE id = 2",
    "SELECT (p).status FROM people p WHERE id = 2",
    "SELECT a.status, b.status FROM people a JOIN people b ON b.id = a.id + 2",
    "SELECT ARRAY(SELECT status FROM people)",
    "SELECT (SELECT status FROM people WHERE id = 2)",
    "WITH s AS (SELECT status FROM people) SELECT * FROM s",
    "SELECT status FROM people UNION ALL SELECT status FROM people",
    "SELECT x.s FROM people p, LATERAL (SELECT 1 / (p.status = 'visa')::int AS s) x",
    "SELECT lag(status) OVER (ORDER BY id) FROM people",
    "SELECT status, lag(id) OVER (ORDER BY id) FROM people",
    "SELECT s FROM people AS p(i, n, s, b)",
    "SELECT 1 FROM people p JOIN (VALUES ('visa')) v(status) USING (status)",
    "SELECT 1 FROM people p NATURAL JOIN (VALUES ('visa')) v(status)",
    "SELECT p.status FROM people p, shelter s",
    "COPY (SELECT status FROM people WHERE id = 2) TO STDOUT",
    "COPY people TO STDOUT",
    "EXPLAIN SELECT status FROM people WHERE id = 2",
    "DECLARE c CURSOR FOR SELECT status FROM people",
    "PREPARE s AS SELECT status FROM people",
    "CREATE TEMP TABLE t AS SELECT status FROM people",
    "SELECT status INTO TEMP t FROM people",
    "UPDATE people SET name = 'x' WHERE id = 2 RETURNING status",
    "WITH u AS (UPDATE people SET name = 'x' RETURNING id) SELECT * FROM u",
    "SELECT id FROM people p WHERE EXISTS (SELECT 1 WHERE p.status = 'visa')",
    "SELECT id FROM people FOR UPDATE",
]


@pytest.mark.parametrize("statement", TELLING)
def test_what_would_tell_more_than_is_counted_is_refused(
    officer: psycopg.Connection, kept: Kept, statement: str
) -> None:
    if statement == "SELECT id FROM people FOR UPDATE":
        officer.execute(statement)  # it names nothing that is open
    else:
        refused(officer, statement)
    assert kept.used == {}


def test_a_condition_on_an_open_column_tells_nothing_of_others(officer: psycopg.Connection) -> None:
    message = refused(officer, "SELECT id FROM people WHERE id = 7 AND status = 'citizen'")
    assert message == refused(officer, "SELECT id FROM people WHERE id = 7 AND status = 'visa'")
    assert rows(officer, "SELECT stay FROM shelter WHERE person = 'a-2' AND 1 / (length(person) - 3) > 0") == []


def test_a_view_stays_closed(officer: psycopg.Connection) -> None:
    assert rows(officer, "SELECT id, status FROM everybody WHERE id = 2") == [(2, None)]


def test_other_columns_alone_are_not_counted(officer: psycopg.Connection, kept: Kept) -> None:
    assert len(rows(officer, "SELECT id, name FROM people")) == 20
    assert kept.used == {}


@pytest.mark.parametrize("prepare", [False, True])
def test_the_cap_holds_and_nothing_of_what_goes_beyond_is_shown(
    officer: psycopg.Connection, kept: Kept, prepare: bool
) -> None:
    assert "more than 10 rows" in refused(officer, "SELECT id, status FROM people")
    assert kept.used == {}
    assert len(rows(officer, "SELECT id, status FROM people WHERE id <= %s", (8,), prepare=prepare)) == 8
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="more than the order has left"):
        officer.execute("SELECT id, status FROM people WHERE id <= %s", (3,), prepare=prepare)
    assert len(rows(officer, "SELECT id, status FROM people WHERE id <= %s", (2,), prepare=prepare)) == 2
    assert kept.used == {"o-1": 10}
    assert rows(officer, "SELECT 1") == [(1,)]


def test_a_refused_count_is_in_the_log(officer: psycopg.Connection, proxy: Running) -> None:
    refused(officer, "SELECT status FROM people")
    last = decisions(proxy)[-1]
    assert last.verdict is Verdict.REFUSED
    assert [r.rule for r in last.rules] == ["order o-1"]
    assert [e.verdict for e in decisions(proxy)[-2:]] == [Verdict.REDACTED, Verdict.REFUSED]
    assert [r.rule for r in decisions(proxy)[-2].rules] == ["order o-1"]


def test_a_pipeline_goes_on_behind_its_sync(proxy: Running, kept: Kept) -> None:
    with psycopg.connect(proxy.dsn(user="officer"), autocommit=True) as c:
        c.execute("SET redactor.disclosure_order = 'o-1'")
        with c.pipeline() as p:
            one = c.execute("SELECT status FROM people WHERE id = 2")
            two = c.execute("SELECT status FROM people WHERE id = 5")
            three = c.execute("SELECT 3")
            p.sync()
            assert (one.fetchall(), two.fetchall(), three.fetchall()) == ([("visa",)], [("citizen",)], [(3,)])
        with pytest.raises(psycopg.errors.InsufficientPrivilege), c.pipeline():  # noqa: PT012
            c.execute("SELECT status FROM people")
            c.execute("SELECT 4")
        assert rows(c, "SELECT 5") == [(5,)]
    assert kept.used == {"o-1": 2}


def test_a_portal_in_parts(proxy: Running, kept: Kept) -> None:
    pg8000 = pytest.importorskip("pg8000.native")
    c = pg8000.Connection("officer", host="127.0.0.1", port=proxy.port, database="postgres")
    try:
        c.run("SET redactor.disclosure_order = 'o-1'")
        assert c.run("SELECT status FROM people WHERE id = :i", i=2) == [["visa"]]
    finally:
        c.close()
    assert kept.used == {"o-1": 1}


def test_time_is_up_in_an_open_session(officer: psycopg.Connection, clock: list[float], kept: Kept) -> None:
    statement = "SELECT status FROM people WHERE id = %s"
    for _ in range(3):
        assert rows(officer, statement, (2,), prepare=True) == [("visa",)]
    clock[0] = 4000.0
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="its time is over"):
        officer.execute(statement, (2,), prepare=True)
    assert "its time is over" in refused(officer, "SELECT 1")
    officer.execute("RESET redactor.disclosure_order")
    assert rows(officer, statement, (2,), prepare=True) == [(None,)]
    assert "no disclosure order" in refused(officer, "SET redactor.disclosure_order = 'o-1'")
    assert kept.used == {"o-1": 3}


def test_not_before_its_time(proxy: Running, kept: Kept, clock: list[float]) -> None:
    now = time.time()
    kept.grants = (replace(kept.grants[0], begins=now + 1000, ends=now + 2000),)
    with psycopg.connect(proxy.dsn(user="officer"), autocommit=True) as c:
        assert "no disclosure order" in refused(c, "SET redactor.disclosure_order = 'o-1'")
        clock[0] = 1500.0
        c.execute("SET redactor.disclosure_order = 'o-1'")
        assert rows(c, "SELECT status FROM people WHERE id = 2") == [("visa",)]


def test_a_revoked_order_counts_no_longer(officer: psycopg.Connection, kept: Kept) -> None:
    assert rows(officer, "SELECT status FROM people WHERE id = 2") == [("visa",)]
    kept.grants = ()
    assert "revoked" in refused(officer, "SELECT status FROM people WHERE id = 2")


def test_a_transaction_cannot_bring_it_back(officer: psycopg.Connection, kept: Kept) -> None:
    officer.execute("BEGIN")
    officer.execute("SAVEPOINT a")
    officer.execute("RESET redactor.disclosure_order")
    kept.grants = ()
    officer.execute("ROLLBACK TO a")
    assert "no longer counts" in refused(officer, "SELECT status FROM people WHERE id = 2")
    officer.execute("ROLLBACK")
    assert "no longer counts" in refused(officer, "SELECT status FROM people WHERE id = 2")


def test_what_was_read_just_before_it_was_revoked_does_not_leave(officer: psycopg.Connection, kept: Kept) -> None:
    kept.refuse = "the order was revoked"
    assert "the order was revoked" in refused(officer, "SELECT status FROM people WHERE id = 2")
    assert len(kept.spends) == 1


def test_set_local(proxy: Running) -> None:
    with psycopg.connect(proxy.dsn(user="officer"), autocommit=True) as c:
        c.execute("BEGIN")
        c.execute("SET LOCAL redactor.disclosure_order = 'o-1'")
        assert rows(c, "SELECT status FROM people WHERE id = 2") == [("visa",)]
        c.execute("COMMIT")
        assert rows(c, "SELECT status FROM people WHERE id = 2") == [(None,)]


def test_one_statement_at_a_time(officer: psycopg.Connection, kept: Kept) -> None:
    assert "one statement at a time" in refused(officer, "SELECT 1; SELECT status FROM people WHERE id = 2")
    assert kept.used == {}


def test_a_scope_that_does_not_fit_opens_nothing(proxy: Running, kept: Kept) -> None:
    bad = [
        (replace(PEOPLE, keys=frozenset({"2", "x"})), "not every id"),
        (replace(PEOPLE, columns=frozenset({"gone"})), "no column gone"),
        (replace(PEOPLE, relation=RelationName("public", "gone")), "no table"),
        (replace(PEOPLE, relation=RelationName("public", "everybody")), "no table"),
        (replace(PEOPLE, dated="name", since="2026-01-01"), "no dates"),
        (replace(SHELTER, key="night"), "a key is"),
    ]
    for i, (opening, why) in enumerate(bad):
        kept.grants = (replace(kept.grants[0], digest=f"bad {i}", openings=(opening,)),)
        with psycopg.connect(proxy.dsn(user="officer"), autocommit=True) as c:
            assert why in refused(c, "SET redactor.disclosure_order = 'o-1'")


def test_reset_all_and_discard_all_leave_the_order(officer: psycopg.Connection) -> None:
    for statement in ("RESET ALL", "DISCARD ALL"):
        officer.execute("SET redactor.disclosure_order = 'o-1'")
        assert rows(officer, "SELECT status FROM people WHERE id = 2") == [("visa",)]
        officer.execute(statement)
        assert rows(officer, "SELECT status FROM people WHERE id = 2") == [(None,)]


def test_an_order_that_fails_to_be_counted_durably_ends_the_session(officer: psycopg.Connection, kept: Kept) -> None:
    kept.log_down = True
    with pytest.raises(psycopg.Error, match="the log cannot be written"):
        officer.execute("SELECT status FROM people WHERE id = 2")


def test_the_same_shape_with_other_literals(officer: psycopg.Connection, kept: Kept) -> None:
    expected = {1: None, 2: "visa", 3: None, 4: "visa", 5: "citizen", 6: None}
    for i, status in expected.items():
        assert rows(officer, f"SELECT status FROM people WHERE id = {i}") == [(status,)]
    assert kept.used == {"o-1": 6}
    officer.execute("RESET redactor.disclosure_order")
    for i in expected:
        assert rows(officer, f"SELECT status FROM people WHERE id = {i}") == [(None,)]
    for wrong in ("o-2", "o-3", "o-4"):
        assert "no disclosure order" in refused(officer, f"SET redactor.disclosure_order = '{wrong}'")
    officer.execute("SET redactor.disclosure_order = 'o-1'")
    assert kept.used == {"o-1": 6}


def test_a_cursor_of_a_driver_is_counted_part_by_part(proxy: Running, kept: Kept, clock: list[float]) -> None:
    async def read() -> list[Any]:
        c = await asyncpg.connect(proxy.dsn(user="officer"))
        try:
            await c.execute("SET redactor.disclosure_order = 'o-1'")
            found: list[Any] = []
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"expired|over"):
                await parts(c, found)
            return found
        finally:
            await c.close()

    async def parts(c: Any, found: list[Any]) -> None:
        async with c.transaction():
            statement = await c.prepare("SELECT status FROM people WHERE id < $1")
            cursor = await statement.cursor(6)
            found += [r[0] for r in await cursor.fetch(2)]
            found += [r[0] for r in await cursor.fetch(2)]
            clock[0] = 4000.0
            await cursor.fetch(2)

    assert asyncio.run(read()) == [None, "visa", None, "visa"]
    assert kept.used == {"o-1": 4}


def test_an_answer_that_is_refused_in_a_transaction_leaves_it_open(officer: psycopg.Connection, kept: Kept) -> None:
    officer.execute("BEGIN")
    assert "rows" in refused(officer, "SELECT status FROM people")
    assert rows(officer, "SELECT status FROM people WHERE id = 2") == [("visa",)]
    officer.execute("COMMIT")
    assert kept.used == {"o-1": 1}
