"""Counting, for the operator's metrics: how often, and how long it took.

Knows numbers only; has no clock. Must never be given a text: what is counted is told apart by types and by names that
the configuration and the policy give. Invariant: every number only grows, so whoever reads it twice can subtract.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

from redactor.decision import Allow, Decision, Entry, Redact, Refuse

FAST = (1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 5e-2, 0.25, 1.0)
"""Bounds in seconds for what takes microseconds: decisions."""
SLOW = (2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 1.0, 5.0)
"""Bounds in seconds for what waits for a disk."""


class Histogram:
    """How many took how long. `counts[i]`: at most `bounds[i]` seconds and more than the bound before; last: longer."""

    __slots__ = ("bounds", "counts", "seconds")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.seconds += seconds


class Pace:
    """How the decisions about one database have gone, over all its snapshots.

    `remembered` and `made`: how many were known from before, and were made anew, by the decision's type. `took`: how
    long the latter took. `clock`: seconds from any moment on; without one nothing is timed.
    """

    __slots__ = ("clock", "made", "remembered", "took")

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self.clock = clock
        self.remembered: dict[type[Decision], int] = {Allow: 0, Redact: 0, Refuse: 0}
        self.made: dict[type[Decision], int] = {Allow: 0, Redact: 0, Refuse: 0}
        self.took = Histogram(FAST)


class Logged:
    """What has been made durable: `verdicts` by (database, verdict), `rules` by (rule, verdict); `waited`: how long."""

    __slots__ = ("rules", "verdicts", "waited")

    def __init__(self) -> None:
        self.verdicts: dict[tuple[str, str], int] = {}
        self.rules: dict[tuple[str, str], int] = {}
        self.waited = Histogram(SLOW)

    def add(self, entry: Entry, seconds: float) -> None:
        """An entry is durable, so many seconds after it was handed in."""
        verdict = entry.verdict.value
        key = entry.requester.database, verdict
        self.verdicts[key] = self.verdicts.get(key, 0) + 1
        for hit in entry.rules:
            key = hit.rule, verdict
            self.rules[key] = self.rules.get(key, 0) + 1
        self.waited.add(seconds)
