"""Who can see what, the catalog's review, health: what the pages say, and what a steward's decision does."""

from __future__ import annotations

import pytest

from redactor import review
from redactor.model import RelationName
from redactor.review import Decided, settle
from redactor.tags import UNREVIEWED
from tests.console.place import Place, csrf

PROPOSED = """\
# the town's catalog
database: town
relations:
  public.residents:  # people
    columns:
      resident_id: {}
      # looks like an A-number
      alien_number: {proposed: {tags: [document.a_number], confidence: 0.97, evidence: its name}}
      status: {tags: [status], note: keep me}
      arrived: {proposed: {confidence: 0.5}}
"""


def catalog(console: Place) -> str:
    return (console.directory / "catalog.yaml").read_text()


def decide(console: Place, who: str = "steward", **changes: str) -> int:
    browser = console.client(who)
    page = browser.get("/catalog").text
    digest = page.split('name="digest" value="')[1].split('"')[0] if 'name="digest"' in page else ""
    form = {
        "csrf": csrf(page),
        "digest": digest,
        "database": "town",
        "relation": "public.residents",
        "column": "alien_number",
        "tags": "document.a_number",
        "answer": "accept",
        "because": "I know it",
    }
    return browser.post("/catalog", data=form | changes).status_code


def test_the_matrix(console: Place) -> None:
    page = console.client("operator").get("/access").text
    for said in ("document.a_number", "caseworker", "(no role)", "mask null", "mask year", "filter", "The town"):
        assert said in page
    columns = console.client("counsel").get("/access?tag=status&role=(no+role)").text
    assert "public.residents.status" in columns
    assert "need to know" in columns
    assert "public.residents.phone" not in columns
    assert console.client("auditor").get("/access?tag=%3Cb%3E&role=nobody").status_code == 200


def test_a_suggestion_accepted(console: Place) -> None:
    (console.directory / "catalog.yaml").write_text(PROPOSED)
    page = console.client("steward").get("/catalog").text
    assert "its name" in page
    assert "sure to 97 %" in page
    assert decide(console, tags="document.a_number, document") == 303
    after = catalog(console)
    assert after == PROPOSED.replace(
        "{proposed: {tags: [document.a_number], confidence: 0.97, evidence: its name}}",
        "{tags: [document.a_number, document]}",
    )
    (deed,) = console.deeds()
    assert (deed["by"], deed["deed"], deed["because"]) == ("steward", "reviewed a tag", "I know it")
    assert deed["about"] == {
        "before": f"document.a_number {UNREVIEWED}",
        "column": "public.residents.alien_number",
        "database": "town",
        "tags": "document.a_number document",
    }
    assert "I know it" in console.client("auditor").get("/catalog").text


def test_a_suggestion_rejected(console: Place) -> None:
    (console.directory / "catalog.yaml").write_text(PROPOSED)
    assert decide(console, answer="reject") == 303
    found = review.parse(catalog(console), "catalog")
    assert found.column_tags(RelationName("public", "residents"), "alien_number") == frozenset()
    assert "# looks like an A-number" in catalog(console)


WRONG: list[tuple[dict[str, str], int]] = [
    ({"tags": ""}, 400),
    ({"tags": "Not A Tag!"}, 400),
    ({"tags": UNREVIEWED}, 400),
    ({"answer": "maybe"}, 400),
    ({"database": "elsewhere"}, 400),
    ({"relation": "public.nothing"}, 409),
    ({"relation": "nonsense"}, 409),
    ({"column": "nothing"}, 409),
    ({"digest": "0" * 32}, 409),
]


def test_what_cannot_be_decided(console: Place) -> None:
    before = catalog(console)
    for changes, status in WRONG:
        assert decide(console, **changes) == status, changes
        assert catalog(console) == before
    assert console.deeds() == []


def test_only_stewards_decide(console: Place) -> None:
    before = catalog(console)
    for role in ("auditor", "operator", "counsel"):
        assert decide(console, role) == 403
    assert catalog(console) == before


def test_nothing_is_written_that_is_not_logged(console: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from redactor.errors import LogUnavailable

    def full(_: object) -> None:
        raise LogUnavailable("no room")

    before = catalog(console)
    monkeypatch.setattr(type(console.site), "note", property(lambda _: full, lambda *_: None))
    assert decide(console) == 503
    assert catalog(console) == before


def test_settling_what_is_new() -> None:
    text = "database: town\nrelations:\n  public.a: {tags: [status], proposed: {tags: [document]}}\n"
    residents = RelationName("public", "b.c")
    text = settle(text, [Decided(residents, None, ())])
    number = Decided(residents, "x y", ("status",))
    text = settle(text, [number, Decided(RelationName("public", "a"), None, ("document",))])
    found = review.parse(text, "catalog")
    assert found.relation_tags(residents) == frozenset()
    assert found.column_tags(residents, "x y") == {"status"}
    assert found.column_tags(residents, "other") == {UNREVIEWED}
    assert found.relation_tags(RelationName("public", "a")) == {"document"}
    assert settle(text, [number]) == text


def test_health(console: Place) -> None:
    page = console.client("operator").get("/health").text
    assert "Whoever has it reads every logged statement" in page
    assert "0 / 0" in page
    (console.directory / "policy.yaml").write_text("name: [")
    assert "Policy and catalog files" in console.client("operator").get("/health").text
