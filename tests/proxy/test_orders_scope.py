"""What an order opens, by the kinds of its key and of its table; and that what lies beyond it cannot be told apart."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from redactor import policy, review
from redactor.config import Upstream
from redactor.engine import Engine
from redactor.engine.opening import rights
from redactor.model import Grant, Opening, RelationName
from tests import servers
from tests.fixtures.town import read
from tests.proxy.running import Running, running
from tests.proxy.test_orders import POLICY, Kept

SCHEMA = """
CREATE DOMAIN permit AS text CHECK (VALUE <> '');
CREATE TABLE people (id int PRIMARY KEY, name text, status text NOT NULL, born permit, seen timestamptz, kept date);
CREATE TABLE by_uuid (key uuid PRIMARY KEY, status varchar(20));
CREATE TABLE by_text (key varchar(20) PRIMARY KEY, status text);
CREATE TABLE by_folded (key text COLLATE fold PRIMARY KEY, status text);
CREATE TABLE parted (id int, region text, status text) PARTITION BY LIST (region);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
CREATE TABLE parted_b PARTITION OF parted FOR VALUES IN ('b');
CREATE TABLE shelter (stay serial PRIMARY KEY, person int, bed text);
CREATE TABLE notes (id int PRIMARY KEY, person int REFERENCES people, body text);
GRANT SELECT ON people, by_uuid, by_text, by_folded, parted, shelter, notes TO order_reader;
"""
SAME = """
INSERT INTO people VALUES (1, 'Ana', 'visa', 'land 1', '2026-01-05 23:30+00', '2026-01-05'),
    (2, 'Ben', 'citizen', NULL, '2026-02-05 00:30+00', '2026-02-05');
INSERT INTO by_uuid VALUES ('00000000-0000-0000-0000-00000000000a', 'visa');
INSERT INTO by_text VALUES ('one''"\\', 'visa');
INSERT INTO by_folded VALUES ('abc', 'visa');
INSERT INTO parted VALUES (1, 'a', 'visa'), (2, 'b', 'citizen');
INSERT INTO shelter (person, bed) VALUES (1, 'bed 1');
"""
# beyond the order: other values, other lengths, other rows in what is protected as a whole
BEYOND = (
    """
INSERT INTO people SELECT i, 'p' || i, 'visa', 'land', '2026-01-01', '2026-01-01' FROM generate_series(10, 20) i;
INSERT INTO by_uuid VALUES ('00000000-0000-0000-0000-00000000000b', 'visa');
INSERT INTO by_text VALUES ('two', 'visa');
INSERT INTO by_folded VALUES ('xyz', 'visa');
INSERT INTO parted VALUES (3, 'a', 'visa');
INSERT INTO notes VALUES (1, 10, 'n');
""",
    """
INSERT INTO people
    SELECT i, 'p' || i, repeat('citizen', i), repeat('elsewhere', i), '2026-01-01', '2026-01-01'
    FROM generate_series(20, 10, -1) i;
INSERT INTO by_uuid VALUES ('00000000-0000-0000-0000-00000000000b', NULL);
INSERT INTO by_text VALUES ('two', 'a citizen');
INSERT INTO by_folded VALUES ('xyz', '');
INSERT INTO parted VALUES (3, 'a', 'something else');
INSERT INTO shelter (person, bed) SELECT i, 'other' FROM generate_series(10, 20) i;
INSERT INTO notes VALUES (1, 10, 'n');
""",
)
REVIEW = """
database: scope
relations:
  public.people:
    columns: {id: {}, name: {}, status: {tags: [status]}, born: {tags: [origin]}, seen: {}, kept: {}}
  public.by_uuid: {columns: {key: {}, status: {tags: [status]}}}
  public.by_text: {columns: {key: {}, status: {tags: [status]}}}
  public.by_folded: {columns: {key: {}, status: {tags: [status]}}}
  public.parted: {columns: {id: {}, region: {tags: [origin]}, status: {tags: [status]}}}
  public.shelter: {tags: [programme], columns: {stay: {}, person: {}, bed: {}}}
  public.notes: {columns: {id: {}, person: {}, body: {}}}
