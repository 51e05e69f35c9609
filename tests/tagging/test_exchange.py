"""Other systems' labels, in and out."""

from __future__ import annotations

import json

import pytest

from redactor.errors import ConfigurationError
from redactor.model import ColumnName
from redactor.tagging.exchange import Format, read, read_security_labels, write
from redactor.tagging.pack import load

PACK = load()
TAGS = {
    ColumnName("public", "residents", "ssn"): {"document.ssn", "trace.number"},
    ColumnName("public", "residents", "ctz"): {"status"},
    ColumnName("jail", "hold", 'od"d'): {"status.enforcement"},
}


@pytest.mark.parametrize("form", ["openmetadata", "datahub"])
def test_what_is_written_is_read_back(form: Format) -> None:
    document = json.loads(json.dumps(write(TAGS, form, "city")))
    back: dict[ColumnName, set[str]] = {}
    for labelled in read(document, "f", PACK):
        back.setdefault(labelled.column, set()).add(labelled.tag)
    assert back == TAGS


def test_security_labels() -> None:
    text = write(TAGS, "seclabel", "city")
    assert isinstance(text, str)
    assert text.splitlines()[0] == (
        'SECURITY LABEL FOR anon ON COLUMN "jail"."hold"."od""d" IS \'MASKED WITH VALUE NULL\'; -- status.enforcement'
    )


def test_security_labels_are_read_in_every_spelling() -> None:
    rows = [("public", "t", "c", "redactor", label) for label in ("status", "Redactor.status", "redactor:status", "x")]
    assert [labelled.tag for labelled in read_security_labels(rows, PACK)] == ["status", "status", "status", ""]


def test_foreign_labels_count_where_the_pack_knows_them() -> None:
    table = {
        "fullyQualifiedName": 'svc.city."public"."people"',
        "columns": [{"name": "c", "tags": [{"tagFQN": "PII.Nationality"}, {"tagFQN": "Tier.Tier1"}]}, {"name": "d"}],
    }
    assert [(str(x.column), x.tag, x.label) for x in read(table, "f", PACK)] == [
        ("public.people.c", "origin.nationality", "PII.Nationality"),
        ("public.people.c", "", "Tier.Tier1"),
    ]


def test_another_document_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="item 1 is not known"):
        read([{"x": 1}], "f", PACK)
