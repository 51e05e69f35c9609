"""What is published: bands, whole years and quarters, and no number that is a person."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest

from redactor.orders import ledger
from redactor.orders.life import Approved, Closed, Refused, Revoked, after, receive
from redactor.orders.report import Usage, describe
from tests.orders.papers import COUNSEL, NOW, STEWARD, demand


@pytest.mark.parametrize(
    ("count", "band"), [(0, "0"), (1, "1-4"), (4, "1-4"), (5, "5-9"), (9, "5-9"), (10, "10-14"), (100, "100-104")]
)
def test_bands(count: int, band: str) -> None:
    assert ledger.band(count) == band


def test_periods() -> None:
    year, quarters = ledger.period("2026"), [ledger.period(f"2026-Q{q}") for q in "1234"]
    assert year is not None
    assert [q for q in quarters if q is None] == []
    assert year == (quarters[0][0], quarters[-1][1])  # type: ignore[index]
    assert all(a[1] == b[0] for a, b in itertools.pairwise(quarters))  # type: ignore[index]
    for wrong in ("2026-03", "2026-Q5", "26", "2026-Q", "-Q1", "2026-Q1-Q1", "9999"):
        assert ledger.period(wrong) is None


def test_lines() -> None:
    granted = after(
        after(receive("o-1", demand()), Approved("counsel"), COUNSEL, NOW), Approved("steward"), STEWARD, NOW
    )
    closed = after(after(granted, Revoked("done"), COUNSEL, NOW), Closed(), COUNSEL, NOW)
    half = after(after(receive("o-2", demand()), Approved("counsel"), COUNSEL, NOW), Refused("no"), STEWARD, NOW)
    ice = receive("o-3", demand(instrument="ICE form I-200 (administrative arrest warrant)"))
    shut = after(ice, Closed(), COUNSEL, NOW)
    waiting = receive("o-4", demand())
    orders = [replace(granted, used=7), closed, half, ice, shut, waiting]
    within = ledger.period("2026")
    assert within is not None
    found = {line.what: line for line in ledger.lines(orders, *within)}
    warrants = found["federal judicial search warrant"]
    assert (warrants.received, warrants.granted, warrants.refused, warrants.pending) == ("1-4", "1-4", "1-4", "1-4")
    assert warrants.rows == "5-9"
    papers = found["ICE form I-200 (administrative arrest warrant)"]
    assert (papers.granted, papers.refused, papers.rows) == ("0", "1-4", "0")
    assert found["all"].received == "5-9"
    before = ledger.period("2025")
    assert before is not None
    assert [line.received for line in ledger.lines(orders, *before)] == ["0"]


def test_a_report_has_no_ids() -> None:
    scope = {
        "database": "city",
        "login": "officer",
        "rows": 5,
        "tables": {"public.people": {"columns": {"status": "w"}, "key": "id", "ids": ["zyzzyva-canary"]}},
    }
    order = receive("o-1", demand(scope=scope))
    told = describe(order, [Usage(NOW, "abc-1-1", 2)], NOW)
    assert "canary" not in json.dumps(told)
    assert told["scope"]["people_or_records"] == 1
    assert told["uses"] == [{"at": "2026-03-10T12:00:00Z", "decision": "abc-1-1", "rows": 2}]
    refused = describe(receive("o-2", demand(instrument="order of an immigration judge")), [], NOW)
    assert "reference o-2" in refused["answer"]
