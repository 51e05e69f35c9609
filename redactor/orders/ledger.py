"""The ledger that may be published: how many demands were received, granted and refused, and nothing that is one.

Knows orders. Must not print. Invariant: no number of it is exact but nought: each is given as the band of five in
which it lies, sums included, so that neither a cell, nor a difference of two, nor a total less the rest is a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from redactor.orders.order import Instrument, Order, State

BAND = 5
_GRANTED = (State.APPROVED, State.ACTIVE, State.USED_UP, State.EXPIRED, State.REVOKED)


@dataclass(frozen=True, slots=True)
class Line:
    """Of one kind of paper, or of all: how many, in bands."""

    what: str
    received: str
    granted: str
    refused: str
    pending: str
    rows: str


def band(count: int) -> str:
    """`0`, `1-4`, `5-9`, `10-14` ..."""
    if count == 0:
        return "0"
    low = count // BAND * BAND
    return f"{max(low, 1)}-{low + BAND - 1}"


def period(text: str) -> tuple[float, float] | None:
    """A year (2026) or a quarter (2026-Q3) as seconds since the epoch; None where it is neither.

    No other periods: the difference of two that overlap would be a day's demands.
    """
    found = re.fullmatch(r"((?:19|2\d)\d\d)(?:-Q([1-4]))?", text, re.ASCII)
    if found is None:
        return None
    number, quarter = int(found[1]), found[2]
    first = (int(quarter) - 1) * 3 + 1 if quarter else 1
    last = first + (3 if quarter else 12)
    end = datetime(number + (last > 12), last - 12 if last > 12 else last, 1, tzinfo=UTC)
    return datetime(number, first, 1, tzinfo=UTC).timestamp(), end.timestamp()


def lines(orders: Iterable[Order], begins: float, ends: float) -> tuple[Line, ...]:
    """A line for each kind of paper that came in the period, in the list's order, and one for all."""
    within = [o for o in orders if begins <= o.demand.received_at < ends]
    found = []
    for instrument in Instrument:
        these = [o for o in within if o.demand.paper.instrument is instrument]
        if these:
            found.append(_line(instrument.value, these))
    return (*found, _line("all", within))


def was_granted(order: Order) -> bool:
    """Whether anything was opened by it."""
    return any(t.step == "approved" for t in order.history) and (
        order.state in _GRANTED or (order.state is State.CLOSED and not order.because)
    )


def _line(what: str, orders: list[Order]) -> Line:
    granted = [o for o in orders if was_granted(o)]
    refused = [o for o in orders if o.because]
    pending = len(orders) - len(granted) - len(refused)
    return Line(
        what,
        band(len(orders)),
        band(len(granted)),
        band(len(refused)),
        band(pending),
        band(sum(o.used for o in granted)),
    )
