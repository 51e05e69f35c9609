"""Whatever can hand a secret on derives from it: functions, views, tables, operators, types, casts, triggers."""

from __future__ import annotations

import pytest

from redactor.catalog import Function, Relation
from redactor.context import Context
from redactor.decision import Allow, Redact, Refuse
from redactor.engine import Engine
from redactor.model import RelationName, Requester

CLERK = Requester("clerk", "town")


def functions(engine: Engine) -> list[Function]:
    return [f for f in engine.catalog.functions.values() if f.name.split("_")[0] in ("clean", "reads", "opaque")]


def views(engine: Engine) -> list[Relation]:
    return [r for r in engine.catalog.relations.values() if r.kind in "vm" and r.schema == "public"]


def hidden_by(engine: Engine, f: Function) -> tuple[object, ...]:
    return engine.world(frozenset()).clearance.function(f)


def relation(engine: Engine, name: str) -> Relation:
    found = engine.catalog.relation(RelationName("public", name))
    assert found is not None
    return found


def decide(engine: Engine, text: str) -> Allow | Redact | Refuse:
    return engine.decide(CLERK, Context.start("clerk"), text)


def test_functions(engine: Engine) -> None:
    wrong = []
    for f in functions(engine):
        told = hidden_by(engine, f)
        kind = f.name.split("_")[0]
        cannot = any(c.schema == "" for c in told)  # type: ignore[attr-defined]
        right = {"clean": not told, "reads": bool(told) and not cannot, "opaque": cannot}[kind]
        if not right:
            wrong.append((f.name, told))
    assert not wrong
    assert len(functions(engine)) > 45


def test_people_have_the_last_word_on_functions(engine: Engine) -> None:
    (declared,) = engine.catalog.functions_named("declared")
    (denied,) = engine.catalog.functions_named("denied")
    assert not hidden_by(engine, declared)
    assert hidden_by(engine, denied)


def test_views(engine: Engine) -> None:
    wrong = []
    for v in views(engine):
        shield = engine.world(frozenset()).shield(v)
        kind = v.name.split("_")[0]
        right = {
            "clean": shield.open,
            "masked": shield.closed is None and shield.hidden == {"n"},
            "closed": shield.closed is not None,
        }[kind]
        if not right:
            wrong.append((v.name, shield.closed, shield.hidden))
    assert not wrong
    assert len(views(engine)) > 20


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("persons", {"secret"}),
        ("plain", set()),
        ("linked", {"hushed"}),
        ("computed", {"given"}),
        ("parts", {"kind"}),
        ("above", {"mark"}),
        ("below", {"mark"}),
        ("numbered", {"secret"}),
        ("sharing", set()),
        ("borrowing", {"number"}),
    ],
)
def test_columns(engine: Engine, name: str, hidden: set[str]) -> None:
    shield = engine.world(frozenset()).shield(relation(engine, name))
    assert shield.closed is None
    assert shield.hidden == hidden


def test_rows(engine: Engine) -> None:
    world = engine.world(frozenset())
    assert world.shield(relation(engine, "hushed")).closed is not None
    assert world.shield(relation(engine, "guarded")).closed is not None
    assert world.shield(relation(engine, "parts")).ordered
    # which rows are in a partition is what its key says
    assert world.shield(relation(engine, "parts_a")).closed is not None


def test_the_approved_see_all(engine: Engine) -> None:
    world = engine.world(frozenset({"boss"}))
    cannot = {"declared", "denied"}
    for r in engine.catalog.relations.values():
        if r.schema == "public" and r.kind in "rpvm" and r.name not in ("noted",):
            assert world.shield(r).open, r.name
    for f in functions(engine):
        if f.name.startswith("reads") and f.name not in cannot:
            assert not world.clearance.function(f), f.name


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("SELECT 1 ~=~ 'x'", False),
        ("SELECT 1 OPERATOR(public.~=~) 'x'", False),
        ("SELECT 'x'::told", False),
        ("SELECT told('x')", False),
        ("SELECT CAST('x' AS public.told)", False),
        ("SELECT 'x'::quiet", True),
        ("SELECT ROW(1, 'a')::marked::text", False),
        ("SELECT clean_row(p) FROM persons p", True),
        ("SELECT p.clean_row FROM persons p", True),
        ("SELECT reads_total(id) FROM plain", False),
        ("SELECT clean_total(id) FROM plain", True),
        ("SELECT opaque_open('SELECT 1')", False),
        ("INSERT INTO computed (id) VALUES (1)", True),
        ("INSERT INTO numbered (name) VALUES ('x') RETURNING id", True),
        ("INSERT INTO sharing (name) VALUES ('x') RETURNING id", True),
        ("INSERT INTO computed (id) VALUES (1) RETURNING given", True),
        ("INSERT INTO noted VALUES (1, 'x')", False),
        ("UPDATE plain SET name = 'x'", True),
        ("CALL opaque_procedure()", False),
        ("SELECT * FROM closed_where", False),
        ("SELECT n FROM masked_deep", True),
        ("SELECT id FROM masked_deep WHERE n = 'x'", False),
        ("SELECT name FROM guarded", False),
        ("INSERT INTO linked (id, hushed) VALUES (1, 1)", False),
        ("INSERT INTO linked (id, note) VALUES (1, 'x')", True),
        ("CREATE TEMP TABLE t (h integer REFERENCES hushed)", False),
    ],
)
def test_statements(engine: Engine, text: str, passes: bool) -> None:
    decision = decide(engine, text)
    assert isinstance(decision, Allow | Redact) is passes, decision


def test_a_default_that_reads_is_not_shown(engine: Engine) -> None:
    decision = decide(engine, "INSERT INTO computed (id) VALUES (1) RETURNING *")
    assert isinstance(decision, Redact)
    assert "computed.given" not in decision.text
    assert "NULL::pg_catalog.text AS given" in decision.text
