"""A large catalog: 10,000 relations of 20 columns, one column in ten tagged. `python -m benchmarks.catalog [--quick]`

What it takes to start with one, how large the process gets, how decisions compare with those of a small catalog, and
for how long the event loop stands still while the catalog is read again. The second half runs in a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import asyncpg

from benchmarks import machine
from benchmarks.place import POLICY
from redactor.cli.judging import maker, usable
from redactor.cli.publishing import Published
from redactor.context import Context
from redactor.demo.cluster import running
from redactor.judge import Judge
from redactor.model import Requester

COLUMNS = 20
BATCH = 500
SMALL = 10
REFRESHES = 5
RESULTS = Path(__file__).parent / "results" / "catalog.json"


def table(n: int) -> str:
    """A table's definition: its key, two columns that are to be tagged, others."""
    listed = ", ".join(f"c{c} {('text', 'integer', 'timestamptz')[c % 3]}" for c in range(3, COLUMNS))
    key = f" REFERENCES t{n // 2}" if n % 10 == 9 else ""
    return f"CREATE TABLE t{n} (id integer PRIMARY KEY, parent integer{key}, ssn text, {listed});"


def reviewed(relations: int) -> str:
    """The catalog file as a scan writes it."""
    lines = ["database: large", "relations:"]
    for n in range(relations):
        lines += [f"  public.t{n}:", "    columns:", "      id: {}", "      parent: {}"]
        lines += ["      ssn: {tags: [document.ssn]}", "      c3: {tags: [document.other]}"]
        lines += [f"      c{c}: {{}}" for c in range(4, COLUMNS)]
    return "\n".join(lines) + "\n"


async def create(url: str, relations: int) -> None:
    """The tables, in a database of their own."""
    connection = await asyncpg.connect(url)
    for first in range(0, relations, BATCH):
        await connection.execute("".join(table(n) for n in range(first, min(first + BATCH, relations))))
    await connection.close()


def statements(n: int) -> list[str]:
    """One that is allowed, one that is rewritten, one that joins."""
    return [
        f"SELECT id, c5 FROM t{n} WHERE id = 42",
        f"SELECT * FROM t{n} WHERE id = 42",
        f"SELECT a.*, b.c5 FROM t{n} a JOIN t{n + 1} b ON b.parent = a.id WHERE b.c4 > 7 ORDER BY a.id LIMIT 10",
    ]


def decided(judge: Judge) -> dict[str, float]:
    """Microseconds, medians: for statements seen before, and at first sight."""
    who = Requester("ordinary", "large")
    context = judge.begin(who, {"user": "ordinary", "database": "large"}, '"$user", public')
    assert isinstance(context, Context)

    def once(text: str) -> float:
        began = time.perf_counter()
        judge.decide(who, context, text)
        return (time.perf_counter() - began) * 1e6

    known = statements(0)
    for text in known:
        once(text)
    first = [once(text.replace(" FROM", f", 1 AS x{i} FROM", 1)) for i in range(300) for text in statements(i % 8)]
    seen = [once(text) for _ in range(500) for text in known]
    return {"seen before": round(statistics.median(seen), 2), "first sight": round(statistics.median(first), 1)}


async def pause(work: asyncio.Task[None]) -> tuple[float, float, float]:
    """How long the loop stood still at most while a task ran, how much of the processor this process had in any one
    pause (what other work on the machine took is not in it), and how long the task ran; in seconds."""
    longest, own, began = 0.0, 0.0, time.perf_counter()
    while not work.done():
        before, used = time.perf_counter(), time.process_time()
        await asyncio.sleep(0.0005)
        longest = max(longest, time.perf_counter() - before - 0.0005)
        own = max(own, time.process_time() - used)
    work.result()
    return longest, own, time.perf_counter() - began


async def measured(configuration: Path) -> dict[str, object]:
    """What starting, deciding and reading again take."""
    began, used = time.perf_counter(), time.process_time()
    found = usable(configuration)
    files = time.perf_counter() - began
    published = Published(found.config.databases["large"], found.policy, found.reviews["large"], maker(found.config))
    await published.refresh()
    started, worked = time.perf_counter() - began, time.process_time() - used
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    decisions = decided(published.current())
    # what was in force is let go of while the next one is read
    refreshed = [await pause(asyncio.create_task(published.refresh())) for _ in range(REFRESHES)]
    stands, own, takes = (sorted(values) for values in zip(*refreshed, strict=True))
    await published.close()
    return {
        "files_s": round(files, 2),
        "start_s": round(started, 2),
        "start_processor_s": round(worked, 2),
        "start_peak_mb": memory,
        **{f"{name}_us": us for name, us in decisions.items()},
        "refresh_s": round(statistics.median(takes), 2),
        "longest_pause_ms": round(statistics.median(stands) * 1000, 1),
        "longest_pause_worst_ms": round(stands[-1] * 1000, 1),
        "longest_pause_processor_ms": round(statistics.median(own) * 1000, 1),
        "refresh_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def run(relations: int) -> dict[str, object]:
    """The measurement for that many relations."""
    directory = Path(tempfile.mkdtemp(prefix="redactor-catalog-"))
    directory.chmod(0o755)
    (directory / "postgresql").mkdir()
    with running(directory / "postgresql") as cluster:
        asyncio.run(create(cluster.url("postgres", cluster.password, "postgres"), relations))
        (directory / "catalog.yaml").write_text(reviewed(relations))
        (directory / "policy.yaml").write_text(POLICY)
        upstream = cluster.url("postgres", cluster.password, "postgres")
        configuration = directory / "redactor.yaml"
        configuration.write_text(
            f'listen: 127.0.0.1:1\ndatabases:\n  large: {{upstream: "{upstream}", catalog: catalog.yaml}}\n'
            f"policy: policy.yaml\nstore: sqlite:///store.db\n"
        )
        command = [sys.executable, "-m", "benchmarks.catalog", "--measure", str(configuration)]
        told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {"relations": relations, "columns": relations * COLUMNS, "tags": relations * 2, **told}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the size, nothing written")
    parser.add_argument("--relations", type=int, default=10_000, help="of the large one")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(asyncio.run(measured(options.measure))))
        return
    rows = [run(SMALL), run(1000 if options.quick else options.relations)]
    print(json.dumps(rows, indent=2))
    if not options.quick and options.relations == 10_000:
        RESULTS.write_text(json.dumps({"machine": machine.described(), "catalogs": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