"""


def opening(table: str, *columns: str, key: str = "key", keys: tuple[str, ...] = (), **more: str) -> Opening:
    return Opening(RelationName("public", table), frozenset(columns), key, frozenset(keys), **more)


OPENINGS = (
    opening("people", "status", "born", key="id", keys=("1", "2", "99")),
    opening("by_uuid", "status", keys=("00000000-0000-0000-0000-00000000000a",)),
    opening("by_text", "status", keys=("one'\"\\", "TWO")),
    opening("by_folded", "status", keys=("abc", "XYZ")),
    opening("parted", "status", "region", key="id", keys=("1", "2")),
    opening("shelter", "bed", key="person", keys=("1", "5")),
)


def grant(*openings: Opening, digest: str = "all") -> Grant:
    now = time.time()
    return Grant("o-1", "order_reader", "case", now - 60, now + 3600, 1000, digest, openings)


class Pair:
    """Two databases that differ only beyond the order, each behind a proxy."""

    def __init__(self, server: servers.Server, stack: ExitStack) -> None:
        self.kept: list[Kept] = []
        self.proxies: list[Running] = []
        self.server = server
        with psycopg.connect(server.dsn(), autocommit=True) as c:
            c.execute("DO $$ BEGIN CREATE ROLE order_reader LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
            for i in range(2):
                c.execute(f"DROP DATABASE IF EXISTS scope_{i} WITH (FORCE)")
                c.execute(f"CREATE DATABASE scope_{i}")
        for i, beyond in enumerate(BEYOND):
            with psycopg.connect(server.dsn(f"scope_{i}"), autocommit=True) as c:
                try:
                    c.execute("CREATE COLLATION fold (provider=icu, locale='und-u-ks-level2', deterministic=false)")
                except psycopg.errors.FeatureNotSupported:
                    # a server without ICU has none that folds
                    c.execute('CREATE COLLATION fold FROM "C"')
                # the second has them before the order's own
                for part in (SCHEMA, *((SAME, beyond) if i == 0 else ("", SAME, beyond))):
                    c.execute(part.encode())
            engine = Engine(
                read(server, f"scope_{i}"), policy.parse(POLICY, "p.yaml"), review.parse(REVIEW, "scope.yaml")
            )
            there = Upstream("127.0.0.1", server.port, "postgres", f"scope_{i}")
            self.kept.append(Kept())
            self.proxies.append(stack.enter_context(running(server, engine, upstream=there, orders=self.kept[i])))

    def under(self, given: Grant) -> None:
        for k in self.kept:
            k.grants = (given,)
            k.used.clear()

    def connect(self, which: int) -> psycopg.Connection:
        c = psycopg.connect(self.proxies[which].dsn(user="order_reader"), autocommit=True)
        c.execute("SET redactor.disclosure_order = 'o-1'")
        return c


@pytest.fixture(scope="module")
def pair(postgres: servers.Server) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(postgres, stack)


@pytest.fixture
def reader(pair: Pair) -> Iterator[psycopg.Connection]:
    pair.under(grant(*OPENINGS))
    with pair.connect(0) as c:
        yield c


def rows(c: psycopg.Connection, statement: str) -> list[Any]:
    return c.execute(statement.encode()).fetchall()


def test_keys_of_each_kind(reader: psycopg.Connection) -> None:
    assert rows(reader, "SELECT status FROM by_uuid ORDER BY key") == [("visa",), (None,)]
    assert sorted(rows(reader, "SELECT key, status FROM by_text"), key=str) == [("one'\"\\", "visa"), ("two", None)]
    # by its bytes: a collation that takes XYZ for xyz does not widen the order
    assert rows(reader, "SELECT status FROM by_folded WHERE key = 'abc'") == [("visa",)]
    assert rows(reader, "SELECT status FROM by_folded WHERE key = 'xyz'") == [(None,)]


def test_domains_and_columns_that_are_not_null(reader: psycopg.Connection) -> None:
    found = rows(reader, "SELECT id, status, born FROM people WHERE id IN (1, 2, 10) ORDER BY id")
    assert found == [(1, "visa", "land 1"), (2, "citizen", None), (10, None, None)]


def test_partitions(reader: psycopg.Connection) -> None:
    found = rows(reader, "SELECT id, region, status FROM parted")
    assert sorted(found) == [(1, "a", "visa"), (2, "b", "citizen"), (3, None, None)]


def test_with_what_is_not_opened(reader: psycopg.Connection) -> None:
    joined = "SELECT n.id, n.body, p.status FROM notes n JOIN people p ON p.id = n.person"
    assert rows(reader, joined) == [(1, "n", None)]
    assert rows(reader, "SELECT p.status FROM people p LEFT JOIN notes n ON n.person = p.id WHERE p.id = 1") == [
        ("visa",)
    ]


@pytest.mark.parametrize(
    ("dated", "since", "until", "expected"),
    [
        ("kept", "2026-01-05", "2026-02-05", ["visa", None]),
        ("kept", "2026-01-06", "", [None, "citizen"]),
        ("kept", "", "2026-01-05", [None, None]),
        ("seen", "2026-01-05T23:30:00+00:00", "2026-02-05T00:30:00+00:00", ["visa", None]),
        ("seen", "2026-02-05T00:30", "", [None, "citizen"]),
    ],
)
def test_periods(pair: Pair, dated: str, since: str, until: str, expected: list[str | None]) -> None:
    one = opening("people", "status", key="id", keys=("1", "2"), dated=dated, since=since, until=until)
    pair.under(grant(one, digest=f"{dated} {since} {until}"))
    with pair.connect(0) as c:
        c.execute("SET timezone = 'Pacific/Auckland'")
        c.execute("SET datestyle = 'SQL, DMY'")
        assert [s for (s,) in rows(c, "SELECT status FROM people WHERE id < 3 ORDER BY id")] == expected


def test_the_second_wall_and_the_rights_for_the_time(pair: Pair) -> None:
    given = grant(*OPENINGS)
    pair.under(given)
    with psycopg.connect(pair.server.dsn("scope_0"), autocommit=True) as admin, pair.connect(0) as c:
        admin.execute("REVOKE SELECT ON people FROM order_reader")
        admin.execute("GRANT SELECT (id, name) ON people TO order_reader")
        try:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
                rows(c, "SELECT status FROM people WHERE id = 1")
            pairs = rights(given.openings, given.login)[:1]
            for granting, _ in pairs:
                admin.execute(granting.encode())
            assert rows(c, "SELECT status FROM people WHERE id = 1") == [("visa",)]
            for _, revoking in pairs:
                admin.execute(revoking.encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
                rows(c, "SELECT status FROM people WHERE id = 1")
        finally:
            admin.execute("GRANT SELECT ON people TO order_reader")


STATEMENTS = [
    "SELECT * FROM people",
    "SELECT * FROM people ORDER BY id DESC",
    "SELECT p.*, n.* FROM people p LEFT JOIN notes n ON n.person = p.id",
    "SELECT id, status, born FROM people WHERE id > 5",
    "SELECT id FROM people WHERE status = 'visa'",
    "SELECT id FROM people WHERE id = 12 AND status = 'visa'",
    "SELECT max(status) FROM people",
    "SELECT length(status) FROM people WHERE id = 12",
    "SELECT id, status FROM people LIMIT 3",
    "SELECT name, status FROM people OFFSET 4",
    "SELECT status FROM by_uuid",
    "SELECT * FROM by_text",
    "SELECT * FROM by_folded",
    "SELECT * FROM by_folded WHERE key = 'XYZ'",
    "SELECT * FROM parted",
    "SELECT tableoid::regclass, status FROM parted",
    "SELECT * FROM shelter",
    "SELECT stay FROM shelter",
    "SELECT bed, person FROM shelter WHERE person > 0",
    "SELECT bed FROM shelter WHERE person = 12",
    "SELECT bed FROM shelter WHERE 1 / (person - 12) IS NOT NULL",
    "SELECT bed FROM shelter WHERE 1 / (person - 1) IS NOT NULL",
    "SELECT bed FROM shelter WHERE stay = 1",
    "SELECT bed FROM shelter WHERE bed = 'other'",
    "SELECT bed FROM shelter LIMIT 1",
    "SELECT p.name, s.bed FROM shelter s, notes p",
    "SELECT count(*) FROM shelter",
    "SELECT s.bed FROM shelter s JOIN notes n ON n.person = s.person",
    "SELECT bed FROM shelter ORDER BY person",
    "SELECT 1 FROM shelter WHERE ctid = '(0,1)'",
    "SELECT xmin, bed FROM shelter",
    "SELECT currval('shelter_stay_seq')",
    "SELECT last_value FROM shelter_stay_seq",
    "SELECT id FROM people WHERE EXISTS (SELECT 1 FROM shelter s WHERE s.person = people.id)",
    "SELECT reltuples FROM pg_class WHERE relname = 'shelter'",
    "SELECT pg_relation_size('shelter')",
]


def observed(c: psycopg.Connection, statement: str) -> object:
    try:
        cursor = c.execute(statement.encode())
    except psycopg.Error as e:
        d = e.diag
        return d.sqlstate, d.message_primary, d.message_detail, d.message_hint, d.statement_position
    return cursor.statusmessage, [(x.name, x.type_code) for x in cursor.description or ()], cursor.fetchall()


@pytest.mark.parametrize("statement", STATEMENTS)
def test_what_lies_beyond_cannot_be_told_apart(pair: Pair, statement: str) -> None:
    pair.under(grant(*OPENINGS))
    seen = []
    for i in range(2):
        with pair.connect(i) as c:
            seen.append((observed(c, statement), dict(pair.kept[i].used)))
    assert seen[0] == seen[1]
