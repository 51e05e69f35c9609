"""Decisions over time, drawn: stacked bars as SVG's numbers, and the steps that fit a span of time.

Knows arithmetic only; a template writes the SVG. Must not know HTTP or the log. Invariant: every bar's height is in
proportion to its count, and each says its numbers in words, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from redactor.console.register import HOUR, Bar

DAY = 24 * HOUR
WIDTH, HEIGHT = 960, 150
MOST = 120
"""Bars that are drawn at most."""

FEWEST = 24
"""Bars that are drawn at least: the earlier ones may be empty."""

_STEPS = (HOUR, 3 * HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY, 90 * DAY, 365 * DAY)


@dataclass(frozen=True, slots=True)
class Piece:
    """A rectangle of one verdict."""

    verdict: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """One step: where its bar stands, its pieces from the bottom up, and its numbers. Times: seconds since 1970."""

    at: int
    until: int
    x: float
    width: float
    pieces: tuple[Piece, ...]
    refused: int
    redacted: int
    allowed: int

    @property
    def total(self) -> int:
        """All of the step."""
        return self.refused + self.redacted + self.allowed


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars from left to right; `top` is what the highest could reach; `ticks` are (x, time) of some steps."""

    bars: tuple[Drawn, ...]
    top: int
    step: int
    ticks: tuple[tuple[float, int], ...]
    totals: dict[str, int]


def step_for(since: int, until: int) -> int:
    """The shortest step with at most MOST bars, in seconds."""
    return next((s for s in _STEPS if (until - since) / s <= MOST), _STEPS[-1])


def draw(bars: Sequence[Bar], since: int, until: int, step: int) -> Chart:
    """The chart of steps from `since` to `until`, those without anything included."""
    first = min(since // step, -(-until // step) - FEWEST) * step
    count = min(10 * MOST, -(-(until - first) // step))
    by_time = {b.at: b for b in bars}
    steps = [by_time.get(first + i * step, Bar(first + i * step, 0, 0, 0)) for i in range(count)]
    top = _round_up(max((b.refused + b.redacted + b.allowed for b in steps), default=0))
    pace = WIDTH / count
    gap = min(2.0, pace / 5)
    drawn = []
    for i, b in enumerate(steps):
        y, pieces = float(HEIGHT), []
        for verdict, n in (("refused", b.refused), ("redacted", b.redacted), ("allowed", b.allowed)):
            if n:
                height = max(1.0, n * HEIGHT / top)
                y -= height
                pieces.append(Piece(verdict, round(y, 1), round(height, 1)))
        numbers = (b.refused, b.redacted, b.allowed)
        x, width = round(i * pace + gap / 2, 2), round(pace - gap, 2)
        drawn.append(Drawn(b.at, b.at + step, x, width, tuple(pieces), *numbers))
    every = max(1, count // 6)
    ticks = tuple((round(i * pace + pace / 2, 1), steps[i].at) for i in range(every // 2, count, every))
    totals = {v: sum(getattr(b, v) for b in steps) for v in ("refused", "redacted", "allowed")}
    return Chart(tuple(drawn), top, step, ticks, totals)


def _round_up(n: int) -> int:
    """The next of 1, 2, 5, 10, 20, 50 ..."""
    size = 1
    while True:
        for factor in (1, 2, 5):
            if n <= factor * size:
                return factor * size
        size *= 10
