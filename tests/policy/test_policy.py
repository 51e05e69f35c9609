"""What a policy rules: deny overrides, order never matters, what nobody speaks for is hidden."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redactor import policy
from redactor.model import RuleHit
from redactor.policy import (
    UNREVIEWED,
    FilterRows,
    Mask,
    MaskKind,
    Policy,
    PolicyRole,
    RefuseRead,
    Rule,
    Ruling,
    Shaping,
    Treatment,
)
from tests.policy.test_treatment import told_apart, treatments

EXAMPLE = """
name: Sacramento Immigration Platform
roles:
  caseworker: {users: [caseworker], groups: [benefits_staff]}   # database logins; database roles
rules:
  - id: status-need-to-know
    tags: [status, document, origin, programme]
    approved: [caseworker]
    otherwise: mask
    when_shaping_rows: refuse
    because: Gov. Code 7284.6; Immigration Platform, general policy statement 8
"""

NOBODY: frozenset[str] = frozenset()
ROLES = ("clerk", "caseworker", "dba")
TAGS = ("status", "status.current", "document", "document.a_number", "origin", UNREVIEWED)


def rule(name: str, tags: str | list[str], approved: str = "", otherwise: Treatment | None = None) -> Rule:
    some = (tags,) if isinstance(tags, str) else tuple(tags)
    return Rule(name, some, frozenset(approved.split()), otherwise or Mask(), Shaping.REFUSE, f"because of {name}")


def of(*rules: Rule) -> Policy:
    return policy.make("a test's", {r: PolicyRole(users=frozenset([r])) for r in ROLES}, rules)


rules = st.lists(
    st.builds(
        Rule,
        st.sampled_from("abcdefgh"),
        st.lists(st.sampled_from(TAGS), min_size=1, max_size=3, unique=True).map(tuple),
        st.frozensets(st.sampled_from(ROLES)),
        treatments,
        st.sampled_from(Shaping),
        st.just("why"),
    ),
    max_size=6,
    unique_by=lambda r: r.id,
)
questions = st.tuples(st.frozensets(st.sampled_from(TAGS), min_size=1), st.frozensets(st.sampled_from(ROLES)))


def shows(ruling: Ruling | None) -> set[tuple[int, int]] | None:
    """What can be told apart; None: everything."""
    return None if ruling is None else told_apart(ruling.treatment)


def at_most(a: set[tuple[int, int]] | None, b: set[tuple[int, int]] | None) -> bool:
    return b is None or (a is not None and a <= b)


@given(rules, questions, st.randoms(use_true_random=False))
def test_the_order_of_rules_never_matters(
    rules_: list[Rule], question: tuple[frozenset[str], frozenset[str]], random: object
) -> None:
    shuffled = list(rules_)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    a, b = of(*rules_), of(*shuffled)
    assert a.ruling(*question) == b.ruling(*question)
    assert a.digest == b.digest


@given(rules, questions, st.data())
def test_adding_a_rule_never_shows_more(
    rules_: list[Rule], question: tuple[frozenset[str], frozenset[str]], data: st.DataObject
) -> None:
    """But for the first rule of a tag, which is what opens it; where some rule speaks already, more only close."""
    tags, roles = question
    before = of(*rules_)
    if not all(before.rules_for(t) for t in tags):
        return
    added = replace(data.draw(rules.filter(bool))[0], id="added")
    after = of(*rules_, added).ruling(tags, roles)
    was = before.ruling(tags, roles)
    assert at_most(shows(after), shows(was))
    if was is not None and after is not None:
        assert set(was.hits) <= set(after.hits)
        assert was.when_shaping is Shaping.MASK or after.when_shaping is Shaping.REFUSE


@given(rules, questions, st.frozensets(st.sampled_from(TAGS)))
def test_another_tag_never_shows_more(
    rules_: list[Rule], question: tuple[frozenset[str], frozenset[str]], more: frozenset[str]
) -> None:
    tags, roles = question
    p = of(*rules_)
    assert at_most(shows(p.ruling(tags | more, roles)), shows(p.ruling(tags, roles)))


@given(rules, questions)
def test_another_role_never_shows_less(rules_: list[Rule], question: tuple[frozenset[str], frozenset[str]]) -> None:
    tags, roles = question
    p = of(*rules_)
    for role in ROLES:
        if p.ruling(tags, roles) is None:
            assert p.ruling(tags, roles | {role}) is None


@given(rules, questions)
def test_who_can_see_is_what_the_rulings_say(
    rules_: list[Rule], question: tuple[frozenset[str], frozenset[str]]
) -> None:
    p = of(*rules_)
    tags, _ = question
    assert p.who_can_see(tags) == {r for r in ROLES if p.ruling(tags, frozenset([r])) is None}


def test_the_design_example() -> None:
    p = policy.parse(EXAMPLE, "policies/sacramento.yaml")
    assert p.roles_of("caseworker") == p.roles_of("somebody", ["benefits_staff", "x"]) == {"caseworker"}
    assert p.roles_of("clerk", ["caseworker"]) == p.roles_of("benefits_staff") == NOBODY
    because = "Gov. Code 7284.6; Immigration Platform, general policy statement 8"
    hidden = Ruling(Mask(), Shaping.REFUSE, (RuleHit("status-need-to-know", because),), True)
    assert p.ruling(["document.a_number"], NOBODY) == hidden
    assert p.ruling(["document.a_number", "status"], frozenset(["caseworker"])) is None
    assert p.ruling([], NOBODY) is None


def test_every_covering_rule_must_approve() -> None:
    p = of(rule("above", "document", "clerk caseworker"), rule("below", "document.a_number", "caseworker dba"))
    assert p.who_can_see(["document.a_number"]) == {"caseworker"}
    assert p.who_can_see(["document.passport"]) == {"clerk", "caseworker"}
    # two roles of one person, each approved by one of the two rules
    assert p.ruling(["document.a_number"], frozenset(["clerk", "dba"])) is None
    ruling = p.ruling(["document.a_number"], NOBODY)
    assert ruling is not None
    assert [h.rule for h in ruling.hits] == ["above", "below"]


def test_the_strictest_treatment_wins() -> None:
    year, refuse = Mask(MaskKind.YEAR), RefuseRead()
    p = of(
        rule("a", "status", "dba", year), rule("b", "status.current", "", FilterRows()), rule("c", "origin", "", refuse)
    )
    assert p.ruling(["status"], NOBODY) == Ruling(year, Shaping.REFUSE, (RuleHit("a", "because of a"),), True)
    both = p.ruling(["status.current"], NOBODY)
    assert both is not None
    assert both.treatment == FilterRows()
    three = p.ruling(["status.current", "origin"], NOBODY)
    assert three is not None
    assert three.treatment == refuse


def test_a_tag_covers_only_what_is_below_it() -> None:
    p = of(rule("a", "document", "dba"))
    assert p.who_can_see(["document"]) == {"dba"}
    for other in ("documents", "document_type", "doc"):
        ruling = p.ruling([other], frozenset(ROLES))
        assert ruling is not None
        assert [h.rule for h in ruling.hits] == [f"no-rule:{other}"]
        assert other in ruling.hits[0].because
        assert ruling.treatment == Mask()
        assert ruling.when_shaping is Shaping.REFUSE


def test_what_nobody_reviewed_is_hidden_from_everybody() -> None:
    p = of(rule("a", "document", "dba"))
    assert p.ruling([UNREVIEWED], frozenset(ROLES)) == p.quarantine()
    assert p.quarantine().hits[0].rule == "quarantine"
    assert "not yet reviewed" in p.quarantine().hits[0].because


def test_quarantine_may_be_opened_to_a_role_and_closed_harder() -> None:
    text = "roles: {steward: {users: anna}}\nquarantine: {approved: [steward], otherwise: refuse}\n"
    p = policy.parse(text, "p.yaml")
    assert p.quarantine().treatment == RefuseRead()
    assert p.ruling([UNREVIEWED], p.roles_of("anna")) is None
    assert policy.parse("quarantine: refuse", "p.yaml").quarantine().treatment == RefuseRead()


def test_a_rule_about_unreviewed_cannot_open_what_quarantine_closes() -> None:
    p = of(rule("a", UNREVIEWED, "dba"))
    assert p.ruling([UNREVIEWED], frozenset(["dba"])) is not None


def test_ddl_and_recording() -> None:
    text = "roles: {dba: {users: d, may_ddl: true}, clerk: {users: c}}\nrecord: protected\n"
    p = policy.parse(text, "p.yaml")
    assert p.may_ddl(p.roles_of("d"))
    assert not p.may_ddl(p.roles_of("c"))
    assert not p.may_ddl(NOBODY)
    assert (p.records(True), p.records(False)) == (True, False)
    open_ = policy.parse("ddl: derive\nrecord: all", "p.yaml")
    assert open_.may_ddl(NOBODY)
    assert open_.records(False)
    assert not policy.parse("", "p.yaml").records(True)


def test_an_empty_policy_hides_all_that_is_tagged() -> None:
    p = policy.parse("# nothing yet\n", "policies/draft.yaml")
    assert p.name == "draft"
    assert p.ruling(["status"], NOBODY) is not None


def test_the_digest_follows_what_decides_and_nothing_else() -> None:
    p = policy.parse(EXAMPLE, "p.yaml")
    assert (
        policy.parse("# a comment\n" + EXAMPLE.replace("[status, document", "[document, status"), "q").digest
        == p.digest
    )
    for old, new in (
        ("[caseworker]\n", "[]\n"),
        ("otherwise: mask", "otherwise: refuse"),
        ("when_shaping_rows: refuse", "when_shaping_rows: mask"),
        ("benefits_staff", "other_staff"),
        ("statement 8", "statement 9"),
        ("origin, programme", "origin"),
        ("name: ", "ddl: derive\nname: "),
        ("name: ", "record: all\nname: "),
        ("name: ", "quarantine: refuse\nname: "),
    ):
        assert old in EXAMPLE
        assert policy.parse(EXAMPLE.replace(old, new, 1), "p.yaml").digest != p.digest, new


@pytest.mark.parametrize(
    ("spelled", "treatment"),
    [
        ("mask", Mask()),
        ("{mask: null}", Mask()),
        ("{mask: }", Mask()),
        ("{mask: 'null'}", Mask()),
        ("refuse", RefuseRead()),
        ("filter", FilterRows()),
        ("{mask: year}", Mask(MaskKind.YEAR)),
        ("{mask: month}", Mask(MaskKind.MONTH)),
        ("{mask: partial}", Mask(MaskKind.PARTIAL, 4)),
        ("{mask: {partial: 2}}", Mask(MaskKind.PARTIAL, 2)),
        ("{mask: {bucket: 10}}", Mask(MaskKind.BUCKET, 10)),
        ("{mask: constant}", Mask(MaskKind.CONSTANT, "***")),
        ("{mask: {constant: n/a}}", Mask(MaskKind.CONSTANT, "n/a")),
        ("{mask: {constant: 0}}", Mask(MaskKind.CONSTANT, "0")),
        ("{mask: hash}", Mask(MaskKind.HASH, "")),
        ("{mask: {hash: visits}}", Mask(MaskKind.HASH, "visits")),
    ],
)
def test_treatments_as_written(spelled: str, treatment: Treatment) -> None:
    p = policy.parse(f"rules: [{{id: a, tags: status, otherwise: {spelled}}}]", "p.yaml")
    assert p.rules[0].otherwise == treatment


@pytest.mark.parametrize(
    ("more", "inserts"),
    [
        ("otherwise: mask", True),
        ("otherwise: {mask: year}", True),
        ("otherwise: refuse", False),
        ("otherwise: filter", False),
        ("otherwise: mask, when_inserted: refuse", False),
        ("otherwise: refuse, when_inserted: allow", True),
    ],
)
def test_values_of_ones_own_in_a_new_row(more: str, inserts: bool) -> None:
    p = policy.parse("rules: [{id: a, tags: status, " + more + "}]", "p.yaml")
    ruling = p.ruling(["status"], NOBODY)
    assert ruling is not None
    assert ruling.inserts is inserts
    # every rule must allow it, and a tag without a rule does not
    assert not getattr(p.ruling(["status", "origin"], NOBODY), "inserts", True)
