"""LISTEN: not where code of the database announces what others write and the listener may not see."""

from __future__ import annotations

from redactor.context import Context
from redactor.decision import Allow, Refuse
from redactor.engine import Engine
from redactor.model import Requester
from tests.engines import engine_of
from tests.servers import Server

SCHEMA = """
DROP SCHEMA IF EXISTS radio CASCADE;
CREATE SCHEMA radio;
CREATE TABLE radio.plain (id int PRIMARY KEY, name text);
CREATE TABLE radio.people (id int PRIMARY KEY, name text, status text);
CREATE TABLE radio.camps (id int PRIMARY KEY);
CREATE TABLE radio.trail (id int, what text);
CREATE FUNCTION radio.whole() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_notify('whole', row_to_json(NEW)::text); RETURN NEW; END $$;
CREATE TRIGGER whole AFTER INSERT ON radio.people FOR EACH ROW EXECUTE FUNCTION radio.whole();
CREATE FUNCTION radio.number() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_notify('number', NEW.id::text); RETURN NEW; END $$;
CREATE TRIGGER number AFTER UPDATE ON radio.people FOR EACH ROW EXECUTE FUNCTION radio.number();
CREATE FUNCTION radio.changed() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_notify(TG_ARGV[0], ''); RETURN NULL; END $$;
CREATE TRIGGER changed AFTER INSERT ON radio.camps EXECUTE FUNCTION radio.changed('camps_changed');
CREATE TRIGGER changed AFTER INSERT ON radio.plain EXECUTE FUNCTION radio.changed('plain_changed');
CREATE FUNCTION radio.by_table() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_notify(TG_TABLE_NAME, ''); RETURN NULL; END $$;
CREATE TRIGGER by_table AFTER DELETE ON radio.camps EXECUTE FUNCTION radio.by_table();
CREATE FUNCTION radio.say(what text) RETURNS void LANGUAGE sql AS $$ SELECT pg_notify('said', what) $$;
CREATE FUNCTION radio.say_status() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM radio.say(NEW.status); RETURN NEW; END $$;
CREATE TRIGGER say AFTER UPDATE ON radio.people FOR EACH ROW EXECUTE FUNCTION radio.say_status();
CREATE FUNCTION radio.logged() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO radio.trail VALUES (NEW.id, NEW.name); NOTIFY logged; RETURN NEW; END $$;
CREATE TRIGGER logged AFTER UPDATE ON radio.plain FOR EACH ROW EXECUTE FUNCTION radio.logged();
CREATE FUNCTION radio.trusted() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_notify('trusted', NEW.status); RETURN NEW; END $$;
CREATE TRIGGER trusted AFTER UPDATE ON radio.people FOR EACH ROW EXECUTE FUNCTION radio.trusted();
CREATE FUNCTION radio.mail(notify_by_mail boolean) RETURNS text LANGUAGE sql AS
  $$ SELECT status FROM radio.people WHERE notify_by_mail $$;
"""
COMPUTED = """
CREATE FUNCTION radio.computed() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_notify('of_' || NEW.id, NEW.status); RETURN NEW; END $$;
CREATE TRIGGER computed AFTER UPDATE ON radio.people FOR EACH ROW EXECUTE FUNCTION radio.computed();
"""
REVIEW = """
database: postgres
relations:
  radio.plain: {columns: {id: {}, name: {}}}
  radio.people: {columns: {id: {}, name: {}, status: {tags: [status]}}}
  radio.camps: {tags: [programme], columns: {id: {}}}
  radio.trail: {columns: {id: {}, what: {}}}
functions:
  radio.trusted(): {safe: true, because: a test}
"""
POLICY = """
roles: {counsel: {users: [counsel]}}
rules: [{id: rows, tags: [programme, status], approved: [counsel], otherwise: mask, because: a test}]
"""


async def _engine(server: Server, schema: str) -> Engine:
    return await engine_of(server, schema, REVIEW, POLICY, "DROP SCHEMA radio CASCADE")


CHANNELS = [
    ("whole", Refuse),  # a new row, of somebody else's
    ("number", Allow),
    ("camps_changed", Refuse),  # that there is one at all
    ("plain_changed", Allow),
    ("camps", Refuse),
    ("plain", Allow),
    ("said", Refuse),
    ("logged", Allow),
    ("trusted", Allow),
    ("anything", Allow),
    ('"Whole"', Allow),  # another channel
]


async def test_who_may_listen_to_what(postgres18: Server) -> None:
    engine = await _engine(postgres18, SCHEMA)
    for channel, kind in CHANNELS:
        decision = engine.decide(Requester("clerk", "postgres"), Context.start("clerk"), f"LISTEN {channel}")
        assert isinstance(decision, kind), (channel, decision)
        approved = engine.decide(Requester("counsel", "postgres"), Context.start("counsel"), f"LISTEN {channel}")
        assert isinstance(approved, Allow)


async def test_a_channel_that_is_computed_may_be_any(postgres18: Server) -> None:
    engine = await _engine(postgres18, SCHEMA + COMPUTED)
    decision = engine.decide(Requester("clerk", "postgres"), Context.start("clerk"), "LISTEN anything")
    assert isinstance(decision, Refuse)
    assert "radio.computed() announces there, and it reads radio.people.status" in decision.problem.message
    assert isinstance(engine.decide(Requester("clerk", "postgres"), Context.start("clerk"), "UNLISTEN *"), Allow)
