"""A decision's time: seen before, with new literals, at first sight; and what parsing the same text costs others.

All take turns over the same texts in this process. Microseconds.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from itertools import count

import sqlglot
from sqlglot.optimizer.qualify import qualify

from benchmarks.machine import quantile
from benchmarks.place import Place, reference_texts
from redactor.cli.judging import maker, usable
from redactor.cli.publishing import Published
from redactor.context import Context
from redactor.model import Judge, Requester
from redactor.sql import grammar

SCHEMA = {
    "residents": {"id": "int", "name": "text", "city": "text", "ssn": "text"},
    "addresses": {"resident_id": "int", "street": "text"},
    "service_requests": {"resident_id": "int", "created_at": "timestamptz", "status": "text"},
    "permits": {"owner_id": "int", "kind": "text"},
}


COMPILED = "compiled" if sqlglot.tokens.__file__.endswith(".so") else "plain Python"


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


def measure(place: Place, quick: bool) -> list[dict[str, object]]:
    """One row for each text and each way: p50 and p99 in microseconds."""
    judge = judge_of(place)
    who = Requester("ordinary", "bench")
    context = judge.begin(who, {"user": "ordinary", "database": "bench"}, '"$user", public')
    assert isinstance(context, Context)

    def decide(text: str) -> object:
        return judge.decide(who, context, text)

    def repeated(text: str) -> Iterator[str]:
        while True:
            yield text

    rows: list[dict[str, object]] = []
    scale = 1 if quick else 10
    for number, text in enumerate(reference_texts(), 1):
        ways: list[tuple[str, Callable[[str], object], Iterator[str], int]] = [
            ("decide, seen before", decide, repeated(text), 2000 * scale),
            ("decide, new literals", decide, variants(text), 500 * scale),
            ("decide, first sight", decide, shapes(text), 50 * scale),
            ("libpg_query parse", lambda t: grammar.parse(t.encode()), shapes(text), 200 * scale),
            (f"sqlglot ({COMPILED}) parse + qualify + generate", generate, shapes(text), 20 * scale),
        ]
        for name, work, texts, rounds in ways:
            timed(work, texts, max(5, rounds // 20))
            found = timed(work, texts, rounds)
            rows.append(
                {
                    "text": number,
                    "way": name,
                    "p50_us": round(quantile(found, 0.5), 2),
                    "p99_us": round(quantile(found, 0.99), 2),
                    "calls": rounds,
                }
            )
    return rows
