"""A campaign: random statements on both cities until the time is over; what tells them apart is made small and kept.

`python -m tests.noninterference.campaign --embed 18 --seconds 600` starts a server, the cities and redactor; with
`--bare` the statements go straight to the databases (which shows that the generator finds leaks), with `--control` to
two equal cities (which shows that it finds nothing else). A finding is shrunk to a minimal statement, tried again in
fresh sessions, and with `--append` added to attacks.jsonl.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests import servers
from tests.noninterference import city, corpus, judge, lines, through
from tests.noninterference.building import Built
from tests.noninterference.corpus import Probe
from tests.noninterference.grammar import FUNCTIONS, Composer, Node, Relation, parametrised, written
from tests.noninterference.lines import FAILED, Answer, Exchange, Line
from tests.noninterference.play import Target
from tests.noninterference.turns import Turned

GROUPS = {"S": "text", "E": "text", "N": "int", "B": "bool", "D": "date"}
OVER_TIME = "57014"
RESTORED_EVERY = 30.0
"""Seconds between two restores."""
AT_ONCE = 60
"""Sequences that are sent without waiting for their answers."""
SLOW = 0.03
"""Seconds after which a statement is not worth other literals."""
FILLED = 8
"""How often a sequence that was let through is asked again with other literals; with parameters four times as often."""
BOUND = 0.7
"""The share of single statements for which these are parameters: what is read once is then run often."""


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
        return any(m[0] == "E" and m[1].get("C") == "42501" for m in line.client.query(text))

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
    """Counts of a campaign. A sequence is what was composed, with the literals that it had first; a filling is the same
    with others. `statements`: those that either side answered, whatever it said, without BEGIN and ROLLBACK."""

    statements: int = 0
    sequences: int = 0
    refused: int = 0
    fillings: int = 0
    bound: int = 0
    skipped: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: list[list[Any]] = field(default_factory=list)
    seconds: float = 0

    def count(self, sides: tuple[list[Answer], ...]) -> None:
        """Counts the statements of a sequence that were answered."""
        for answer in sides[0]:
            if answer.code not in FAILED and not answer.lost:
                self.statements += 1
                self.outcomes[answer.code or "ok"] += 1

    @property
    def through(self) -> float:
        """The share of statements that redactor did not refuse."""
        return 1 - self.outcomes["42501"] / max(self.statements, 1)

    def told(self, pair: city.Pair, seed: int, without: Sequence[str], unwritten: Sequence[str]) -> str:
        """The summary of a campaign, as JSON."""
        return json.dumps(
            {
                "postgresql": pair.major,
                "seed": seed,
                "without": list(without),
                "unwritten": list(unwritten),
                "seconds": round(self.seconds),
                "statements": self.statements,
                "with parameters": self.bound,
                "sequences": self.sequences,
                "of these refused": self.refused,
                "fillings": self.fillings,
                "not refused": round(self.through, 4),
                "over time": self.skipped,
                "outcomes": dict(self.outcomes.most_common()),
                "findings": self.findings,
            },
            indent=1,
        )


@dataclass(frozen=True, slots=True)
class Trial:
    """Something to be sent: its exchange, and what it is written as. `bound`: values of parameters, in rows."""

    exchange: Exchange
    statements: list[Node]
    bound: tuple[tuple[str, ...], ...] = ()


def fillings(composer: Composer, statements: list[Node], most: int) -> Iterator[Trial]:
    """A sequence with other literals: as texts, or, sometimes, one statement with parameters."""
    first = statements[0]
    if len(statements) == 1 and first.kind in ("select", "write") and composer.chance(BOUND):
        text, kinds = parametrised(first)
        if kinds:
            rows = {tuple(composer.another(k) for k in kinds): None for _ in range(4 * most)}
            yield Trial(lines.bound(str(text), list(rows)), statements, tuple(rows))
        return
    known = {tuple(map(str, statements))}
    for _ in range(most):
        filled = [s.filled(lambda kind: written(kind, composer.another(kind))) for s in statements]
        texts = tuple(map(str, filled))
        if texts not in known:
            known.add(texts)
            yield Trial(lines.texts(texts), filled)


def ask(pair: Sequence[Line], statements: Sequence[str]) -> tuple[list[Answer], ...]:
    """Runs a sequence on every line at once; what each was told."""
    return lines.converse(pair, [lines.texts(statements)])[0]


def over_time(sides: tuple[list[Answer], ...]) -> bool:
    return any(a.code == OVER_TIME for side in sides for a in side)


def suspicious(pair: Sequence[Line], sides: tuple[list[Answer], ...], texts: Sequence[str], canaries: bool) -> bool:
    """Whether the sides seem to be told apart, or a protected value to be shown."""
    if over_time(sides):
        return False
    if lines.differ(sides, pair):
        return True
    if not canaries or not lines.may_tell(sides[0]):
        return False
    return bool(judge.canaries([a.shown() for a in sides[0]], Probe("", "", tuple(texts))))


def tells(pair: Sequence[Line], statements: Sequence[Node], canaries: bool) -> bool:
    """Whether the sides can be told apart by it, twice."""
    texts = [str(s) for s in statements]
    return all(suspicious(pair, ask(pair, texts), texts, canaries) for _ in range(2))


def shrink(pair: Sequence[Line], statements: list[Node], canaries: bool, tries: int = 600) -> list[Node]:
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
                pair, candidate, canaries
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
    unwritten: Sequence[str] = (),
    summary: Path | None = None,
    filled: int = FILLED,
) -> Tried:
    """Runs a campaign for a time, or until `most` findings; what was let through is asked again `filled` times with
    other literals.

    What writes leaves dead rows, though it is rolled back, and when these are cleaned away is a matter of time. So the
    databases are put back now and then, and a difference counts only when it is there on fresh ones too.
    """
    keeper = judge.Keeper(pair, [t.database for t in targets])
    chosen = [
        replace(r, writable=r.writable and r.name not in unwritten) for r in relations(pair) if r.name not in without
    ]
    kind = Built if user == "builder" else Turned
    composer = kind(Random(seed), *learn(targets[0], user, chosen))
    composer.major = pair.major
    sessions = [Line(t, user) for t in targets]
    tried, begun = Tried(), time.monotonic()
    fresh = begun

    def restore() -> None:
        nonlocal fresh
        for line in sessions:
            line.client.close()
        keeper.restore()
        for line in sessions:
            line.renew()
        fresh = time.monotonic()

    def play(trials: Sequence[Trial]) -> list[Trial]:
        """Sends them all, and looks closer at what seems to tell; those that are worth other literals."""
        answers = lines.converse(sessions, [t.exchange for t in trials])
        worth, suspects = [], []
        for trial, sides in zip(trials, answers, strict=True):
            if lines.unasked(sides):
                continue
            tried.count(sides)
            texts = [*map(str, trial.statements), *(v for row in trial.bound for v in row)]
            if over_time(sides):
                tried.skipped += 1
            elif suspicious(sessions, sides, texts, canaries):
                suspects.append(trial)
            elif not any(a.code.startswith("42") or a.took > SLOW for a in sides[0]):
                worth.append(trial)
        for trial in suspects:
            found = closer(trial)
            if found:
                tried.findings.append(found)
                print("finding:", " ;; ".join(map(str, found)), flush=True)
            else:
                tried.outcomes["not twice"] += 1
        return worth

    def closer(trial: Trial) -> list[Any]:
        """The smallest that tells on fresh databases; nothing if nothing does."""
        restore()
        for statements in [trial.statements, *_as_texts(trial)]:
            if tells(sessions, statements, canaries):
                statements = shrink(sessions, statements, canaries)
                restore()
                return [str(s) for s in statements]
        restore()
        text = str(parametrised(trial.statements[0])[0])
        for row in trial.bound:
            twice = [lines.converse(sessions, [lines.bound(text, [row])])[0] for _ in range(2)]
            if all(suspicious(sessions, sides, [text, *row], canaries) for sides in twice):
                return [{"ask": text, "params": list(row)}]
        return []

    try:
        while time.monotonic() < begun + seconds and len(tried.findings) < most:
            tried.seconds = time.monotonic() - begun
            if time.monotonic() - fresh > RESTORED_EVERY:
                if summary:
                    summary.write_text(tried.told(pair, seed, without, unwritten))
                restore()
            composed = [composer.statements() for _ in range(AT_ONCE)]
            tried.sequences += len(composed)
            before = tried.outcomes["42501"]
            worth = play([Trial(lines.texts([str(s) for s in c]), c) for c in composed])
            tried.refused += tried.outcomes["42501"] - before
            more = [t for trial in worth for t in fillings(composer, trial.statements, filled)]
            tried.fillings += sum(max(1, len(t.bound)) for t in more)
            tried.bound += sum(len(t.bound) for t in more)
            for i in range(0, len(more), AT_ONCE):
                play(more[i : i + AT_ONCE])
    finally:
        tried.seconds = time.monotonic() - begun
        if summary:
            summary.write_text(tried.told(pair, seed, without, unwritten))
        for line in sessions:
            line.client.close()
        keeper.close()
    return tried


def _as_texts(trial: Trial) -> list[list[Node]]:
    """What ran with parameters, with their values written in."""
    out = []
    for row in trial.bound:
        values = iter(row)
        out.append([trial.statements[0].filled(lambda kind, values=values: written(kind, next(values)))])  # type: ignore[misc]
    return out


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
    p.add_argument(
        "--embed",
        type=int,
        default=18,
        help="the PostgreSQL to start; 13 to 17: see `make servers`",
    )
    p.add_argument("--seconds", type=float, default=60)
    p.add_argument("--seed", type=int, default=None, help="another seed gives other statements; default: the time")
    p.add_argument("--user", default="desk", help="who asks; builder also alters the schema")
    p.add_argument("--bare", action="store_true")
    p.add_argument("--control", action="store_true")
    p.add_argument("--most", type=int, default=20, help="findings after which it ends")
    p.add_argument(
        "--filled", type=int, default=FILLED, help="how often what is let through is asked, with other literals"
    )
    p.add_argument("--unwritten", default="", help="relations to read only, with commas")
    p.add_argument("--without", default="", help="relations to leave alone, with commas")
    p.add_argument("--summary", type=Path, help="a file to write the counts to, every half minute and at the end")
    p.add_argument("--append", action="store_true", help="add findings to attacks.jsonl")
    o = p.parse_args()
    seed = o.seed if o.seed is not None else int(time.time())
    binaries = servers.found(o.embed)
    if binaries is None:
        print(f"no PostgreSQL {o.embed} here", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends its servers, and keeps the counts
    with ExitStack() as stack:
        # what has parameters is planned once, what is sent as text each time
        server = stack.enter_context(servers.cluster(binaries, jit="off", plan_cache_mode="force_generic_plan"))
        pair = city.build(server.dsn())
        proxy = None
        if not (o.bare or o.control):
            directory = stack.enter_context(tempfile.TemporaryDirectory(dir=servers.room()))
            proxy = stack.enter_context(through.redactor(pair, Path(directory)))
        names = ("city_a", "city_c") if o.control else ("city_a", "city_b")
        targets = [
            Target(
                f"{proxy}/{n}" if proxy else pair.at(n, o.user),
                pair.at(n),
                "b" if n == "city_b" else "a",
                city.newest(pair, n),
            )
            for n in names
        ]
        begun = time.monotonic()
        without, unwritten = ([n for n in names.split(",") if n] for names in (o.without, o.unwritten))
        tried = run(
            pair, targets, o.seconds, seed, not o.control, o.most, o.user, without, unwritten, o.summary, o.filled
        )
        took = time.monotonic() - begun
        print(
            f"PostgreSQL {pair.major}, seed {seed}: {tried.statements} statements in {tried.sequences} sequences and"
            f" {tried.fillings} fillings ({tried.bound} with parameters), {tried.through:.0%} not refused,"
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
