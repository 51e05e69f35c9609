"""A campaign: random statements on both cities until the time is over; what tells them apart is made small and kept.

`python -m tests.noninterference.campaign --embed 18 --seconds 600` starts a server, the cities and redactor; with
`--bare` the statements go straight to the databases (which shows that the generator finds leaks), with `--control` to
two equal cities (which shows that it finds nothing else). A finding is shrunk to a minimal statement, tried again in
fresh sessions, and with `--append` added to attacks.jsonl.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests import servers
from tests.noninterference import city, corpus, judge, through
from tests.noninterference.client import Client, Lost, Seen, Silence, message, string
from tests.noninterference.corpus import Probe
from tests.noninterference.grammar import Composer, Node, Relation
from tests.noninterference.play import Target, same

GROUPS = {"S": "text", "E": "text", "N": "int", "B": "bool", "D": "date"}
OVER_TIME = "57014"
RESTORED_EVERY = 30.0
"""Seconds between two restores."""


def relations(pair: city.Pair) -> list[Relation]:
    """Every table and view of the city, with the kind of each column; what fits no kind is left out."""
    with psycopg.connect(pair.at("city_a")) as c:
        rows = c.execute(
            "SELECT nspname || '.' || relname, relkind::text, attname::text, typcategory::text, typname::text"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped"
            " JOIN pg_type t ON t.oid = atttypid WHERE relkind IN ('r', 'p', 'v', 'm')"
            " AND nspname IN ('public', 'court', 'health', 'transit', 'records') AND NOT EXISTS"
            " (SELECT FROM pg_depend d WHERE d.objid = c.oid AND deptype = 'e') ORDER BY 1, attnum"
        ).fetchall()
    found: dict[str, tuple[str, dict[str, str]]] = {}
    for name, relkind, column, category, kind in rows:
        columns = found.setdefault(name, (relkind, {}))[1]
        if kind == "jsonb":
            columns[column] = "json"
        elif category in GROUPS and kind not in ("timestamptz", "numeric"):
            columns[column] = GROUPS[category]
        elif category in "EU" or kind in ("timestamptz", "numeric", "tsvector", "bytea"):
            columns[column] = "other"
    return [Relation(n, cs, kind in "rp") for n, (kind, cs) in found.items() if cs]


@dataclass(slots=True)
class Tried:
    """Counts of a campaign: statements that ran, sequences, what came of them."""

    statements: int = 0
    sequences: int = 0
    skipped: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: list[list[str]] = field(default_factory=list)


class Line:
    """A session that is used again and again; a lost one is replaced."""

    def __init__(self, target: Target, user: str) -> None:
        self.dsn = make_conninfo(target.dsn, user=user)
        self.newest = target.newest
        self.renew()

    def renew(self) -> None:
        """A new session."""
        self.client = Client(self.dsn, 20)
        self.client.query("SET statement_timeout = 3000")

    def send(self, text: str) -> None:
        self.client.send(message("Q", string(text)))

    def read(self) -> Seen:
        seen: Seen = []
        try:
            self.client.read(seen)
        except (Lost, Silence) as e:
            seen.append(["lost", type(e).__name__])
            self.client.close()
            self.renew()
        return seen


def ask(lines: Sequence[Line], statements: Sequence[str]) -> tuple[list[Seen], ...]:
    """Runs a sequence on every line at once, in a transaction that is rolled back; what each showed."""
    out: tuple[list[Seen], ...] = tuple([] for _ in lines)
    for text in ("BEGIN", *statements, "ROLLBACK"):
        for line in lines:
            line.send(text)
        for line, seen in zip(lines, out, strict=True):
            seen.append(line.read())
    for line in lines:
        if line.client.status != "I":
            line.send("ROLLBACK")
            line.read()
    for line in lines:
        line.send("DEALLOCATE ALL")
        line.read()
    return tuple(same(seen[1:-1], line.newest) for seen, line in zip(out, lines, strict=True))


def over_time(shown: Sequence[list[Any]]) -> bool:
    return any(m[0] == "E" and m[1].get("C") == OVER_TIME for side in shown for seen in side for m in seen)


def tells(lines: Sequence[Line], statements: Sequence[Node], canaries: bool) -> bool:
    """Whether the sides can be told apart by it, twice."""
    texts = [str(s) for s in statements]
    for _ in range(2):
        shown = ask(lines, texts)
        if over_time(shown):
            return False
        if shown[0] == shown[1] and not (canaries and judge.canaries(shown[0], Probe("", "", tuple(texts)))):
            return False
    return True


def shrink(lines: Sequence[Line], statements: list[Node], canaries: bool, tries: int = 600) -> list[Node]:
    """The smallest sequence found that still tells the sides apart."""

    def smaller(now: list[Node]) -> Iterator[list[Node]]:
        for i in range(len(now) - 1):
            yield now[:i] + now[i + 1 :]
        for i, s in enumerate(now):
            for t in s.smaller():
                yield [*now[:i], t, *now[i + 1 :]]

    while tries > 0:
        for candidate in smaller(statements):
            tries -= 1
            if tries <= 0:
                break
            if len("".join(map(str, candidate))) < len("".join(map(str, statements))) and tells(
                lines, candidate, canaries
            ):
                statements = candidate
                break
        else:
            break
    return statements


def run(
    pair: city.Pair,
    targets: Sequence[Target],
    seconds: float,
    seed: int,
    canaries: bool,
    most: int = 20,
    user: str = "desk",
) -> Tried:
    """Runs a campaign for a time, or until `most` findings.

    What writes leaves dead rows, though it is rolled back, and when these are cleaned away is a matter of time. So the
    databases are put back now and then, and a difference counts only when it is there on fresh ones too.
    """
    composer = Composer(Random(seed), relations(pair))
    keeper = judge.Keeper(pair, [t.database for t in targets])
    lines = [Line(t, user) for t in targets]
    tried, until, fresh = Tried(), time.monotonic() + seconds, time.monotonic()

    def restore() -> None:
        nonlocal fresh
        for line in lines:
            line.client.close()
        keeper.restore()
        for line in lines:
            line.renew()
        fresh = time.monotonic()

    try:
        while time.monotonic() < until and len(tried.findings) < most:
            if time.monotonic() - fresh > RESTORED_EVERY:
                restore()
            statements = composer.statements()
            texts = [str(s) for s in statements]
            shown = ask(lines, texts)
            tried.sequences += 1
            tried.statements += len(texts)
            if over_time(shown):
                tried.skipped += 1
                continue
            errors = [m[1] for m in shown[0][-1] if m[0] == "E"]
            tried.outcomes[errors[0].get("C", "") if errors else "ok"] += 1
            lost = any(m[0] == "lost" for side in shown for seen in side for m in seen)
            if lost or shown[0] != shown[1] or (canaries and judge.canaries(shown[0], Probe("", "", tuple(texts)))):
                restore()
                if tells(lines, statements, canaries):
                    statements = shrink(lines, statements, canaries)
                    restore()
                elif not lost:
                    tried.outcomes["not twice"] += 1
                    continue
                tried.findings.append([str(s) for s in statements])
                print("finding:", " ;; ".join(tried.findings[-1]), flush=True)
    finally:
        for line in lines:
            line.client.close()
    return tried


def append(findings: Sequence[Sequence[str]], tried: judge.Keeper, a: Target, b: Target) -> int:
    """Adds to the corpus what tells the sides apart in fresh sessions too; how many."""
    number = sum(p.family == "campaign" for p in corpus.read(corpus.ATTACKS))
    known = {json.dumps(p.steps) for p in corpus.read(corpus.ATTACKS)}
    added = 0
    with corpus.ATTACKS.open("a") as f:
        for steps in findings:
            raw = {
                "id": f"campaign-{number + added + 1:03}",
                "family": "campaign",
                "tier": "bit",
                "steps": list(steps),
                "wrap": True,
            }
            probe = Probe(str(raw["id"]), "campaign", tuple(steps), "bit", wrap=True)
            if json.dumps(tuple(steps)) not in known and judge.attack(probe, a, b, tried).bad:
                f.write(json.dumps(raw, ensure_ascii=False) + "\n")
                added += 1
    return added


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--embed", type=int, default=18, help="the PostgreSQL to start: 18, or 15 where it is installed")
    p.add_argument("--seconds", type=float, default=60)
    p.add_argument("--seed", type=int, default=None, help="another seed gives other statements; default: the time")
    p.add_argument("--user", default="desk")
    p.add_argument("--bare", action="store_true")
    p.add_argument("--control", action="store_true")
    p.add_argument("--append", action="store_true", help="add findings to attacks.jsonl")
    o = p.parse_args()
    seed = o.seed if o.seed is not None else int(time.time())
    binaries = servers.installed(15) if o.embed == 15 else servers.embedded(o.embed)
    if binaries is None:
        print(f"no PostgreSQL {o.embed} here", file=sys.stderr)
        return 2
    with ExitStack() as stack:
        pair = city.build(stack.enter_context(servers.cluster(binaries)).dsn())
        proxy = None
        if not (o.bare or o.control):
            directory = stack.enter_context(tempfile.TemporaryDirectory())
            proxy = stack.enter_context(through.redactor(pair, Path(directory)))
        names = ("city_a", "city_c") if o.control else ("city_a", "city_b")
        targets = [
            Target(
                f"{proxy}/{n}" if proxy else pair.at(n, "desk"),
                pair.at(n),
                "b" if n == "city_b" else "a",
                city.newest(pair, n),
            )
            for n in names
        ]
        begun = time.monotonic()
        tried = run(pair, targets, o.seconds, seed, canaries=not o.control, user=o.user)
        took = time.monotonic() - begun
        print(
            f"PostgreSQL {pair.major}, seed {seed}: {tried.statements} statements in {tried.sequences} sequences,"
            f" {took:.0f} s ({tried.statements / took:.0f}/s), {tried.skipped} over time,"
            f" {len(tried.findings)} findings"
        )
        print("outcomes:", ", ".join(f"{k} {n}" for k, n in tried.outcomes.most_common(12)))
        if o.append and tried.findings:
            keeper = judge.Keeper(pair, names)
            print(f"{append(tried.findings, keeper, *targets)} probes added to {corpus.ATTACKS}")
    return 1 if tried.findings else 0


if __name__ == "__main__":
    sys.exit(main())
