"""A name that is PostgreSQL's own function's and somebody's, too."""

from __future__ import annotations

import psycopg

from redactor.context import Context
from redactor.decision import Decision, Redact, Refuse
from redactor.engine import Engine
from redactor.model import Requester
from tests.engines import engine_of
from tests.servers import Server

SCHEMA = """
DROP SCHEMA IF EXISTS called CASCADE;
CREATE SCHEMA called;
CREATE TYPE called.mood AS ENUM ('low', 'high');
CREATE TABLE called.people (id int PRIMARY KEY, name text, nick varchar(9), status text, mood called.mood);
INSERT INTO called.people VALUES (1, 'Ada', 'a', 'secret', 'low'), (2, 'Bo', NULL, 'other', 'high');
CREATE FUNCTION called.upper(p called.people) RETURNS text LANGUAGE sql STABLE AS
  $$ SELECT status FROM called.people q WHERE q.id = p.id $$;
CREATE FUNCTION called.length(m called.mood) RETURNS text LANGUAGE sql STABLE AS
  $$ SELECT string_agg(status, ',') FROM called.people q WHERE q.mood = m $$;
CREATE FUNCTION called.lower(t varchar) RETURNS text LANGUAGE sql STABLE AS
  $$ SELECT status FROM called.people q WHERE q.nick = t $$;
"""
REVIEW = """
database: postgres
relations:
  called.people: {columns: {id: {}, name: {}, nick: {}, mood: {}, status: {tags: [status]}}}
"""
POLICY = "rules: [{id: status, tags: [status], otherwise: mask, because: a test}]"
PATH = "SET search_path = called, public"


async def _engine(server: Server) -> Engine:
    return await engine_of(server, SCHEMA, REVIEW, POLICY)


def _decide(engine: Engine, text: str, path: str = "called, public") -> Decision:
    context = Context.start("clerk")
    for t in engine.decide(Requester("clerk", "postgres"), context, f"SET search_path = {path}").transitions[0]:
        context = context.after(t)
    return engine.decide(Requester("clerk", "postgres"), context, text)


SAME = [
    "SELECT upper(name) FROM called.people ORDER BY id",
    "SELECT p.id, UPPER(p.name) AS n FROM called.people p WHERE upper(p.name) LIKE upper('a%')",
    "SELECT upper(name), count(*) FROM called.people GROUP BY upper(name) ORDER BY 1",
    "SELECT DISTINCT ON (upper(name)) id FROM called.people",
    'SELECT length(name), "upper"(nick) FROM called.people ORDER BY 1, 2',
    "SELECT count(*) FROM called.people GROUP BY length(name), upper(name)",
    "UPDATE called.people SET name = upper(name) WHERE id = 1 RETURNING upper(name)",
    "SELECT upper('x') UNION SELECT upper(nick) FROM called.people ORDER BY 1",
]
REFUSED = [
    "SELECT upper(p) FROM called.people p",
    "SELECT upper(people) FROM called.people",
    "SELECT called.upper(p) FROM called.people p",
    "SELECT lower(name) FROM called.people",
    "SELECT (p).upper FROM called.people p",
]
UNKNOWN = [
    "SELECT upper(p.*) FROM called.people p",
    "SELECT upper(x) FROM (SELECT p AS x FROM called.people p) s",
    "SELECT upper(NULL::called.people)",
    "SELECT length(mood) FROM called.people",
]


async def test_what_takes_rows_alone_stands_in_nobodys_way(postgres18: Server) -> None:
    engine = await _engine(postgres18)
    with psycopg.connect(postgres18.dsn(), autocommit=True) as c:
        c.execute(PATH)
        for text in SAME:
            decision = _decide(engine, text)
            assert isinstance(decision, Redact), decision
            assert "pg_catalog." in decision.text, decision.text
            c.execute("BEGIN")
            direct = c.execute(text.encode()).fetchall()
            c.execute("ROLLBACK; BEGIN")
            assert sorted(c.execute(decision.text.encode()).fetchall(), key=str) == sorted(direct, key=str)
            c.execute("ROLLBACK")


async def test_what_could_be_a_row_reaches_nobodys_function(postgres18: Server) -> None:
    engine = await _engine(postgres18)
    for text in REFUSED:
        assert isinstance(_decide(engine, text), Refuse), text
    assert isinstance(_decide(engine, "SELECT upper('x')", "called, pg_catalog"), Refuse)
    with psycopg.connect(postgres18.dsn(), autocommit=True) as c:
        c.execute(PATH)
        for text in UNKNOWN:
            decision = _decide(engine, text)
            if isinstance(decision, Refuse):
                continue
            assert isinstance(decision, Redact), decision
            try:
                rows = c.execute(decision.text.encode()).fetchall()
            except psycopg.errors.UndefinedFunction:
                continue
            assert "secret" not in str(rows)
            raise AssertionError(f"{text} was answered: {rows}")
        c.execute("DROP SCHEMA called CASCADE")
