"""The reviewed catalog file: what it says of a name, and how proposals get into it without loss."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redactor import review
from redactor.errors import ConfigurationError
from redactor.model import RelationName
from redactor.review import Addition, Declared
from redactor.tags import UNREVIEWED

EXAMPLE = """\
database: city
relations:
  public.residents:
    columns:
      resident_id: {}
      full_name: {}
      alien_number: {tags: [document.a_number]}     # see ticket 12
      citizenship_status: {tags: status}
  housing.refugee_services:
    tags: [programme.refugee]                        # its very rows reveal
    columns: {service_id: {}, resident_id: {}}
functions:
  public.open_requests(integer): {safe: true, because: counts service requests only}
"""
RESIDENTS = RelationName("public", "residents")
NEW = RelationName("library", "patrons")


def test_the_design_example() -> None:
    r = review.parse(EXAMPLE, "schemas/city.yaml")
    assert r.database == "city"
    assert r.column_tags(RESIDENTS, "alien_number") == {"document.a_number"}
    assert r.column_tags(RESIDENTS, "citizenship_status") == {"status"}
    assert r.column_tags(RESIDENTS, "full_name") == frozenset()
    assert r.relation_tags(RESIDENTS) == frozenset()
    assert r.relation_tags(RelationName("housing", "refugee_services")) == {"programme.refugee"}
    assert r.declared("public.open_requests(p int4)") == Declared(True, "counts service requests only")
    assert r.declared("public.open_requests(bigint)") is None
    assert r.declared("not a signature") is None
    assert r.tags() == {"document.a_number", "status", "programme.refugee"}


def test_what_is_not_in_the_file_is_unreviewed() -> None:
    r = review.parse(EXAMPLE, "f")
    assert r.column_tags(RESIDENTS, "brand_new") == {UNREVIEWED}
    assert r.column_tags(NEW, "name") == {UNREVIEWED}
    assert r.relation_tags(NEW) == {UNREVIEWED}


def test_a_proposal_is_unreviewed_and_carries_its_tags() -> None:
    text = """
relations:
  public.x:
    columns:
      a: {proposed: {tags: [status], confidence: 0.9, evidence: "name: 'imm_stat'"}}
      b: {proposed: {}}
      c: {tags: origin, proposed: {tags: status}}
  public.y:
    proposed: {tags: programme, confidence: 1}
"""
    r = review.parse(text, "f")
    x = RelationName("public", "x")
    assert r.column_tags(x, "a") == {"status", UNREVIEWED}
    assert r.column_tags(x, "b") == {UNREVIEWED}
    assert r.column_tags(x, "c") == {"origin", "status", UNREVIEWED}
    assert r.relations[x].proposed == {"a", "b", "c"}
    assert r.relation_tags(RelationName("public", "y")) == {"programme", UNREVIEWED}


@pytest.mark.parametrize(
    "text",
    ["", "database: city", "relations:", "relations: {public.x: }", "relations: {public.x: {columns: }}",
     "relations: {public.x: {columns: {a: , b: {}}}}", "functions:", "relations: {public.x: {columns: {a: {tags: }}}}"],
)  # fmt: skip
def test_minimal_files(text: str) -> None:
    review.parse(text, "f")


def test_names_are_as_stored_and_quotes_are_for_dots() -> None:
    r = review.parse("""relations: {public.Mixed: {columns: {Ää: {}, 'a.b': {}}}, '"my.schema"."t""x"': {}}""", "f")
    assert set(r.relations) == {RelationName("public", "Mixed"), RelationName("my.schema", 't"x')}
    assert r.column_tags(RelationName("public", "Mixed"), "a.b") == frozenset()


def test_propose_keeps_all_that_a_person_wrote() -> None:
    additions = [
        Addition(RESIDENTS, "visa_class", ("document.visa",), confidence=0.914, evidence="name: 'visa_class'"),
        Addition(RESIDENTS, "full_name", ("trace.name",), confidence=1.0, evidence="already decided"),
        Addition(RESIDENTS, "alien_number", (), confidence=0.1),
    ]
    out = review.propose(EXAMPLE, additions)
    expected = EXAMPLE.replace(
        "      citizenship_status: {tags: status}\n",
        "      citizenship_status: {tags: status}\n"
        "      visa_class: {proposed: {tags: [document.visa], confidence: 0.91, evidence: \"name: 'visa_class'\"}}\n",
    )
    assert out == expected


def test_propose_into_nothing_makes_a_whole_file() -> None:
    additions = [
        Addition(NEW, None, ("programme.newcomer",)),
        Addition(NEW, "id"),
        Addition(NEW, "lang", ("proxy.language",)),
    ]
    text = review.propose("", additions, database="city")
    r = review.parse(text, "f")
    assert r.database == "city"
    assert r.relation_tags(NEW) == {"programme.newcomer", UNREVIEWED}
    assert r.relations[NEW].proposed == {"id", "lang"}


def test_propose_brings_its_own_proposals_up_to_date() -> None:
    first = review.propose("", [Addition(NEW, "lang", ("proxy.language",), confidence=0.5)])
    second = review.propose(first, [Addition(NEW, "lang", ("document.visa",), confidence=0.7)])
    assert review.parse(second, "f").column_tags(NEW, "lang") == {"document.visa", UNREVIEWED}


def test_propose_writes_decisions_where_asked() -> None:
    text = review.propose("", [Addition(NEW, "id", proposed=False), Addition(NEW, "a", ("status",), proposed=False)])
    r = review.parse(text, "f")
    assert r.column_tags(NEW, "id") == frozenset()
    assert r.column_tags(NEW, "a") == {"status"}


def test_propose_does_not_touch_a_broken_file() -> None:
    with pytest.raises(ConfigurationError):
        review.propose("relations: {residents: {}}", [Addition(NEW, "a")])


names = st.text("abcXYZ_.\"' 0", min_size=1, max_size=6).filter(lambda t: t == t.strip())
additions_ = st.lists(
    st.builds(
        Addition,
        st.builds(RelationName, names, names),
        st.none() | names,
        st.lists(st.sampled_from(["status", "origin", "document.visa"]), max_size=2, unique=True).map(tuple),
        st.booleans(),
        st.floats(0, 1),
        st.sampled_from(["", "name: 'x'", "# not a comment", "a: b", "- c"]),
    ),
    max_size=5,
)


@given(additions_, additions_)
def test_what_was_proposed_is_read_back_and_decisions_stay(first: list[Addition], second: list[Addition]) -> None:
    text = review.propose("# the steward's\n", first, "city")
    once = review.parse(text, "f")
    for a in first:
        if a.column is not None:
            assert a.column in once.relations[a.relation].columns
    twice = review.parse(review.propose(text, second, "city"), "f")
    for relation, reviewed in once.relations.items():
        for column, tags in reviewed.columns.items():
            if column not in reviewed.proposed:
                assert twice.column_tags(relation, column) == tags
