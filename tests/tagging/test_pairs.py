"""What stands where something else is missing, and what the database's own labels say."""

from __future__ import annotations

import random

from redactor.model import ColumnName
from redactor.tagging.exchange import read_security_labels
from redactor.tagging.facts import ColumnFacts, TableFacts
from redactor.tagging.judge import judge
from redactor.tagging.pack import load
from redactor.tagging.values import complements

PACK = load()


def test_columns_that_stand_for_each_other() -> None:
    r = random.Random(1)
    a = [r.random() < 0.8 for _ in range(200)]
    b = [not x for x in a]
    c = [r.random() < 0.5 for _ in range(200)]
    full = [True] * 200
    assert complements({"ssn": a, "alt": b, "phone": c, "id": full}) == {"ssn": ("alt",), "alt": ("ssn",)}
    assert complements({"x": [True, False], "y": [False, True]}) == {}


def test_what_stands_where_a_number_is_missing_is_one_too() -> None:
    columns = (
        ColumnFacts("ssn", "text", instead_of=("f9",)),
        ColumnFacts("f9", "text", instead_of=("ssn",)),
        ColumnFacts("f10", "text"),
    )
    ssn, other, last = judge(TableFacts("clients", columns), PACK)
    assert (ssn.tag, other.tag, last.label) == ("document.ssn", "document.identity", "none")
    assert "there where ssn (document.ssn) is missing" in " ".join(other.evidence)


def test_security_labels_count() -> None:
    rows = [
        ("public", "people", "a", "dummy", "Redactor.status"),
        ("public", "people", "b", "dummy", "pii.passport"),
        ("public", "people", "c", "anon", "MASKED WITH VALUE NULL"),
    ]
    read = read_security_labels(rows, PACK)
    assert [(x.column, x.tag) for x in read] == [
        (ColumnName("public", "people", "a"), "status"),
        (ColumnName("public", "people", "b"), "document.passport"),
        (ColumnName("public", "people", "c"), ""),
    ]
    assert read[2].system == "security label of anon"
