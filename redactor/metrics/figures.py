"""From what the parts count to Prometheus' text format (version 0.0.4).

Knows the names, units and labels of all figures, and nothing of where they come from but the values given. Must not
open anything. Invariant: no label holds a login, an address, a text or a value; the number of series is bounded by the
configuration and the policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from redactor import __version__
from redactor.decision import Allow, Redact, Refuse, Verdict
from redactor.proxy import Counters
from redactor.store import Health
from redactor.tally import Histogram, Logged, Pace

_VERDICTS = {Allow: Verdict.ALLOWED.value, Redact: Verdict.REDACTED.value, Refuse: Verdict.REFUSED.value}


@dataclass(frozen=True, slots=True)
class DatabaseFigures:
    """One database. `unreviewed` and `vanished`: (relations, columns), how the catalog and its file differ.

    `read_at`: when the catalog in force was read (seconds, epoch, UTC). `reachable`: whether the last look succeeded.
    """

    pace: Pace
    unreviewed: tuple[int, int]
    vanished: tuple[int, int]
    read_at: float
    reachable: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """All of a process's figures, as they are now. `expiries`: certificate file to when it expires (epoch, UTC)."""

    counters: Counters
    health: Health
    logged: Logged
    databases: Mapping[str, DatabaseFigures]
    expiries: Mapping[str, float]


def render(figures: Figures) -> bytes:
    """The figures in the text format, with those of the process itself (memory, processor time, open files)."""
    registry = CollectorRegistry()
    registry.register(_Given(figures))
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return generate_latest(registry)


class _Given:
    """Figures as a collector of the client library."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        f = self._figures
        yield _gauge("build_info", "Which redactor this is.", [((__version__,), 1)], ("version",))
        yield from _traffic(f.counters)
        yield from _decisions(f.databases)
        yield from _catalogs(f.databases)
        yield from _log(f.health, f.logged)
        at = "When each certificate expires, in seconds since the epoch."
        yield _gauge("certificate_expiry_timestamp_seconds", at, [((n,), t) for n, t in f.expiries.items()], ("file",))


Rows = Sequence[tuple[tuple[str, ...], float]]


def _counter(name: str, said: str, rows: Rows, labels: tuple[str, ...] = ()) -> Metric:
    family = CounterMetricFamily(f"redactor_{name}", said, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family


def _gauge(name: str, said: str, rows: Rows, labels: tuple[str, ...] = ()) -> Metric:
    family = GaugeMetricFamily(f"redactor_{name}", said, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family


def _histogram(
    name: str, said: str, rows: Sequence[tuple[tuple[str, ...], Histogram]], labels: tuple[str, ...] = ()
) -> Metric:
    family = HistogramMetricFamily(f"redactor_{name}", said, labels=labels)
    for values, histogram in rows:
        below, buckets = 0, []
        for bound, count in zip((*map(str, histogram.bounds), "+Inf"), histogram.counts, strict=True):
            below += count
            buckets.append((bound, below))
        family.add_metric(values, buckets, histogram.seconds)
    return family


def _one(number: float) -> Rows:
    return [((), number)]


def _traffic(c: Counters) -> Iterator[Metric]:
    yield _gauge("sessions_active", "Clients that are connected.", _one(c.active))
    yield _counter("sessions", "Clients that have connected.", _one(c.sessions))
    yield _counter("cancels", "Cancel requests passed on.", _one(c.cancels))
    yield _counter("login_failures", "Logins that did not succeed.", _one(c.login_failures))
    yield _counter("upstream_failures", "Times that a database could not be reached.", _one(c.upstream_failures))
    said = "Sessions ended since the catalog could not be read after their DDL."
    yield _counter("refresh_failures", said, _one(c.refresh_failures))
    said = "Sessions ended since what came from the database was not to be seen: report each of them."
    yield _counter("tripwires", said, _one(c.tripwires))
    said = "Statements refused since the log could not be written."
    yield _counter("log_failures", said, _one(c.log_failures))


def _decisions(databases: Mapping[str, DatabaseFigures]) -> Iterator[Metric]:
    rows = [
        ((name, _VERDICTS[kind], known), float(count))
        for name, d in databases.items()
        for known, counts in (("yes", d.pace.remembered), ("no", d.pace.made))
        for kind, count in counts.items()
    ]
    said = "Decisions about statements; remembered: the same question had been decided before."
    yield _counter("decisions", said, rows, ("database", "verdict", "remembered"))
    said = "How long the decisions took that were made anew."
    yield _histogram("decision_seconds", said, [((n,), d.pace.took) for n, d in databases.items()], ("database",))


def _catalogs(databases: Mapping[str, DatabaseFigures]) -> Iterator[Metric]:
    kinds = ("relations", "columns")
    for name, said in (
        ("unreviewed", "In the database and not in the catalog file, hence hidden."),
        ("vanished", "In the catalog file and no longer in the database."),
    ):
        rows = [
            ((n, kind), float(count))
            for n, d in databases.items()
            for kind, count in zip(kinds, d.unreviewed if name == "unreviewed" else d.vanished, strict=True)
        ]
        yield _gauge(f"catalog_{name}", said, rows, ("database", "kind"))
    said = "When the catalog in force was read, in seconds since the epoch."
    yield _gauge("catalog_read_timestamp_seconds", said, [((n,), d.read_at) for n, d in databases.items()], _DATABASE)
    said = "1 while redactor itself can read the catalog."
    yield _gauge("catalog_reachable", said, [((n,), float(d.reachable)) for n, d in databases.items()], _DATABASE)


_DATABASE = ("database",)


def _log(h: Health, logged: Logged) -> Iterator[Metric]:
    rows = [(key, float(n)) for key, n in logged.verdicts.items()]
    yield _counter("log_decisions", "Decisions made durable in the log.", rows, ("database", "verdict"))
    rows = [(key, float(n)) for key, n in logged.rules.items()]
    said = "Decisions made durable in the log, by each rule that took part."
    yield _counter("log_rules", said, rows, ("rule", "verdict"))
    said = "How long a statement waited until its entry was on disk."
    yield _histogram("log_wait_seconds", said, [((), logged.waited)])
    yield _counter("journal_entries", "Entries written to the journal.", _one(h.entries))
    yield _counter("journal_commits", "Times that the journal was synced.", _one(h.commits))
    yield _gauge("journal_behind_bytes", "Bytes in the journal that the store does not have yet.", _one(h.behind))
    yield _gauge("journal_writable", "1 while entries can be made durable.", _one(float(h.ok)))
    yield _gauge("store_writable", "1 while the store takes entries.", _one(float(not h.store_problem)))
    yield _gauge("log_entries", "Entries in the store.", _one(h.stored))
    yield _gauge("log_signed_entries", "Entries that the newest signed checkpoint covers.", _one(h.signed))
    said = "When the newest checkpoint was signed by this process, in seconds since the epoch; 0: not yet."
    yield _gauge("log_checkpoint_timestamp_seconds", said, _one(h.signed_at))
    said = "How long entries have been waiting for a checkpoint; 0: none waits."
    yield _gauge("log_unsigned_seconds", said, _one(h.unsigned_for))
    outlets = [((o.kind, o.to), o) for o in h.outlets]
    labels = ("kind", "to")
    said = "Entries that an outlet has, or that the checkpoint covers which it has."
    yield _gauge("outlet_entries", said, [(key, o.at) for key, o in outlets], labels)
    said = "1 while an outlet takes what it is given."
    yield _gauge("outlet_working", said, [(key, float(not o.problem)) for key, o in outlets], labels)
