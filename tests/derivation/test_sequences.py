"""A default that counts: harmless where the sequence counts rows that may be seen."""

from __future__ import annotations

import pytest

from redactor.context import Context
from redactor.decision import Allow, Refuse
from redactor.engine import Engine
from redactor.model import Requester
from tests.engines import engine_of
from tests.servers import Server

SCHEMA = """
DROP SCHEMA IF EXISTS counting CASCADE;
CREATE SCHEMA counting;
CREATE TABLE counting.logs (id serial PRIMARY KEY, note text, who text DEFAULT current_setting('app.user', true));
CREATE TABLE counting.secrets (id serial PRIMARY KEY, note text);
CREATE SEQUENCE counting.shared_numbers;
CREATE SEQUENCE counting."Odd 'one'";
CREATE SEQUENCE counting.spare;
CREATE TABLE counting.camps (
  id int DEFAULT nextval('counting.shared_numbers'), odd int DEFAULT nextval('counting."Odd ''one''"'));
CREATE TABLE counting.shadows (id int DEFAULT nextval('counting.secrets_id_seq'), note text);
"""
REVIEW = """
database: postgres
relations:
  counting.logs: {columns: {id: {}, note: {}, who: {}}}
  counting.secrets: {tags: [programme.refugee], columns: {id: {}, note: {}}}
  counting.camps: {tags: [programme.refugee], columns: {id: {}, odd: {}}}
  counting.shadows: {columns: {id: {}, note: {}}}
"""
POLICY = "rules: [{id: rows, tags: [programme], otherwise: refuse, because: a test}]"


@pytest.fixture
async def engine(postgres18: Server) -> Engine:
    return await engine_of(postgres18, SCHEMA, REVIEW, POLICY)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("SELECT * FROM counting.logs", Allow),
        ("INSERT INTO counting.logs (note) VALUES ('x') RETURNING *", Allow),
        ("UPDATE counting.logs SET note = 'y' WHERE id = 1", Allow),
        ("SELECT nextval('counting.logs_id_seq')", Allow),
        ("SELECT id FROM counting.secrets", Refuse),
        ("SELECT nextval('counting.secrets_id_seq')", Refuse),
        ("SELECT id FROM counting.shadows WHERE id > 5", Refuse),
        ("SELECT last_value FROM counting.shared_numbers", Refuse),
        ("SELECT nextval('counting.shared_numbers')", Refuse),
        ("SELECT last_value FROM counting.\"Odd 'one'\"", Refuse),
        ("SELECT last_value FROM counting.spare", Allow),
    ],
)
async def test_a_serial_column_is_as_open_as_its_table(engine: Engine, text: str, kind: type) -> None:
    decision = engine.decide(Requester("clerk", "postgres"), Context.start("clerk"), text)
    assert isinstance(decision, kind), decision
