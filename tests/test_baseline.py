"""Renames, swaps and retypings of reviewed columns, without a database."""

from __future__ import annotations

import pytest

from redactor.baseline import Baseline, follow, read, renew
from redactor.catalog import Catalog, Column, Relation
from redactor.model import RelationName
from redactor.review import Review, parse
from redactor.tags import UNREVIEWED

REVIEW = parse(
    """\
database: city
relations:
  public.people:
    columns: {id: {}, phone: {}, alien_number: {tags: [document.a_number]}}
  public.visits: {tags: [programme.refugee], columns: {id: {}}}
""",
    "city.yaml",
)
PEOPLE = RelationName("public", "people")


def catalog(*relations: tuple[int, str, tuple[tuple[int, str, str], ...]]) -> Catalog:
    made = {
        oid: Relation(oid, "public", name, "r", "owner", tuple(Column(c, n, t, 25) for n, c, t in columns))
        for oid, name, columns in relations
    }
    return Catalog("city", 180000, "UTF8", made, {})


COLUMNS = ((1, "id", "integer"), (2, "phone", "text"), (3, "alien_number", "character varying(12)"))
FIRST = catalog((20000, "people", COLUMNS), (20001, "visits", ((1, "id", "integer"),)))
BASE = renew(Baseline(), FIRST, REVIEW)


def tags(later: Catalog, relation: RelationName, column: str, review: Review = REVIEW) -> frozenset[str]:
    return follow(renew(BASE, later, review), later, review).column_tags(relation, column)


def people(*columns: tuple[int, str, str], name: str = "people", oid: int = 20000) -> Catalog:
    return catalog((oid, name, columns))


def test_without_changes_it_is_the_same_review() -> None:
    assert follow(BASE, FIRST, REVIEW) is REVIEW
    assert follow(Baseline(), FIRST, REVIEW) is REVIEW
    assert renew(BASE, FIRST, REVIEW) == BASE


def test_what_is_the_same_is_not_gone_through_again() -> None:
    later = catalog((20000, "people", (*COLUMNS, (4, "mail", "text"))), (20001, "visits", ((1, "id", "integer"),)))
    found = renew(BASE, later, REVIEW, same={20001})
    assert found == renew(BASE, later, REVIEW)
    assert found.relations[20001] is BASE.relations[20001]
    assert renew(BASE, FIRST, REVIEW).relations[20000] is BASE.relations[20000]
    gone = catalog((20000, "people", COLUMNS))
    assert 20001 not in renew(BASE, gone, REVIEW, same={20000}).relations


def test_a_renamed_column_keeps_its_tags() -> None:
    later = people(COLUMNS[0], (2, "mobile", "text"), (3, "an", "character varying(12)"))
    assert tags(later, PEOPLE, "mobile") == frozenset()
    assert tags(later, PEOPLE, "an") == {"document.a_number"}


def test_a_new_column_waits_whatever_stood_there() -> None:
    later = people(*COLUMNS, (4, "mobile", "text"))
    assert tags(later, PEOPLE, "mobile") == {UNREVIEWED}


def test_a_harmless_name_does_not_open_what_was_reviewed_under_another() -> None:
    later = people(COLUMNS[0], (2, "old_phone", "text"), (3, "phone", "character varying(12)"))
    assert tags(later, PEOPLE, "phone") == {"document.a_number"}
    assert tags(later, PEOPLE, "old_phone") == frozenset()


def test_a_column_of_another_kind_waits_and_a_wider_one_does_not() -> None:
    assert UNREVIEWED in tags(people(COLUMNS[0], (2, "phone", "jsonb")), PEOPLE, "phone")
    assert tags(people(COLUMNS[0], (2, "phone", "character varying(90)")), PEOPLE, "phone") == frozenset()
    assert tags(people((1, "id", "bigint")), PEOPLE, "id") == frozenset()


def test_a_note_says_that_a_person_has_looked() -> None:
    later = people(COLUMNS[0], (2, "phone", "jsonb"), COLUMNS[2])
    looked = parse(
        "relations: {public.people: {note: looked at, columns: {id: {}, phone: {}, alien_number: {tags: [status]}}}}",
        "f",
    )
    assert tags(later, PEOPLE, "phone", looked) == frozenset()


def test_a_renamed_table_keeps_its_review_and_its_rows_theirs() -> None:
    later = catalog((20000, "persons", COLUMNS), (20001, "calls", ((1, "id", "integer"),)))
    assert tags(later, RelationName("public", "persons"), "alien_number") == {"document.a_number"}
    assert tags(later, RelationName("public", "persons"), "phone") == frozenset()
    assert follow(renew(BASE, later, REVIEW), later, REVIEW).relation_tags(RelationName("public", "calls")) == {
        "programme.refugee"
    }


def test_tables_that_changed_names_are_protected_by_both() -> None:
    later = catalog((20000, "visits", COLUMNS), (20001, "people", ((1, "id", "integer"),)))
    followed = follow(renew(BASE, later, REVIEW), later, REVIEW)
    assert followed.relation_tags(PEOPLE) == {"programme.refugee"}
    assert followed.column_tags(RelationName("public", "visits"), "alien_number") == {"document.a_number"}


def test_a_table_made_anew_goes_by_its_names() -> None:
    later = people(*COLUMNS[:2], oid=30000)
    assert tags(later, PEOPLE, "phone") == frozenset()
    assert 20000 not in renew(BASE, later, REVIEW).relations


def test_it_survives_a_file() -> None:
    assert read(BASE.to_text()) == BASE
    for text in ("", "{}", '{"form": 2, "relations": {}}', '{"form": 1, "relations": {"x": {}}}', "[1]"):
        with pytest.raises(ValueError, match=r"."):
            read(text)
