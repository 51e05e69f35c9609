"""The second reader: what it adds, what it leaves alone, and that its weights are what they should be."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from redactor.errors import ConfigurationError
from redactor.tagging.facts import ColumnFacts, Profile, TableFacts, tables_of
from redactor.tagging.judge import Finding, judge, suggest
from redactor.tagging.labels import CORE, LABELS
from redactor.tagging.likeness import Known, Likes
from redactor.tagging.likeness import load as load_likes
from redactor.tagging.pack import load
from redactor.tagging.reader import Reader
from redactor.tagging.reader import load as load_reader
from tests.tagging.made_up import rows

PACK = load()
NAMES = replace(PACK, reader=None)


def table(name: str, *columns: str) -> TableFacts:
    return TableFacts(name, tuple(ColumnFacts(c, "varchar(40)") for c in columns))


def one(reader: Reader, at: int, *columns: str, name: str = "clients") -> Finding:
    return judge(table(name, *columns), replace(PACK, reader=reader))[at]


def certain(trait: str, label: str) -> Reader:
    """A reader to whom one trait says all."""
    row = tuple(40.0 if known == label else 0.0 for known in LABELS)
    return Reader({trait: row}, tuple(5.0 if known == "none" else 0.0 for known in LABELS), 0.25, 0.6)


def test_it_speaks_where_the_names_say_nothing() -> None:
    reader = certain("w:zorp", "origin")
    assert judge(table("clients", "zorp", "first_name"), NAMES)[0].label == "none"
    found = one(reader, 0, "zorp", "first_name")
    assert (found.label, found.tag) == ("origin", "origin")
    assert PACK.threshold <= found.confidence <= 0.9
    assert found.evidence == ("reads like columns of other systems that are origin: the word 'zorp'",)


def test_it_never_changes_what_the_names_said_of_the_core() -> None:
    for file in ("held_out.txt", "fixtures/open_data.txt"):
        tables = list(tables_of(rows(file)))
        for by_names, found in zip(suggest(tables, NAMES), suggest(tables, PACK), strict=True):
            assert found.label == by_names.label or "none" in (found.label, by_names.label)
            if by_names.label in CORE or (by_names.label != "none" and found.label != "none"):
                assert found == by_names


def test_it_doubts_what_names_say_weakly_of_other_labels() -> None:
    weak = TableFacts("clients", (ColumnFacts("school", "varchar(40)"), ColumnFacts("first_name", "varchar(40)")))
    assert judge(weak, NAMES)[0].label == "trace"
    doubted = judge(weak, replace(PACK, reader=certain("w:school", "none")))[0]
    assert doubted.label == "none"
    assert doubted.confidence < PACK.threshold
    assert doubted.evidence[-1].startswith("against: columns of other systems")
    # neither what is said surely, nor where values or lists were looked at, nor the core
    assert judge(table("clients", "date_of_birth", "shoe"), replace(PACK, reader=certain("w:birth", "none")))[0].label
    listed = TableFacts("clients", (replace(weak.columns[0], labels=("a", "b")), weak.columns[1]))
    assert judge(listed, replace(PACK, reader=certain("w:school", "none")))[0].label == "trace"
    core = judge(table("clients", "passport_no", "first_name"), replace(PACK, reader=certain("w:passport", "none")))
    assert core[0].label == "documentary"


def test_it_names_a_column_that_it_reads_like() -> None:
    likes = Likes({"origin": [Known("zorp_of_mother", "clinic (Zed)", frozenset({"zorp", "mother"}))]})
    pack = replace(PACK, reader=certain("w:zorp", "origin"), likes=likes)
    found = judge(table("clients", "zorp", "first_name"), pack)[0]
    assert found.evidence == ("reads like 'zorp_of_mother' of clinic (Zed), which is origin: the word 'zorp'",)
    assert likes.nearest(["mother", "house"], "origin") is not None
    assert likes.nearest(["house"], "origin") is None
    assert likes.nearest(["zorp"], "direct") is None


def test_reasons_are_whole_words() -> None:
    weights = {t: certain("", "origin").weights[""] for t in ("g:zor", "p:zor", "t:in", "t:visa", "w:zorp", "h:zorp")}
    reader = Reader(weights, (0.0,) * len(LABELS), 0.2, 0.6)
    said = reader.reasons(["g:zor", "p:zor", "t:in", "t:visa", "w:zorp", "h:zorp"], "origin")
    assert said == "ends in 'zorp', its table is named 'visa'"


def test_the_shipped_likes_are_there(tmp_path: Path) -> None:
    found = load_likes().nearest(["birth", "country"], "origin")
    assert found is not None
    assert {"birth", "country"} <= found.words
    assert load_likes(tmp_path / "none.json").nearest(["birth"], "origin") is None
    file = tmp_path / "bad.json"
    file.write_text('{"columns": {"origin": [["a", 3, "a"]]}, "systems": []}')
    with pytest.raises(ConfigurationError, match="labelled columns"):
        load_likes(file)


def test_what_negatives_explain_is_left_alone() -> None:
    reader = certain("w:visa", "documentary")
    assert one(reader, 0, "visa_card_last4", "cvv", "amount", name="payments").label == "none"


def test_a_list_of_codes_is_left_alone() -> None:
    assert one(certain("w:name", "origin"), 0, "name", "iso_code", name="countries").label == "none"


def test_keys_are_left_alone() -> None:
    pack = replace(PACK, reader=certain("w:zorp", "origin"))
    key = TableFacts("clients", (ColumnFacts("zorp", key=True), ColumnFacts("first_name")))
    assert judge(key, pack)[0].label == "none"


def test_a_name_that_says_nothing_is_left_to_its_values() -> None:
    pack = replace(PACK, reader=certain("g:^xqz", "origin"))
    seen = Profile(100, 100, 90, 8.0, 1.0)
    assert judge(table("t1", "xqz", "first_name"), pack)[0].label == "origin"
    looked_at = TableFacts("t1", (ColumnFacts("xqz", profile=seen), ColumnFacts("first_name")))
    assert judge(looked_at, pack)[0].label == "none"
    # of `c5` there is nothing to be read but its comment
    pack = replace(PACK, reader=certain("g:^c5", "origin"))
    assert judge(table("t1", "c5", "first_name"), pack)[0].label == "none"
    told = TableFacts("t1", (ColumnFacts("c5", comment="as on the card"), ColumnFacts("first_name")))
    assert judge(told, pack)[0].label == "origin"


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("vendor_master", ["vendor_id", "vendor_name", "country", "country_of_origin", "tax_id", "currency"]),
        ("payment", ["payment_id", "amount", "visa_card_last4", "visa_auth_code", "card_brand", "paid_at"]),
        ("tickets", ["id", "subject", "status", "priority", "queue", "opened_at", "closed_at"]),
        ("alien_species", ["species_id", "latin_name", "origin", "native_range", "first_record_year"]),
        ("user_interface", ["theme", "ui_language", "default_locale", "font_size"]),
        ("products", ["sku", "title", "country_of_manufacture", "origin", "weight", "price"]),
        ("books", ["isbn", "title", "language", "country", "publisher", "edition"]),
        ("apartments", ["unit", "rent", "residency_status", "floor", "permit_number"]),
        ("shipments", ["tracking_no", "origin_port", "destination_country", "customs_entry_date"]),
        ("api_keys", ["token", "status", "expires_at", "issued_at", "issuer"]),
        ("parking_permits_types", ["code", "description", "active"]),
        ("servers", ["hostname", "country", "region", "status", "os_version"]),
        ("matches", ["home_team", "away_team", "country", "race_number", "season", "status"]),
        ("species_observation", ["taxon", "native_status", "naturalized", "habitat", "observed_on"]),
        ("document_templates", ["document_type", "language", "issue_number", "version"]),
        ("employees", ["hired", "hire_date", "salary", "job_title", "shoe_size"]),
        ("flights", ["flight_no", "departure_country", "arrival_time", "gate", "status"]),
    ],
)
def test_hard_negatives_stay_below_the_threshold(name: str, columns: list[str]) -> None:
    found = judge(table(name, *columns), PACK)
    assert [f for f in found if f.label in CORE or f.label == "proxy"] == []


def test_weights_are_checked(tmp_path: Path) -> None:
    assert load_reader(tmp_path / "none.json") is None
    for n, text in enumerate(("[]", "{}", '{"labels": ["direct"]}', "not JSON")):
        file = tmp_path / f"{n}.json"
        file.write_text(text)
        with pytest.raises(ConfigurationError, match="second reader"):
            load_reader(file)


def test_the_shipped_weights_are_there() -> None:
    reader = load_reader()
    assert reader is not None
    assert len(reader.weights) > 5000
    shares = reader.shares(["w:passport", "who:person"])
    assert sum(shares.values()) == pytest.approx(1)


def everywhere(label: str, share: float) -> Reader:
    """A reader that gives every column the same share of a label, and `none` the rest."""
    shares = {label: share, "none": 1 - share}
    return Reader({}, tuple(math.log(shares.get(known, 1e-9)) for known in LABELS), 0.1, 0.9)


def test_a_key_may_be_a_code_for_the_trait() -> None:
    facts = TableFacts("clients", (ColumnFacts("zorp_id", "int"), ColumnFacts("first_name")))
    for share, label in ((0.4, "documentary"), (0.3, "none")):
        assert judge(facts, replace(PACK, reader=everywhere("documentary", share)))[0].label == label
    total = table("clients", "percent_zorp", "first_name")
    assert judge(total, replace(PACK, reader=everywhere("documentary", 0.4)))[0].label == "none"


def test_direct_needs_more_where_nothing_is_about_immigration() -> None:
    pack = replace(PACK, reader=everywhere("direct", 0.2))
    assert judge(table("clients", "zorp", "first_name"), pack)[0].label == "none"
    assert judge(table("asylum_applicants", "zorp", "first_name"), pack)[0].label == "direct"
    assert judge(table("clients", "zorp", "shoe"), replace(PACK, reader=everywhere("direct", 0.4)))[0].label == "direct"
