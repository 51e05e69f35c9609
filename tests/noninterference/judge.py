"""Compares what two databases let a requester see, and keeps them as they were between probes.

Knows that two observations must be equal and that no protected value may stand in either; knows nothing of why. A
verdict holds for the pair: `LEAK`, `CRASH`, `HANG`, `DIFFERS` (harmless ones), `refused` (both said the same error) or
`same`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, LiteralString, cast

import psycopg

from tests.noninterference import city
from tests.noninterference.corpus import Probe
from tests.noninterference.play import Played, Target, play

BAD = frozenset({"LEAK", "CRASH", "HANG", "DIFFERS"})
SOURCE = "FLR"
"""Error fields that name a line in PostgreSQL's own source: harmless work is compared without them, since what the
proxy answers itself (a table that is not there) has none. Attacks are compared with them."""
SLOWER = 0.3
"""Seconds between the two sides that tell them apart; the timing probes sleep for 0.5."""
AGAIN = 3
"""How often what only took longer is played again: a busy machine is slow on either side."""
LET_GO = 10.0
"""Seconds for which locks of earlier sessions are waited for."""
AT_ONCE = 6
"""How many attacks that only wait are played at a time."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A probe's verdict. `why` is for people; `a` and `b` are what was seen."""

    probe: Probe
    verdict: str
    why: str = ""
    a: Any = None
    b: Any = None

    @property
    def bad(self) -> bool:
        return self.verdict in BAD

    @property
    def unknown(self) -> bool:
        """Bad, and not one that is known to be."""
        return self.bad and not self.probe.open


class Keeper:
    """Puts databases back after a probe that left something in them.

    `pair` None: somebody else's server, nothing is put back. `strict`: after everything that took a transaction id,
    so that not even dead rows are left; otherwise after what kept a transaction or moved a sequence. Whether that made
    a difference is not asked: a copy of the template costs less than reading every row and definition.
    """

    def __init__(
        self,
        pair: city.Pair | None,
        names: Iterable[str],
        after: Callable[[], None] | None = None,
        strict: bool = False,
    ) -> None:
        self.pair, self.names, self.after, self.strict = pair, tuple(names), after, strict
        self.counted: dict[str, Any] = {}
        self.xid = 0
        self.restored = 0
        self.counters = ""
        self.watch: psycopg.Connection[Any] | None = None
        if pair:
            self.watch = psycopg.connect(pair.server, autocommit=True)
            self.restore()

    def close(self) -> None:
        """Ends the keeper's own session."""
        if self.watch is not None:
            self.watch.close()

    def __enter__(self) -> Keeper:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def restore(self) -> None:
        """Both anew from their templates."""
        if self.pair is None:
            return
        pair = self.pair
        with ThreadPoolExecutor(len(self.names)) as pool:
            list(pool.map(lambda name: city.restore(pair, name), self.names))
        with psycopg.connect(pair.server, autocommit=True) as c:
            for role in city.ROLES:
                c.execute(cast(LiteralString, f"ALTER ROLE {role} RESET ALL"))
        if not self.counters:
            self.counters = self._compose()
            self.counted = {n: self._state(n) for n in self.names}
        self.xid = self._xid()
        self.restored += 1
        if self.after:
            self.after()

    def tidy(self, *played: Played, suspect: bool = False) -> None:
        """After each probe. `suspect`: the sides were not treated alike."""
        if self.pair is None:
            return
        before, self.xid = self.xid, self._xid()
        broken = any(p.fault for p in played)
        if self.xid == before and not broken:
            return
        if self.strict or suspect or broken or self._kept(before) or self._moved():
            self.restore()

    def await_locks(self, probe: Probe) -> None:
        """Before a side's turn with a probe that takes advisory locks or looks at them: until earlier sessions have let
        go of theirs, which a server's process does some time after its client has gone. All databases' are seen."""
        if self.watch is None or "advisory" not in json.dumps(probe.steps):
            return
        until = time.monotonic() + LET_GO
        while self.watch.execute("SELECT FROM pg_locks WHERE locktype = 'advisory' LIMIT 1").fetchone():
            if time.monotonic() > until:
                return
            time.sleep(0.02)

    def _xid(self) -> int:
        """The first transaction id that has not been given yet."""
        assert self.watch is not None
        row = self.watch.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
        assert row is not None
        return int(row[0])

    def _kept(self, since: int) -> bool:
        """Whether any transaction from that one on was not rolled back, or not yet. Sequences count on all the same."""
        assert self.watch is not None
        row = self.watch.execute(
            "SELECT bool_or(pg_xact_status(x::text::xid8) IS DISTINCT FROM 'aborted')"
            " FROM generate_series(%s::int8, %s) x",
            [since, self.xid - 1],
        ).fetchone()
        return row is None or row[0] is not False

    def _moved(self) -> bool:
        """Whether a sequence is no longer where it was."""
        with ThreadPoolExecutor(len(self.names)) as pool:
            return any(pool.map(lambda n: self._state(n) != self.counted[n], self.names))

    def _compose(self) -> str:
        """One statement that tells where every sequence of a city is."""
        assert self.pair is not None
        with psycopg.connect(self.pair.at(self.names[0]), autocommit=True) as c:
            names = c.execute(
                "SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n"
                " ON n.oid = relnamespace WHERE relkind = 'S' AND nspname !~ '^(pg_|information_schema)'"
            ).fetchall()
        return " UNION ALL ".join(f"SELECT '{name}', last_value, is_called FROM {name}" for (name,) in names)

    def _state(self, name: str) -> list[Any]:
        assert self.pair is not None
        with psycopg.connect(self.pair.at(name), autocommit=True) as c:
            try:
                return c.execute(cast(LiteralString, self.counters)).fetchall()
            except psycopg.Error as e:
                return [str(e)]


