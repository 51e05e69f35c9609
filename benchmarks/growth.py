"""What a decision at first sight costs as statements and tables grow. `python -m benchmarks.growth [--quick]`

One thing grows at a time: what a statement lists, the relations that it joins, the queries that stand within each
other, the columns of a table, the share of them that is tagged. Microseconds: the least and the median of calls with a
statement never seen before; beside it the least for libpg_query to parse the text and for its tree to be decoded.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import asyncpg
from rich.console import Console

from benchmarks import machine
from benchmarks.decisions import judge_of
from benchmarks.place import POLICY, Place
from redactor.context import Context
from redactor.decision import Allow, Redact
from redactor.demo.cluster import running
from redactor.judge import Judge
from redactor.model import Requester
from redactor.sql import grammar

RESULTS = Path(__file__).parent / "results" / "growth.json"
NARROW, WIDTHS, SHARES = 12, (10, 100, 1000), (0, 10, 50, 100)
DATABASE = "bench"


def tables() -> Iterator[tuple[str, int, int]]:
    """Each table's name, how many columns it has besides its key, and how many of these are tagged."""
    for n in range(NARROW):
        yield f"t{n}", 10, 1
    for width in WIDTHS:
        yield f"w{width}", width, width // 10
    for share in SHARES:
        yield f"s{share}", 100, share


def named(width: int, tagged: int) -> list[str]:
    """Columns: the tagged ones first."""
    return [f"h{i}" for i in range(tagged)] + [f"c{i}" for i in range(width - tagged)]


def definitions() -> str:
    """All tables."""
    out = []
    for name, width, tagged in tables():
        listed = ", ".join(f"{c} text" for c in named(width, tagged))
        out.append(f"CREATE TABLE {name} (id int PRIMARY KEY, other int, {listed});")
    return "".join(out)


def reviewed() -> str:
    """The catalog file."""
    lines = [f"database: {DATABASE}", "relations:"]
    for name, width, tagged in tables():
        lines += [f"  public.{name}:", "    columns:", "      id: {}", "      other: {}"]
        lines += [f"      {c}: {'{tags: [document.x]}' if c.startswith('h') else '{}'}" for c in named(width, tagged)]
    return "\n".join(lines) + "\n"


def statements() -> Iterator[tuple[str, int, str]]:
    """What grows, how large it is, and a statement with @ for a number that it is to have never had."""
    for n in (1, 10, 100, 1000):
        listed = ", ".join(f"t0.c{i % 9} || '{i}' AS x{i}" for i in range(n))
        yield "items of a select list", n, f"SELECT {listed}, 1 AS a@ FROM t0 WHERE id = 7"
    for n in (1, 2, 4, 8, 12):
        joined = " ".join(f"JOIN t{i} ON t{i}.other = t{i - 1}.id" for i in range(1, n))
        yield "relations, nothing hidden named", n, f"SELECT t0.c1, 1 AS a@ FROM t0 {joined} WHERE t0.id = 7"
        yield "relations, each hidden in", n, f"SELECT *, 1 AS a@ FROM t0 {joined} WHERE t0.id = 7"
    for n in (1, 4, 16):
        inside = " WHERE id IN (SELECT other FROM t0" * n
        yield "queries within each other", n, f"SELECT c1 AS a@ FROM t0{inside}{')' * n}"
    for width in WIDTHS:
        yield "columns, one in ten tagged", width, f"SELECT *, 1 AS a@ FROM w{width} WHERE id = 7"
    for share in SHARES:
        yield "tagged of 100 columns", share, f"SELECT *, 1 AS a@ FROM s{share} WHERE id = 7"


def measured(judge: Judge, calls: int) -> list[dict[str, object]]:
    """A row for each statement."""
    who = Requester("ordinary", DATABASE)
    context = judge.begin(who, {"user": "ordinary", "database": DATABASE}, '"$user", public')
    assert isinstance(context, Context)
    clock, fresh, rows = time.perf_counter, count(1000), []
    for what, size, text in statements():
        took, parsed = [], []
        for _ in range(calls):
            statement = text.replace("@", str(next(fresh)))
            began = clock()
            decision = judge.decide(who, context, statement)
            took.append((clock() - began) * 1e6)
            began = clock()
            grammar.parse(statement.encode())
            parsed.append((clock() - began) * 1e6)
            assert isinstance(decision, Allow | Redact), statement
        rows.append(
            {
                "what grows": what,
                "size": size,
                "bytes": len(statement),
                "rewritten": "yes" if isinstance(decision, Redact) else "no",
                "least_us": round(min(took), 1),
                "p50_us": round(statistics.median(took), 1),
                "parse_least_us": round(min(parsed), 1),
            }
        )
    return rows


def run(calls: int) -> list[dict[str, object]]:
    """The tables in a server of their own, and what was measured."""

    async def create(url: str, statement: str) -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(statement)
        await connection.close()

    with tempfile.TemporaryDirectory(prefix="redactor-growth-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        (directory / "postgresql").mkdir()
        with running(directory / "postgresql") as cluster:
            url = cluster.url("postgres", cluster.password, "postgres")
            asyncio.run(create(url, f"CREATE DATABASE {DATABASE}"))
            upstream = cluster.url("postgres", cluster.password, DATABASE)
            asyncio.run(create(upstream, definitions()))
            (directory / "catalog.yaml").write_text(reviewed())
            (directory / "policy.yaml").write_text(POLICY)
            configuration = directory / "redactor.yaml"
            configuration.write_text(
                f'listen: 127.0.0.1:1\ndatabases:\n  {DATABASE}: {{upstream: "{upstream}", catalog: catalog.yaml}}\n'
                f"policy: policy.yaml\nstore: sqlite:///store.db\n"
            )
            return measured(judge_of(Place(cluster, directory, configuration, 1)), calls)


def main() -> None:
    """Measure, print, write."""
    from benchmarks.__main__ import table

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few calls of each, nothing written")
    options = parser.parse_args()
    rows = run(5 if options.quick else 300)
    Console().print(table(f"A decision at first sight, {machine.described()['redactor']}", rows))
    if not options.quick:
        found = {"machine": machine.described() | {"load": machine.load()}, "growth": rows}
        RESULTS.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
