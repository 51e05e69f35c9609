"""The judgement by names, types, comments, keys and lists; and how well it does on the made-up schemas."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redactor.tagging.facts import ColumnFacts, TableFacts, declared_in, family, labels_in, rows_in, tables_of
from redactor.tagging.judge import Finding, follow_keys, judge, judge_rows
from redactor.tagging.pack import load
from redactor.tagging.report import by_label, by_source, compare, confusion, figures, main
from tests.tagging.made_up import rows

PACK = load()


def one(table: str, column: str, type_: str = "varchar(40)", *others: str, comment: str = "") -> Finding:
    first = ColumnFacts(column, type_, comment, labels_in(type_), declared=declared_in(comment))
    columns = (first, *(ColumnFacts(o, "varchar(40)") for o in others))
    return judge(TableFacts(table, columns), PACK)[0]


@pytest.mark.parametrize(
    ("table", "column", "others"),
    [
        ("tickets", "status", ["subject", "priority"]),
        ("vendors", "country", ["vendor_name", "tax_id"]),
        ("payments", "visa_card_last4", ["amount"]),
        ("plants", "alien_species", ["latin_name"]),
        ("user_settings", "ui_language", ["theme"]),
        ("countries", "name", ["iso_code"]),
        ("visa_types", "description", ["code", "name"]),
        ("languages", "language", ["code"]),
        ("releases", "release_date", ["version"]),
        ("citizen_requests", "citizen_request_id", ["status"]),
        ("apartments", "residency_status", ["rent"]),
        ("tract_profile", "percent_us_citizen", ["tract", "population"]),
        ("rinks", "ice_thickness", ["rink_name"]),
        ("hotel_bookings", "arrival_date", ["room"]),
        ("sessions", "session_token", ["expires_at"]),
        ("horse_races", "race_number", ["track"]),
        ("customers_import_log", "entry_date", ["rows"]),
        ("courses", "language_of_instruction", ["title"]),
    ],
)
def test_look_alikes_stay_below_the_threshold(table: str, column: str, others: list[str]) -> None:
    found = one(table, column, "varchar(40)", *others)
    assert found.label == "none", found
    assert found.confidence < PACK.threshold


@pytest.mark.parametrize(
    ("table", "column", "label"),
    [
        ("clients", "CTZ_CD", "direct"),
        ("clients", "estatus_migratorio", "direct"),
        ("patients", "birth_ctry", "origin"),
        ("inmates", "i247_dt", "direct"),
        ("students", "migrant_ed", "programme"),
        ("employees", "ssn_hash", "documentary"),
        ("hh_members", "hlang", "none"),
        ("residents", "no_ssn_reason", "documentary"),
        ("t", "alien_no", "documentary"),
    ],
)
def test_names(table: str, column: str, label: str) -> None:
    assert one(table, column).label == label


def test_a_key_to_a_list_of_codes_takes_the_trait() -> None:
    fact = ColumnFacts("c9_id", "integer", refers=("public.nationalities", "id"))
    found = judge(TableFacts("clients", (fact, ColumnFacts("first_name"))), PACK)[0]
    assert (found.label, found.evidence) == ("origin", ("refers to public.nationalities",))


def test_a_key_to_a_tagged_column_takes_its_tag() -> None:
    people = TableFacts("people", (ColumnFacts("anumber"),))
    visits = TableFacts("visits", (ColumnFacts("x", refers=("public.people", "anumber")),))
    found = [judge(t, PACK) for t in (people, visits)]
    handed = follow_keys([people, visits], ["public.people", "public.visits"], found)
    assert handed[1][0].tag == "document.a_number"
    assert "refers to people.anumber" in handed[1][0].evidence[-1]


def test_a_comment_speaks_where_the_name_does_not() -> None:
    assert one("clients", "fld_17", comment="Country of birth of the client").tag == "origin.birth_country"
    assert one("clients", "fld_17", comment="redactor:programme.uvisa").tag == "programme.uvisa"
    assert one("clients", "fld_17", comment="redactor:programme.uvisa").confidence == 1.0


def test_a_list_of_labels_speaks() -> None:
    assert one("t", "kind", "enum('us citizen','lpr','refugee','asylee')", "shoe").label == "direct"


def test_the_rows_of_a_programme_reveal() -> None:
    found = judge_rows(TableFacts("refugee_services", (ColumnFacts("client_id", "int"),)), PACK)
    assert found is not None
    assert (found.tag, found.column) == ("programme.refugee", "")
    assert judge_rows(TableFacts("refugee_agency_types", (ColumnFacts("code"), ColumnFacts("name"))), PACK) is None
    assert judge_rows(TableFacts("residents", (ColumnFacts("first_name"),)), PACK) is None


names = st.text("abcdefghijklmnopqrstuvwxyz_ABC0123456789 ñé", min_size=1, max_size=30)


@given(
    st.lists(st.tuples(names, st.sampled_from(["", "text", "int", "date", "json", "varchar(9)"])), max_size=8), names
)
def test_every_suggestion_has_evidence_and_a_sensible_confidence(columns: list[tuple[str, str]], table: str) -> None:
    facts = TableFacts(table, tuple(ColumnFacts(n, t) for n, t in columns))
    found = judge(facts, PACK)
    assert found == judge(facts, PACK)
    for f in found:
        assert 0 <= f.confidence <= 1
        assert (f.label != "none") == (f.confidence >= PACK.threshold)
        assert f.evidence or not f.tag


def test_types() -> None:
    spelled = [
        "varchar(40)",
        "character varying(2000)",
        "jsonb",
        "tinyint(1)",
        "timestamp",
        "bytea",
        "uuid",
        "text",
        "",
    ]
    assert [family(t) for t in spelled] == ["short", "wide", "json", "flag", "date", "blob", "uuid", "long", ""]
    assert labels_in("enum('a','it''s')") == ("a", "it's")
    assert labels_in("varchar(3)") == ()


def test_rows_of_one_table_are_judged_together_wherever_they_stand() -> None:
    given_rows = [{"table": "a", "column": "x"}, {"table": "b", "column": "y"}, {"table": "a", "column": "z"}]
    assert [(t.name, [c.name for c in t.columns]) for t in tables_of(given_rows)] == [("a", ["x", "z"]), ("b", ["y"])]
    assert rows_in('\n{"column": "x"}\n', "f") == [{"column": "x"}]


# ------------------------------------------------------------------ how well


@pytest.mark.parametrize(
    ("file", "recall", "precision"),
    [
        ("held_out.txt", 0.98, 0.92),
        ("held_out_2.txt", 0.94, 0.94),
        ("standards.txt", 0.98, 0.95),
        ("fixtures/round_5.txt", 0.96, 0.87),
        ("fixtures/round_6.txt", 0.94, 0.87),
    ],
)
def test_figures_on_made_up_schemas_do_not_fall(file: str, recall: float, precision: float) -> None:
    f = figures(compare(rows(file), PACK))
    assert f.core_recall is not None
    assert f.core_recall >= recall
    assert f.precision is not None
    assert f.precision >= precision


def test_the_report_counts_right() -> None:
    labelled = [
        {"source": "s", "table": "people", "column": "us_citizen", "label": "direct"},
        {"source": "s", "table": "people", "column": "updated_at", "label": "trace"},
        {"source": "s", "table": "people", "column": "last_name", "label": "none"},
        {"source": "s", "table": "people", "column": "i94_number", "label": "direct"},
    ]
    cases = compare(labelled, PACK)
    f = figures(cases)
    assert (f.columns, f.protected, f.core) == (4, 3, 2)
    assert (f.core_recall, f.core_exact, f.precision, f.exact, f.recall) == (1, 1, 2 / 3, 1 / 3, 2 / 3)
    assert "| direct | 1 | 1 |" in confusion(cases)
    assert "| direct | 2 | 1 | 1.000 | 0.500 |" in by_label(cases)
    assert by_source(cases).count("\n") == 3


def test_the_report_is_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "report FILE" in capsys.readouterr().out


def test_the_documented_figures_are_todays() -> None:
    text = (Path(__file__).parents[2] / "docs" / "tagging.md").read_text("utf-8")
    documented = text.split("<!-- report -->\n")[1].split("<!-- end -->")[0].strip()
    cases = compare(rows("held_out.txt") + rows("held_out_2.txt"), PACK)
    assert documented == "\n\n".join((by_source(cases), by_label(cases), confusion(cases))), "write the report anew"


def test_every_tag_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "tagging.md").read_text("utf-8")
    assert [tag for tag in PACK.tags if f"| `{tag}` |" not in text] == []