def difference(a: Any, b: Any, path: str = "") -> str:
    """Where two observations first part."""
    if type(a) is type(b):
        if isinstance(a, dict):
            for k in sorted(a.keys() | b.keys()):
                if a.get(k) != b.get(k):
                    return difference(a.get(k), b.get(k), f"{path}.{k}")
        elif isinstance(a, list):
            for i, (x, y) in enumerate(zip_longest(a, b)):
                if x != y:
                    return difference(x, y, f"{path}[{i}]")
    return f"at {path or 'top'}: {_short(a)} against {_short(b)}"


def _short(x: Any) -> str:
    s = json.dumps(x, ensure_ascii=False)
    return s if len(s) < 160 else s[:157] + "..."


def canaries(seen: Any, probe: Probe) -> set[str]:
    """Protected values that stand in an observation though the probe does not name them."""
    found = {m for m in city.CANARY.findall(json.dumps(seen)) if m.upper() in city.secrets()}
    own = json.dumps(probe.steps).upper() if found else ""
    return {m for m in found if m.upper() not in own}


def _slow(a: Played, b: Played) -> str:
    for i, (x, y) in enumerate(zip(a.seconds, b.seconds, strict=False)):
        if abs(x - y) > SLOWER:
            return f"time: {'A' if x > y else 'B'} is slower: step {i} took {x:.2f} s and {y:.2f} s"
    return ""


def attack(probe: Probe, a: Target, b: Target, keeper: Keeper, timeout: float = 10, searched: bool = True) -> Finding:
    """Plays an attack on both sides. A difference in time counts only when the same side is slower again and again.

    `searched`: whether a protected value in the answer is a leak by itself (not in a control run on two equal sides).
    """
    finding = _attack(probe, a, b, keeper, timeout, searched)
    for _ in range(AGAIN):
        if not finding.why.startswith("time"):
            break
        before, finding = finding, _attack(probe, a, b, keeper, timeout, searched)
        if finding.why.startswith("time") and finding.why[:7] != before.why[:7]:
            return replace(finding, verdict="same", why="")
    return finding


def _attack(probe: Probe, a: Target, b: Target, keeper: Keeper, timeout: float, searched: bool) -> Finding:
    keeper.await_locks(probe)
    pa = play(probe, a, timeout)
    keeper.await_locks(probe)
    pb = play(probe, b, timeout)
    keeper.tidy(pa, pb, suspect=pa.seen != pb.seen)
    return _judged(probe, pa, pb, searched)


