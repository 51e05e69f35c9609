"""The corpora as files: every line can be read, is numbered once, says what it is, and there are enough of them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.noninterference import city, corpus, judge
from tests.noninterference.corpus import Probe

FIELDS = {"id", "family", "tier", "steps", "as", "wrap", "needs", "start", "error", "note", "open"}


@pytest.mark.parametrize("file", [corpus.ATTACKS, corpus.HARMLESS], ids=lambda p: p.stem)
def test_lines_are_well_formed(file: Path) -> None:
    for line in file.read_text().splitlines():
        raw = json.loads(line)
        assert raw.keys() <= FIELDS
        assert raw["steps"]
        assert raw["id"].startswith(raw["family"])


def test_attacks_name_their_tier_and_there_are_enough() -> None:
    tiers = Counter(p.tier for p in corpus.read(corpus.ATTACKS))
    assert set(tiers) == set(corpus.TIERS)
    assert tiers.total() - tiers["robust"] >= 600


def test_no_attack_stands_twice() -> None:
    said = Counter(json.dumps([p.steps, p.as_, p.start, p.wrap]) for p in corpus.read(corpus.ATTACKS))
    assert [s for s, n in said.items() if n > 1] == []


def test_there_are_enough_harmless_ones() -> None:
    assert sum(1 for _ in corpus.read(corpus.HARMLESS)) >= 250


def test_public_data_holds_nothing_that_looks_protected() -> None:
    a, b = city.tables("a"), city.tables("b")
    for name, (columns, rows) in a.items():
        for i, column in enumerate(columns):
            if [r[i] for r in rows] == [r[i] for r in b[name][1]]:
                assert not city.CANARY.search(str([r[i] for r in rows])), f"{name}.{column}"


def test_cities_differ_in_protected_data_only() -> None:
    a, b = city.tables("a"), city.tables("b")
    tagged = (city.HERE / "catalog.yaml").read_text()
    for name, (columns, rows) in a.items():
        if name in ("court.dockets", "health.screenings", "health.refills", "records.sheets"):
            continue
        block = tagged.split(f"  {name}:\n")[1].split("\n  p")[0]
        for i, column in enumerate(columns):
            told = f"{column}: {{tags" in block.split("columns:")[1]
            differs = [str(r[i]) for r in rows] != [str(r[i]) for r in b[name][1]]
            inherited = (name, column) == ("court.border_contacts", "birthplace")
            assert differs <= (told or inherited), f"{name}.{column} differs and is not tagged"


def test_difference_says_where() -> None:
    assert judge.difference([{"a": 1}], [{"a": 2}]) == "at [0].a: 1 against 2"
    assert judge.difference([1], [1, 2]) == "at [1]: null against 2"


def test_canaries_are_found_unless_the_probe_names_them() -> None:
    known, other = city.secret("a", "homeland", 7), city.secret("b", "permit", 3)
    probe = Probe("x-1", "x", (f"SELECT '{known}'",))
    assert judge.canaries([["D", [other]]], probe) == {other[:8]}
    assert judge.canaries([["D", [other.lower()]]], probe) == {other[:8].lower()}
    assert judge.canaries([["D", [known.lower(), "QZAHarbor"]]], probe) == set()
