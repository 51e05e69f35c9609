"""Detectors of values: found under meaningless names, and little else taken for them."""

from __future__ import annotations

import random

import pytest

from redactor.tagging.checks import curp, itin, mrz, mrz_digit, receipt, ssn, vin
from redactor.tagging.facts import ColumnFacts, TableFacts
from redactor.tagging.judge import Finding, judge
from redactor.tagging.labels import CORE
from redactor.tagging.pack import load
from redactor.tagging.values import profile
from tests.tagging.makers import HARMLESS, LOOK_ALIKES, PROTECTED, Maker
from tests.tagging.noise import found as dirty_finding

PACK = load()
COLUMNS = 20


def finding(maker: Maker, seed: int, rows: int = 60, missing: float = 0.1) -> Finding:
    r = random.Random(seed)
    values = [None if r.random() < missing else maker(r) for _ in range(rows)]
    fact = ColumnFacts("c17", "text", profile=profile(values, PACK, "long"))
    return judge(TableFacts("t3", (ColumnFacts("c1", "bigint"), fact, ColumnFacts("c18", "text"))), PACK)[1]


@pytest.mark.parametrize("kind", PROTECTED)
def test_what_reveals_is_found_under_a_meaningless_name(kind: str) -> None:
    label, maker = PROTECTED[kind]
    found = [finding(maker, seed).label for seed in range(COLUMNS)]
    assert found == [label] * COLUMNS


@pytest.mark.parametrize("kind", HARMLESS)
def test_what_is_harmless_is_left_alone(kind: str) -> None:
    found = [finding(HARMLESS[kind], seed) for seed in range(COLUMNS)]
    assert [f.label for f in found if f.label != "none"] == [], found[0].evidence


@pytest.mark.parametrize(("rows", "missing", "least"), [(500, 0.3, 0.99), (60, 0.1, 0.99), (20, 0.2, 0.97)])
def test_dirty_values_are_found_too(rows: int, missing: float, least: float) -> None:
    labels = [
        (label, dirty_finding(maker, seed, rows, missing, PACK).label)
        for label, maker in PROTECTED.values()
        for seed in range(4)
    ]
    assert sum(made == label for label, made in labels) >= least * len(labels)


def test_look_alikes_are_not_taken_for_documents_or_origins() -> None:
    for kind, maker in {**HARMLESS, **LOOK_ALIKES}.items():
        found = [dirty_finding(maker, seed, 60, 0.1, PACK) for seed in range(4)]
        assert [f.evidence for f in found if f.label in CORE] == [], kind


def test_numbers_that_are_given_out_in_turn_are_no_documents() -> None:
    def in_turn(r: random.Random) -> str:
        return str(234_500_000 + r.randrange(3000))

    def at_random(r: random.Random) -> str:
        return f"{r.randrange(100, 600)}{r.randrange(10, 99)}{r.randrange(1000, 9999)}"

    for maker, label in ((in_turn, "none"), (at_random, "documentary")):
        r = random.Random(5)
        fact = ColumnFacts("f7", "varchar(20)", profile=profile([maker(r) for _ in range(80)], PACK, "short"))
        others = (ColumnFacts("last_name", "varchar(20)"), ColumnFacts("birth_date", "date"))
        assert judge(TableFacts("clients", (fact, *others)), PACK)[0].label == label


def test_evidence_never_repeats_a_value() -> None:
    for label, maker in PROTECTED.values():
        r = random.Random(3)
        values = [maker(r) for _ in range(40)]
        fact = ColumnFacts("c", "text", profile=profile(values, PACK))
        told = " ".join(judge(TableFacts("t", (fact,)), PACK)[0].evidence)
        assert label in ("direct", "origin", "programme") or not any(v in told for v in values)


def test_absence_is_told() -> None:
    r = random.Random(1)
    values = [PROTECTED["SSN"][1](r) if at % 3 else None for at in range(60)]
    fact = ColumnFacts("c", "text", profile=profile(values, PACK))
    assert any("missing says something" in e for e in judge(TableFacts("t", (fact,)), PACK)[0].evidence)


def test_a_profile_holds_no_value() -> None:
    shown = repr(profile(["A012345678", "A987654321"], PACK))
    assert "012345678" not in shown
    assert "987654321" not in shown


def test_blanks_and_words_for_nothing_are_absent() -> None:
    p = profile([None, "", " ", "N/A", "unknown", "x"], PACK)
    assert (p.sampled, p.present, p.distinct) == (6, 1, 1)


@pytest.mark.parametrize("name", ["country_names", "nationalities", "languages", "status_words", "id_kinds"])
def test_a_list_has_whole_names(name: str) -> None:
    # a name broken over two lines of the file would leave halves, that fit what is no country
    halves = {"of", "and", "y", "de", "the", "central", "islands", "republic", "african republic", "man", "america"}
    assert not halves & PACK.dictionaries[name]


def test_rules() -> None:
    assert mrz_digit("520727") == "3"  # ICAO 9303-3, the specimen's date
    assert mrz("L898902C36UTO7408122F1204159ZE184226B<<<<<10")  # ICAO 9303-4, the specimen
    assert not mrz("L898902C37UTO7408122F1204159ZE184226B<<<<<10")
    assert itin("900-70-0000")
    assert not itin("900-69-0000")
    assert not itin("123-70-0000")
    assert ssn("123-45-6789")
    assert not any(ssn(v) for v in ("000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000"))
    assert receipt("EAC2190012345")
    assert not receipt("XYZ2190012345")
    assert vin("1M8GDM9AXKP042788")  # the usual worked example
    assert not vin("1M8GDM9AXKP042789")
    assert curp("HEGG560427MVZRRL04")
    assert not curp("HEGG560427MVZRRL05")
