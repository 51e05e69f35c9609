"""A decision's time: seen before, with new literals, at first sight; and what the same text costs others.

All take turns over the same texts, round by round, in this process: libpg_query's normalize and parse (with its tree
decoded), sqlglot's parse, qualify and generate, the least that a rewriter made of it would do, and the planning
time that PostgreSQL itself says (EXPLAIN), without its parser. Microseconds; medians over the rounds. The least of all
calls is what tells ways apart on a machine that does other work besides.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import count

import asyncpg
import sqlglot
from postgast.native import lib
from sqlglot.optimizer.qualify import qualify

from benchmarks.machine import quantile
from benchmarks.place import Place, reference_texts
from redactor.cli.judging import maker, usable
from redactor.cli.publishing import Published
from redactor.context import Context
from redactor.judge import Judge
from redactor.model import Requester
from redactor.sql import grammar

SCHEMA = {
    "residents": {"id": "int", "name": "text", "city": "text", "ssn": "text"},
    "addresses": {"resident_id": "int", "street": "text"},
    "service_requests": {"resident_id": "int", "created_at": "timestamptz", "status": "text"},
    "permits": {"owner_id": "int", "kind": "text"},
}


COMPILED = "compiled" if not sqlglot.parser.__file__.endswith(".py") else "plain Python"
"""`pip install sqlglot[c]` in an environment of its own makes the difference."""


def judge_of(place: Place) -> Judge:
    """The judge that `redactor serve` would publish."""

    async def read() -> Judge:
        found = usable(place.configuration)
        database = found.config.databases["bench"]
        published = Published(database, found.policy, found.reviews["bench"], maker(found.config))
        await published.refresh()
        await published.close()
        return published.current()

    return asyncio.run(read())


def variants(text: str) -> Iterator[str]:
    """The same statement with other literals, never twice the same."""
    for n in count(1000):
        yield (
            re.sub(r"\b\d+\b(?!,)", str(n), text, count=1)
            if re.search(r"= \d+", text)
            else re.sub(r"'([A-Za-z]+)'", f"'x{n}'", text, count=1)
        )


def shapes(text: str) -> Iterator[str]:
    """The same statement in a shape not seen before: an output column's new name."""
    for n in count(1000):
        yield re.sub(r"\bFROM\b", f", 1 AS c{n} FROM", text, count=1)


def timed(work: Callable[[str], object], texts: Iterator[str], rounds: int) -> list[float]:
    """Microseconds of each call, in order of size."""
    clock, found = time.perf_counter, []
    for _ in range(rounds):
        text = next(texts)
        began = clock()
        work(text)
        found.append((clock() - began) * 1e6)
    return sorted(found)


def generate(text: str) -> str:
    """What a rewriter on sqlglot would do at least: parse, qualify, generate."""
    return qualify(sqlglot.parse_one(text, read="postgres"), schema=SCHEMA, dialect="postgres").sql("postgres")


def normalize(text: str) -> object:
    """The shape of a text as the log would keep it, without the cleaning up."""
    result = lib.pg_query_normalize(text.encode())
    try:
        return result.normalized_query
    finally:
        lib.pg_query_free_normalize_result(result)


def planned(place: Place, texts: list[str]) -> list[float]:
    """PostgreSQL's planning time of each text, in order of size. In one session, so that its caches are warm."""

    async def ask() -> list[float]:
        connection = await asyncpg.connect(place.cluster.url("ordinary", "ordinary", "bench"))
        found = []
        for text in texts:
            lines = await connection.fetch(f"EXPLAIN (SUMMARY) {text}")
            [told] = [x for (x,) in lines if x.startswith("Planning Time")]
            found.append(float(told.split()[2]) * 1000)
        await connection.close()
        return sorted(found)

    return asyncio.run(ask())


def measure(place: Place, quick: bool) -> list[dict[str, object]]:
    """One row for each text and each way: p50 and p99 in microseconds, medians over the rounds; the ratio of p50 to
    the reference that the goal names."""
    judge = judge_of(place)
    who = Requester("ordinary", "bench")
    context = judge.begin(who, {"user": "ordinary", "database": "bench"}, '"$user", public')
    assert isinstance(context, Context)

    def decide(text: str) -> object:
        return judge.decide(who, context, text)

    def repeated(text: str) -> Iterator[str]:
        while True:
            yield text

    def amid(text: str) -> Iterator[str]:
        """The text, each time after another that was never asked before."""
        for other in flood:
            decide(other)
            yield text

    flood = (f"SELECT name, {n} AS c{n} FROM residents WHERE city = 'x{n}'" for n in count())
    rows: list[dict[str, object]] = []
    rounds, scale = (1, 1) if quick else (7, 4)
    whole = f"sqlglot ({COMPILED}) parse + qualify + generate"
    for number, text in enumerate(reference_texts(), 1):
        ways: dict[str, tuple[Callable[[str], object], Iterator[str], int]] = {
            "decide, seen before": (decide, repeated(text), 2000 * scale),
            "decide, seen before, amid a flood": (decide, amid(text), 500 * scale),
            "libpg_query normalize": (normalize, variants(text), 500 * scale),
            "decide, new literals": (decide, variants(text), 500 * scale),
            "libpg_query parse": (lambda t: grammar.parse(t.encode()), shapes(text), 100 * scale),
            "decide, first sight": (decide, shapes(text), 50 * scale),
            whole: (generate, shapes(text), 20 * scale),
        }
        found: dict[str, list[list[float]]] = {name: [] for name in (*ways, "PostgreSQL's planning")}
        for work, texts, calls in ways.values():
            timed(work, texts, max(5, calls // 20))
        of_plans = shapes(text)
        for _ in range(rounds):
            for name, (work, texts, calls) in ways.items():
                found[name].append(timed(work, texts, calls))
            found["PostgreSQL's planning"].append(planned(place, [next(of_plans) for _ in range(20 * scale)]))
        p50 = {n: statistics.median(quantile(f, 0.5) for f in each) for n, each in found.items()}
        least = {n: min(f[0] for f in each) for n, each in found.items()}
        p99 = {n: statistics.median(quantile(f, 0.99) for f in each) for n, each in found.items()}
        goals = {
            "decide, seen before": (None, "p50 <= 1 us, p99 <= 5 us"),
            "decide, seen before, amid a flood": (None, "p50 <= 1 us, p99 <= 5 us"),
            "decide, new literals": ("libpg_query normalize", "<= 1.5 x normalize"),
            "decide, first sight": (whole, "<= 0.25 x sqlglot compiled, below planning"),
        }
        for name in found:
            of, goal = goals.get(name, (None, ""))
            rows.append(
                {
                    "text": number,
                    "way": name,
                    "p50_us": round(p50[name], 2),
                    "p99_us": round(p99[name], 2),
                    "least_us": round(least[name], 2),
                    "ratio": "" if of is None else f"{p50[name] / p50[of]:.2f}",
                    "ratio of least": "" if of is None else f"{least[name] / least[of]:.2f}",
                    "goal": goal,
                }
            )
    return rows
