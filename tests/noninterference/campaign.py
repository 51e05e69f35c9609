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
from tests.noninterference.grammar import FUNCTIONS, Composer, Node, Relation
from tests.noninterference.play import Target, same

GROUPS = {"S": "text", "E": "text", "N": "int", "B": "bool", "D": "date"}
OVER_TIME = "57014"
RESTORED_EVERY = 30.0
"""Seconds between two restores."""
AT_ONCE = 25
"""Sequences that are sent without waiting for their answers."""


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


def learn(target: Target, user: str, found: Sequence[Relation]) -> tuple[list[Relation], frozenset[str]]:
    """What may not be read, may only be shown, and which functions may not be called: by asking the proxy.

    So that most of what is composed is let through; straight at a database all may.
    """
    line = Line(target, user)

    def refused(text: str) -> bool:
        line.send(text)
        return any(m[0] == "E" and m[1].get("C") == "42501" for m in line.read())

    out = []
    for r in found:
        closed = refused(f"SELECT 1 FROM {r.name} LIMIT 0")
        columns = {
            c: f"~{k}" if not closed and refused(f"SELECT 1 FROM {r.name} WHERE {c} IS NULL LIMIT 0") else k
            for c, k in r.columns.items()
        }
        out.append(Relation(r.name, columns, r.writable, closed))
    arguments = {"row": "w", "int": "1", "text": "'x'", "date": "now()::date", "json": "'{}'::jsonb"}
    functions = {(f, takes) for kind in FUNCTIONS.values() for f, takes in kind}
    shut = {
        f
        for f, takes in functions
        if refused(f"SELECT {f}({', '.join(arguments[t] for t in takes.split(','))}) FROM wards w LIMIT 0")
    }
    line.client.close()
    return out, frozenset(shut)


@dataclass(slots=True)
class Tried:
    """Counts of a campaign: statements that ran, sequences, what came of them."""

    statements: int = 0
    sequences: int = 0
    skipped: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: list[list[str]] = field(default_factory=list)

    def count(self, statements: Sequence[Node], shown: Sequence[list[Any]], canaries: bool) -> bool:
        """Counts a sequence that ran; whether it seems to tell the sides apart."""
        self.sequences += 1
        self.statements += len(statements)
        if over_time(shown):
            self.skipped += 1
            return False
        errors = [m[1] for m in shown[0][-1] if m[0] == "E"]
        self.outcomes[errors[0].get("C", "") if errors else "ok"] += 1
        if shown[0] != shown[1] or any(m[0] == "lost" for side in shown for seen in side for m in seen):
            return True
        return canaries and bool(judge.canaries(shown[0], Probe("", "", tuple(map(str, statements)))))

    def told(self, pair: city.Pair, seed: int, without: Sequence[str] = ()) -> str:
        """The summary of a campaign, as JSON."""
        return json.dumps(
            {
                "postgresql": pair.major,
                "seed": seed,
                "without": list(without),
                "statements": self.statements,
                "sequences": self.sequences,
                "over time": self.skipped,
                "outcomes": dict(self.outcomes.most_common()),
                "findings": self.findings,
            },
            indent=1,
        )


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
    """Runs a sequence on every line at once; what each showed."""
    return ask_all(lines, [statements])[0]


def ask_all(lines: Sequence[Line], sequences: Sequence[Sequence[str]]) -> list[tuple[list[Seen], ...]]:
    """Runs sequences on every line at once, one behind the other without waiting; what each line showed of each.

    What can change anything runs in a transaction that is rolled back. After a lost connection nothing more is sent:
    the sequences that were on their way show that.
    """
    framed = [_framed(s) for s in sequences]
    for line in lines:
        line.client.send(b"".join(message("Q", string(t)) for _, texts, _ in framed for t in texts))
    out: list[tuple[list[Seen], ...]] = [tuple([] for _ in lines) for _ in framed]
    for n, line in enumerate(lines):
        client = line.client
        for shown, (before, texts, after) in zip(out, framed, strict=True):
            seen = [line.read() if line.client is client else [["lost", "before"]] for _ in texts]
            shown[n].extend(seen[before : len(seen) - after])
        if line.client.status != "I":
            line.send("ROLLBACK")
            line.read()
    # what is equal as it came needs no blanking
    return [
        shown
        if all(side == shown[0] for side in shown)
        else tuple(same(side, line.newest) for side, line in zip(shown, lines, strict=True))
        for shown in out
    ]


def _framed(statements: Sequence[str]) -> tuple[int, list[str], int]:
    """What is sent for a sequence, with how much stands before and behind what counts."""
    if len(statements) == 1 and statements[0].startswith(("SELECT", "EXPLAIN")):
        return 0, list(statements), 0
    behind = ["ROLLBACK"]
    if any(s.startswith("PREPARE") for s in statements):
        behind.append("DEALLOCATE ALL")
    return 1, ["BEGIN", *statements, *behind], len(behind)


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
    without: Sequence[str] = (),
    summary: Path | None = None,
) -> Tried:
    """Runs a campaign for a time, or until `most` findings.

    What writes leaves dead rows, though it is rolled back, and when these are cleaned away is a matter of time. So the
    databases are put back now and then, and a difference counts only when it is there on fresh ones too.
    """
    keeper = judge.Keeper(pair, [t.database for t in targets])
    composer = Composer(Random(seed), *learn(targets[0], user, [r for r in relations(pair) if r.name not in without]))
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
                if summary:
                    summary.write_text(tried.told(pair, seed, without))
                restore()
            composed = [composer.statements() for _ in range(AT_ONCE)]
            suspects = []
            for statements, shown in zip(composed, ask_all(lines, [list(map(str, s)) for s in composed]), strict=True):
                if tried.count(statements, shown, canaries):
                    suspects.append(statements)
            for statements in suspects:
                restore()
                if not tells(lines, statements, canaries):
                    tried.outcomes["not twice"] += 1
                    continue
                statements = shrink(lines, statements, canaries)
                restore()
                tried.findings.append([str(s) for s in statements])
                print("finding:", " ;; ".join(tried.findings[-1]), flush=True)
    finally:
        for line in lines:
            line.client.close()
        keeper.close()
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
    p.add_argument("--most", type=int, default=20, help="findings after which it ends")
    p.add_argument("--without", default="", help="relations to leave alone, with commas")
    p.add_argument("--summary", type=Path, help="a file to write the counts to, every half minute and at the end")
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
        without = [n for n in o.without.split(",") if n]
        tried = run(pair, targets, o.seconds, seed, not o.control, o.most, o.user, without, o.summary)
        if o.summary:
            o.summary.write_text(tried.told(pair, seed, without))
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