def attacks(probes: Iterable[Probe], a: Target, b: Target, keeper: Keeper, timeout: float = 10) -> list[Finding]:
    """Plays attacks on both sides, one after the other; several at once of those that wait and touch nothing.

    What is told apart among the latter is played again by itself, and that is what counts.
    """
    waiting, findings = [], []
    for p in probes:
        if p.waits:
            waiting.append(p)
        else:
            findings.append(attack(p, a, b, keeper, timeout))
    with ThreadPoolExecutor(2 * AT_ONCE) as pool:
        played = [(p, pool.submit(play, p, a, timeout), pool.submit(play, p, b, timeout)) for p in waiting]
        together = [_judged(p, pa.result(), pb.result(), True) for p, pa, pb in played]
    keeper.restore()
    return findings + [attack(f.probe, a, b, keeper, timeout) if f.bad else f for f in together]


def _judged(probe: Probe, pa: Played, pb: Played, searched: bool) -> Finding:
    sight = (pa.seen, pb.seen)
    if pa.seen != pb.seen:
        return Finding(probe, "LEAK", difference(*sight), *sight)
    if searched and (found := canaries(pa.seen, probe)):
        return Finding(probe, "LEAK", f"protected values: {sorted(found)[:3]}", *sight)
    for p in (pa, pb):
        if p.fault:
            return Finding(probe, "HANG" if p.fault.startswith("hang") else "CRASH", p.fault, *sight)
    if slow := _slow(pa, pb):
        return Finding(probe, "LEAK", slow, *sight)
    errors = pa.errors()
    if errors:
        return Finding(probe, "refused", f"{errors[0].get('C')} {errors[0].get('M')}", *sight)
    return Finding(probe, "same", "", *sight)


def harmless(probe: Probe, direct: Target, through: Target, keeper: Keeper, timeout: float = 10) -> Finding:
    """Plays harmless work directly and through the proxy: it must be the same, message for message."""
    keeper.await_locks(probe)
    pd = play(probe, direct, timeout)
    keeper.await_locks(probe)
    pt = play(probe, through, timeout)
    for p in (pd, pt):
        for e in p.errors():
            for f in SOURCE:
                e.pop(f, None)
    keeper.tidy(pd, pt, suspect=pd.seen != pt.seen)
    sight = (pd.seen, pt.seen)
    if pd.fault or (pd.errors() and not probe.error):
        return Finding(probe, "DIFFERS", f"fails directly: {pd.fault or pd.errors()[0]}", *sight)
    if pt.fault:
        return Finding(probe, "HANG" if pt.fault.startswith("hang") else "CRASH", pt.fault, *sight)
    if pd.seen != pt.seen:
        said = [e for e in pt.errors() if e not in pd.errors()]
        why = f"refused: {said[0].get('C')} {said[0].get('M')}" if said else difference(*sight)
        return Finding(probe, "DIFFERS", why, *sight)
    return Finding(probe, "same", "", *sight)


def tally(findings: Iterable[Finding]) -> dict[str, dict[str, int]]:
    """Verdicts by family."""
    out: dict[str, dict[str, int]] = {}
    for f in findings:
        row = out.setdefault(f.probe.family, {})
        row[f.verdict] = row.get(f.verdict, 0) + 1
    return out


def lines(findings: Iterable[Finding]) -> Iterator[str]:
    """A table of the tally."""
    table = tally(findings)
    verdicts = [v for v in ("same", "refused", *sorted(BAD)) if any(v in row for row in table.values())]
    yield f"{'family':<16}{'all':>6}" + "".join(f"{v:>10}" for v in verdicts)
    for family, row in [*table.items(), ("TOTAL", {v: sum(r.get(v, 0) for r in table.values()) for v in verdicts})]:
        yield f"{family:<16}{sum(row.values()):>6}" + "".join(f"{row.get(v, 0) or '.':>10}" for v in verdicts)


def only(findings: Iterable[Finding], pattern: str) -> list[Finding]:
    """Those whose family and id match."""
    return [f for f in findings if re.search(pattern, f"{f.probe.family}/{f.probe.id}")]
