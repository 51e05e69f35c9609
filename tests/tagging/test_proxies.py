"""Columns that give a tagged one away, and those that only seem to."""

from __future__ import annotations

import random

from redactor.tagging.proxies import giveaways


def table(rows: int = 600, seed: int = 5) -> dict[str, list[object]]:
    """Status, with an aid code that follows it, a worker who half does, a pair that does together, and the rest."""
    r = random.Random(seed)
    out: dict[str, list[object]] = {k: [] for k in ("status", "aid", "clerk", "a", "b", "shoe", "key", "income")}
    for at in range(rows):
        status = r.choice(["c", "c", "c", "u"])
        a = r.choice([0, 1])
        out["status"].append(status)
        out["aid"].append(r.choice(["C1", "D2"]) if status == "u" else r.choice(["30", "34", "M1"]))
        out["clerk"].append(("x" if status == "u" else "y") if r.random() < 0.7 else r.choice("xy"))
        out["a"].append(a)
        out["b"].append(a ^ (status == "u"))
        out["shoe"].append(r.randrange(36, 46))
        out["key"].append(at)
        out["income"].append(r.random() * 1000)
    return out


def test_what_follows_the_status_is_found_and_the_rest_is_not() -> None:
    found = giveaways(table(), ["status"])
    assert [g.columns for g in found[:2]] == [("aid",), ("a", "b")]
    assert {g.columns for g in found} == {("aid",), ("a", "b"), ("clerk",)}
    assert found[0].share > 0.99
    assert (found[0].telling, found[0].kinds) == (2, 5)


def test_a_small_sample_tells_nothing() -> None:
    assert giveaways({"status": ["c", "u", "c"], "x": [1, 2, 3]}, ["status"]) == []


def test_absence_tells() -> None:
    base = table()["status"]
    sample: dict[str, list[object]] = {"status": base, "ssn": [None if s == "u" else "there" for s in base]}
    assert giveaways(sample, ["status"])[0].columns == ("ssn",)


def test_a_target_with_one_value_has_nothing_to_give() -> None:
    assert giveaways({"status": ["c"] * 50, "x": list(range(50))}, ["status"]) == []


def test_the_same_sample_gives_the_same_answer_and_no_value() -> None:
    assert giveaways(table(), ["status"]) == giveaways(table(), ["status"])
    told = " ".join(map(str, giveaways(table(), ["status"])))
    assert "aid tells 100% of status (600 rows; 2 of 5 values nearly always" in told
    assert "C1" not in told


def test_that_a_number_is_there_is_told_by_others() -> None:
    base = table()
    numbers: list[object] = [f"A{at:09}" if s == "u" else None for at, s in enumerate(base.pop("status"))]
    found = giveaways({**base, "a_number": numbers}, ["a_number"])
    assert [g.columns for g in found[:2]] == [("aid",), ("a", "b")]
    assert str(found[0]).startswith("aid tells 100% of whether there is a value in a_number (600 rows")
    everybody: list[object] = [f"A{at:09}" for at in range(600)]
    assert giveaways({**base, "a_number": everybody}, ["a_number"]) == []
