"""A function that has an aggregate's name: whether rows of a query become one cannot be told."""

from __future__ import annotations

import asyncio

import pytest

from redactor.context import Context
from redactor.decision import Decision, Refuse
from redactor.engine import Engine
from redactor.model import Requester
from tests.engines import engine_of
from tests.servers import Server

SCHEMA = """
DROP SCHEMA IF EXISTS namesakes CASCADE;
CREATE SCHEMA namesakes;
CREATE TABLE namesakes.people (id int PRIMARY KEY, name text, status text);
CREATE TABLE namesakes.open (id int PRIMARY KEY, name text);
CREATE FUNCTION namesakes.max(t varchar, n int DEFAULT 1) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'x' $$;
"""
REVIEW = """
database: postgres
relations:
  namesakes.people: {columns: {id: {}, name: {}, status: {tags: [status]}}}
  namesakes.open: {columns: {id: {}, name: {}}}
"""
POLICY = "rules: [{id: status, tags: [status], otherwise: mask, because: a test}]"


@pytest.fixture(scope="module")
def engine(postgres18: Server) -> Engine:
    return asyncio.run(engine_of(postgres18, SCHEMA, REVIEW, POLICY, "DROP SCHEMA namesakes CASCADE"))


def decided(engine: Engine, text: str) -> Decision:
    who = Requester("clerk", "postgres")
    context = engine.begin(who, {"user": "clerk", "database": "postgres"}, "namesakes, public")
    assert isinstance(context, Context)
    return engine.decide(who, context, text)


@pytest.mark.parametrize("call", ["max(name)", "max(name, 2)"])
def test_which_is_called_cannot_be_told(engine: Engine, call: str) -> None:
    decision = decided(engine, f"SELECT {call} FROM people LIMIT 3")
    assert isinstance(decision, Refuse)
    assert "which of the two" in decision.problem.message
    assert "FILTER (WHERE true)" in decision.problem.hint


@pytest.mark.parametrize(
    "text",
    [
        "SELECT max(name) FILTER (WHERE true) FROM people LIMIT 3",
        "SELECT max(DISTINCT name) FROM people",
        "SELECT max(id) OVER (PARTITION BY name) FROM people",
        "SELECT min(name), count(*) FROM people",
        "SELECT max(name) FROM open LIMIT 3",
    ],
)
def test_what_can_be_told_passes(engine: Engine, text: str) -> None:
    assert not isinstance(decided(engine, text), Refuse)
