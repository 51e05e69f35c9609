"""A foreign key of two columns from a hidden table: changing what it refers to is refused, by either column."""

from __future__ import annotations

import pytest

from redactor import policy, review
from redactor.context import Context
from redactor.decision import Refuse
from redactor.engine import Engine
from redactor.model import Requester
from redactor.upstream import connect, read_catalog
from tests.servers import Server

SCHEMA = """
DROP SCHEMA IF EXISTS paired CASCADE;
CREATE SCHEMA paired;
CREATE TABLE paired.places (town int, street int, name text, PRIMARY KEY (town, street));
CREATE TABLE paired.shelters (id int PRIMARY KEY, town int, street int,
  FOREIGN KEY (town, street) REFERENCES paired.places);
"""
REVIEW = """
database: postgres
relations:
  paired.places: {columns: {town: {}, street: {}, name: {}}}
  paired.shelters: {tags: [programme.refugee], columns: {id: {}, town: {}, street: {}}}
"""
POLICY = "rules: [{id: rows, tags: [programme], otherwise: refuse, because: a test}]"


@pytest.mark.parametrize("column", ["town", "street"])
async def test_either_column_is_refused(postgres18: Server, column: str) -> None:
    connection = await connect(postgres18.dsn())
    try:
        await connection.execute(SCHEMA)
        catalog = await read_catalog(connection, "postgres")
    finally:
        await connection.close()
    engine = Engine(catalog, policy.parse(POLICY, "policy.yaml"), review.parse(REVIEW, "catalog.yaml"))
    text = f"UPDATE paired.places SET {column} = 9 WHERE town = 1"
    decision = engine.decide(Requester("clerk", "postgres"), Context.start("clerk"), text)
    assert isinstance(decision, Refuse)
    assert "shelters_town_street_fkey" in decision.problem.message
