"""The copies of labelled columns that the second reader learns from: the same columns, written as other systems do."""

from __future__ import annotations

from redactor.tagging.facts import ColumnFacts, TableFacts
from tests.tagging.otherwise import WAYS, written_otherwise

TABLE = TableFacts("client_contacts", tuple(ColumnFacts(c) for c in ("countryOfBirth", "dob", "zip")), "s")


def test_each_way_writes_otherwise() -> None:
    pieces = ["country", "of", "citizenship"]
    assert {name: way(pieces, "cc") for name, way in WAYS.items()} == {
        "some words without vowels": "country_of_ctznshp",
        "words cut short": "cou_of_citi",
        "words cut short, run together": "counofciti",
        "run together after the table's initials": "cccountryofcitizenship",
        "without vowels after the table's initials": "cc_cntry_of_ctznshp",
        "run together": "countryofcitizenship",
    }


def test_columns_keep_their_order_and_their_types_and_are_always_written_the_same() -> None:
    once, again = written_otherwise(TABLE), written_otherwise(TABLE)
    assert once == again
    assert [c.type for c in once.columns] == [c.type for c in TABLE.columns]
    assert len(once.columns) == len(TABLE.columns)
    ways = {written_otherwise(TableFacts(f"t{n}", TABLE.columns, "s")).columns for n in range(40)}
    assert len(ways) > 3
