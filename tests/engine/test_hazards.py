"""What a write would tell: hazards by event and column, on the town's tables."""

from __future__ import annotations

import pytest

from redactor.catalog import Relation
from redactor.decision import Allow, Redact, Refuse
from redactor.model import RelationName
from tests.fixtures.town import Town


def relation(town: Town, schema: str, name: str) -> Relation:
    found = town.engine.catalog.relation(RelationName(schema, name))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "event", "columns"),
    [
        ("permits", "insert", set()),
        ("permits", "update", set()),
        ("permits", "delete", set()),
        ("residents", "insert", set()),
        # who is served may not be asked by deleting, nor by changing the key that the rows there refer to
        ("residents", "update", {"resident_id"}),
        ("residents", "delete", {"*"}),
        # district and kind are unique together, and kind is hidden
        ("cards", "insert", {"*"}),
        ("cards", "update", {"district", "kind"}),
        ("cards", "delete", set()),
    ],
)
def test_hazards(town: Town, name: str, event: str, columns: set[str]) -> None:
    clerk = town.engine.world(frozenset()).clearance
    assert set(clerk.hazards(relation(town, "public", name), event)) == columns


@pytest.mark.parametrize("event", ["insert", "update", "delete"])
def test_the_approved_meet_none(town: Town, event: str) -> None:
    chief = town.engine.world(frozenset({"chief"})).clearance
    for r in town.engine.catalog.relations.values():
        if r.schema in ("public", "housing"):
            assert not chief.hazards(r, event), r.qualified


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("UPDATE cards SET district = 3 WHERE card_id = 1", False),
        ("UPDATE cards SET card_id = 7 WHERE card_id = 1", True),
        ("UPDATE residents SET resident_id = 99 WHERE resident_id = 3", False),
        ("UPDATE residents SET district = 99 WHERE resident_id = 3", True),
        ("INSERT INTO permits (permit_id) VALUES (99) ON CONFLICT (permit_id) DO UPDATE SET kind = 'x'", True),
        (
            "INSERT INTO residents (resident_id) VALUES (3) ON CONFLICT (resident_id) DO UPDATE SET resident_id = 99",
            False,
        ),
        ("MERGE INTO residents r USING districts d ON r.district = d.district WHEN MATCHED THEN DELETE", False),
        ("WITH x AS (DELETE FROM residents WHERE resident_id = 3 RETURNING 1) SELECT * FROM x", False),
        ("UPDATE resident_names SET resident_id = 99", False),
        ("UPDATE resident_names SET full_name = 'x'", True),
        ("DELETE FROM resident_names WHERE resident_id = 1", False),
    ],
)
def test_writes(town: Town, text: str, passes: bool) -> None:
    decision = town.decide(text)
    assert isinstance(decision, Allow | Redact) is passes, decision


@pytest.mark.parametrize(
    "text", ["DELETE FROM residents WHERE resident_id = 3", "UPDATE residents SET resident_id = 99 WHERE district = 1"]
)
def test_a_refusal_for_a_foreign_key_names_the_key_and_the_rule(town: Town, text: str) -> None:
    decision = town.decide(text)
    assert isinstance(decision, Refuse)
    assert "refugee_services_resident_id_fkey" in decision.problem.message
    assert decision.rules
    assert all(h.because for h in decision.rules)
