"""What triggers copy into other tables is as hidden there as where it came from."""

from __future__ import annotations

from redactor.context import Context
from redactor.decision import Allow, Redact
from redactor.model import Requester
from tests.engines import engine_of
from tests.servers import Server

SCHEMA = """
DROP SCHEMA IF EXISTS kept CASCADE;
CREATE SCHEMA kept;
CREATE TABLE kept.people (id int PRIMARY KEY, name text, status text, born date);
CREATE TABLE kept.rows (id int, name text, status text, born date, at timestamptz);
CREATE TABLE kept.changes (what text, old jsonb, id int);
CREATE TABLE kept.notes (id int, words text, lines text, count int);
CREATE TABLE kept.trusted (id int, words text);
CREATE TABLE kept.parts (id int, words text) PARTITION BY RANGE (id);
CREATE TABLE kept.parts_1 PARTITION OF kept.parts FOR VALUES FROM (0) TO (100);
CREATE FUNCTION kept.whole() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO kept.rows SELECT OLD.*, now();
    INSERT INTO kept.changes (what, old, id) VALUES (TG_OP, to_jsonb(OLD), OLD.id);
    RETURN NULL;
  END $$;
CREATE TRIGGER whole AFTER UPDATE ON kept.people FOR EACH ROW EXECUTE FUNCTION kept.whole();
CREATE FUNCTION kept.by_variables() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE said text; n int; r record;
  BEGIN
    said := 'now ' || NEW.status;
    n := NEW.id + 1;
    UPDATE kept.notes SET words = said, count = n WHERE id = NEW.id;
    FOR r IN SELECT id, status AS s FROM kept.people LOOP
      INSERT INTO kept.parts VALUES (r.id, r.s);
    END LOOP;
    RETURN NEW;
  END $$;
CREATE TRIGGER by_variables AFTER INSERT ON kept.people FOR EACH ROW EXECUTE FUNCTION kept.by_variables();
CREATE FUNCTION kept.vouched_for() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN INSERT INTO kept.trusted VALUES (NEW.id, NEW.status); RETURN NEW; END $$;
CREATE TRIGGER vouched_for AFTER INSERT ON kept.people FOR EACH ROW EXECUTE FUNCTION kept.vouched_for();
CREATE FUNCTION kept.idle() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN UPDATE kept.notes SET lines = NEW.status; RETURN NEW; END $$;
"""
REVIEW = """
database: postgres
relations:
  kept.people: {columns: {id: {}, name: {}, status: {tags: [status]}, born: {}}}
  kept.rows: {columns: {id: {}, name: {}, status: {}, born: {}, at: {}}}
  kept.changes: {columns: {what: {}, old: {}, id: {}}}
  kept.notes: {columns: {id: {}, words: {}, lines: {}, count: {}}}
  kept.trusted: {columns: {id: {}, words: {}}}
  kept.parts: {columns: {id: {}, words: {}}}
functions:
  kept.vouched_for(): {safe: true, because: a test}
"""
POLICY = "rules: [{id: status, tags: [status], otherwise: mask, because: a test}]"
OPEN = [
    *("people.name", "rows.id", "rows.name", "rows.born", "rows.at", "changes.what", "changes.id"),
    *("notes.id", "notes.count", "notes.lines", "trusted.words", "parts.id", "parts_1.id"),
]
HIDDEN = ["people.status", "rows.status", "changes.old", "notes.words", "parts.words", "parts_1.words"]


async def test_what_a_trigger_copies_stays_hidden(postgres18: Server) -> None:
    engine = await engine_of(postgres18, SCHEMA, REVIEW, POLICY, "DROP SCHEMA kept CASCADE")

    def masks(column: str) -> bool:
        table, name = column.split(".")
        text = f"SELECT {name} FROM kept.{table} WHERE id = 1"
        decision = engine.decide(Requester("clerk", "postgres"), Context.start("clerk"), text)
        assert isinstance(decision, Allow | Redact), decision
        return any(u.column.name == name for u in decision.footprint.columns)

    assert [c for c in OPEN if masks(c)] == []
    assert [c for c in HIDDEN if not masks(c)] == []
