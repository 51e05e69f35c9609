"""What ships: the policy does what its own tests say, its tags are known, the published schemas are current."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from redactor import expectations, policy
from redactor.cli import schemas
from redactor.cli.files import known_tags
from redactor.cli.policy import tests_of as beside
from redactor.policy import Mask, RefuseRead
from redactor.yamlfile import parse

ROOT = Path(__file__).resolve().parents[2]
POLICIES = sorted(p for p in (ROOT / "policies").glob("*.yaml") if p.name != "tags.yaml" and ".test." not in p.name)
SACRAMENTO = ROOT / "policies" / "sacramento.yaml"


@pytest.mark.parametrize("path", POLICIES, ids=lambda p: p.stem)
def test_a_shipped_policy_meets_its_own_tests(path: Path) -> None:
    p = policy.parse(path.read_text(), path.name)
    cases = expectations.parse(beside(path).read_text(), beside(path).name)
    assert [str(f) for f in expectations.unmet(p, cases, path.name)] == []
    tested = {e.tag for c in cases for e in c.expected}
    untested = {r.id for r in p.rules if not any(r.covers(t) for t in tested)}
    assert untested == set()
    assert set(p.roles) == {r for c in cases for r in (c.given or p.roles_of(c.login, c.groups))}


@pytest.mark.parametrize("path", POLICIES, ids=lambda p: p.stem)
def test_every_rule_of_a_shipped_policy_gives_its_reason(path: Path) -> None:
    p = policy.parse(path.read_text(), path.name)
    assert [r.id for r in p.rules if len(r.because) < 20] == []


def test_known_tags_have_a_rule_each_but_for_the_bare_classes() -> None:
    p = policy.parse(SACRAMENTO.read_text(), "sacramento.yaml")
    tags = known_tags(SACRAMENTO)
    assert len(tags) > 50
    # too wide to say who needs them: whoever uses them bare hides the column from everybody
    assert {t for t in tags if not p.rules_for(t)} == {"proxy", "trace"}


def test_tags_that_a_scan_proposes_are_known_and_have_a_rule() -> None:
    p = policy.parse(SACRAMENTO.read_text(), "sacramento.yaml")
    proposed: set[str] = set()
    for path in (ROOT / "redactor" / "tagging" / "pack").glob("*.yaml"):
        value = parse(path.read_text(), path.name).value
        assert isinstance(value, dict)
        proposed |= set(value.get("tags") or {})
    assert len(proposed) > 20
    assert proposed - set(known_tags(SACRAMENTO)) == set()
    assert {t for t in proposed if not p.rules_for(t)} == set()


def test_no_role_of_the_shipped_policy_that_works_without_values_sees_any() -> None:
    p = policy.parse(SACRAMENTO.read_text(), "sacramento.yaml")
    for role in ("dba", "jtf_liaison", "auditor", "city_attorney"):
        for tag in known_tags(SACRAMENTO):
            ruling = p.ruling((tag,), frozenset((role,)))
            assert ruling is not None, (role, tag)
            assert not (isinstance(ruling.treatment, Mask) and ruling.treatment.depends_on_value), (role, tag)


def test_an_ordinary_requester_gets_only_what_says_nothing_of_the_value() -> None:
    p = policy.parse(SACRAMENTO.read_text(), "sacramento.yaml")
    for tag in known_tags(SACRAMENTO):
        ruling = p.ruling((tag,), frozenset())
        assert ruling is not None
        assert isinstance(ruling.treatment, RefuseRead) or ruling.treatment == Mask() or tag.startswith("programme")


def test_schemas_are_current() -> None:
    """After a change to a form: python -m redactor.cli.schemas"""
    published = {p.name: p.read_text() for p in (ROOT / "schemas").glob("*.schema.json")}
    assert published == schemas.documents()


def test_schemas_close_every_mapping_and_name_the_tags_form() -> None:
    text = "".join(schemas.documents().values())
    for document in schemas.documents().values():
        schema = json.loads(document)
        forms = [schema, *schema.get("$defs", {}).values()]
        assert all(f.get("additionalProperties") is False for f in forms)
    assert re.search(r'"pattern": "\^\[a-z\]', text)
