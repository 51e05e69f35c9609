"""Tags that follow values through SQL."""

from __future__ import annotations

import pytest

from redactor.model import ColumnName, RelationName
from redactor.tagging.judge import Finding
from redactor.tagging.lineage import LONGEST, Flow, flows, follow

RESIDENTS = RelationName("public", "residents")
KNOWN = {RESIDENTS: ["id", "full_name", "ssn"], RelationName("mart", "people"): ["pid", "tax"]}


def made(text: str) -> dict[str, set[str]]:
    found, faults = flows(text, "etl.sql", KNOWN)
    assert faults == []
    return {str(f.into): {str(s) for s in f.sources} for f in found}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "CREATE TABLE mart.x AS SELECT id, 'n' || ssn AS s FROM residents",
            {"mart.x.id": {"public.residents.id"}, "mart.x.s": {"public.residents.ssn"}},
        ),
        (
            "INSERT INTO mart.people SELECT id, ssn FROM public.residents;",
            {"mart.people.pid": {"public.residents.id"}, "mart.people.tax": {"public.residents.ssn"}},
        ),
        (
            "INSERT INTO mart.people (tax) WITH c AS (SELECT * FROM residents r) SELECT left(ssn, 3) FROM c",
            {"mart.people.tax": {"public.residents.ssn"}},
        ),
        (
            "CREATE VIEW v AS SELECT * FROM residents",
            {f"public.v.{c}": {f"public.residents.{c}"} for c in ("id", "full_name", "ssn")},
        ),
        ("SELECT ssn INTO t FROM residents", {"public.t.ssn": {"public.residents.ssn"}}),
        (
            "UPDATE mart.people SET tax = r.ssn, pid = 1 FROM residents r WHERE r.id = pid",
            {"mart.people.tax": {"public.residents.ssn"}},
        ),
        (
            "UPDATE mart.people SET tax = (SELECT max(ssn) FROM residents)",
            {"mart.people.tax": {"public.residents.ssn"}},
        ),
        (
            "MERGE INTO mart.people p USING residents r ON p.pid = r.id WHEN MATCHED THEN UPDATE SET tax = r.ssn"
            " WHEN NOT MATCHED THEN INSERT (pid, tax) VALUES (r.id, upper(r.ssn))",
            {"mart.people.tax": {"public.residents.ssn"}, "mart.people.pid": {"public.residents.id"}},
        ),
        ("DELETE FROM residents; SELECT 1; UPDATE residents SET ssn = NULL", {}),
    ],
)
def test_statements(text: str, expected: dict[str, set[str]]) -> None:
    assert made(text) == expected


def test_what_is_made_is_known_to_what_follows_and_tags_follow() -> None:
    text = "CREATE TABLE a AS SELECT id AS x, ssn AS y FROM residents;\nCREATE TABLE b AS SELECT y || x AS z FROM a;"
    found, faults = flows(text, "etl.sql", KNOWN)
    assert faults == []
    tagged = {ColumnName(*RESIDENTS, "ssn"): Finding("residents", "ssn", "documentary", "document.ssn", 0.97, ("n",))}
    handed = follow(found, tagged)
    assert {str(c): f.tag for c, f in handed.items()} == {"public.a.y": "document.ssn", "public.b.z": "document.ssn"}
    assert handed[ColumnName("public", "b", "z")].evidence == ("made from public.a.y (document.ssn) at etl.sql:2",)


def test_what_cannot_be_followed_is_said() -> None:
    for text, what in (
        ("CREATE TABLE a AS SELECT FROM WHERE ssn (", "not followed"),
        ("CREATE TABLE a AS SELECT * FROM nowhere", "not known by name"),
        ("INSERT INTO mart.people SELECT id, ssn, 1 AS c FROM residents", "more columns than names"),
        ("CREATE TABLE a AS SELECT " + "(" * 200 + "1" + ")" * 200, "nested too deeply"),
        ("x" * (LONGEST + 1), "longer than"),
        ("SELECT 1;\nCREATE TABLE a AS SELECT * FROM {{ ref('residents') }}", "etl.sql:2: not followed: a template"),
        ("UPDATE mart.people SET (pid, tax) = (SELECT id, ssn FROM residents)", "set together"),
    ):
        found, faults = flows(text, "etl.sql", KNOWN)
        assert found == []
        assert any(what in str(f) for f in faults), text[:60]


def test_names_as_stored() -> None:
    found, faults = flows(
        'CREATE TABLE "A" AS SELECT "Ssn" AS "X", SSN FROM "T"', "f", {RelationName("public", "T"): ["Ssn", "ssn"]}
    )
    assert faults == []
    assert {str(f.into): {str(s) for s in f.sources} for f in found} == {
        "public.A.X": {"public.T.Ssn"},
        "public.A.ssn": {"public.T.ssn"},
    }


def test_a_circle_ends() -> None:
    a, b = ColumnName("public", "a", "x"), ColumnName("public", "b", "x")
    circle = [Flow(a, frozenset({b}), "f:1"), Flow(b, frozenset({a}), "f:2")]
    assert follow(circle, {a: Finding("a", "x", "trace", "trace.name", 0.9, ())}).keys() == {a, b}
