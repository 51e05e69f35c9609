"""Durable refusals: how many a second, and how long each waits, against what a sync alone costs in the same run.

    python -m benchmarks.log [--quick] [--directory /where/the/log/will/be]

Writes benchmarks/results/log.json. The directory matters more than the machine: it is the disk that is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import structlog
from rich.console import Console

from benchmarks.machine import described, quantile
from redactor.audit import verifier
from redactor.decision import Entry, Verdict
from redactor.model import ColumnName, ColumnUse, Problem, Requester, RuleHit, Use
from redactor.store import Log, Reader

RESULTS = Path(__file__).parent / "results"
NUMBER = ColumnName("public", "residents", "alien_number")


def refusal(i: int) -> Entry:
    """An ordinary refused statement."""
    return Entry(
        at=time.time(),
        decision=f"0123abcd-{i}",
        verdict=Verdict.REFUSED,
        requester=Requester("clerk", "city", frozenset({"staff"}), "10.0.0.7", "psql", "scram-sha-256"),
        rules=(RuleHit("status-need-to-know", "Gov. Code 7284.6", (NUMBER,)),),
        columns=(ColumnUse(NUMBER, Use.PREDICATE),),
        shape="SELECT count(*) FROM residents WHERE alien_number = $1",
        text=f"SELECT count(*) FROM residents WHERE alien_number = 'A{i:09}'",
        snapshot="5a" * 32,
        outcome="refused",
        problem=Problem("42501", "column alien_number may not be used"),
    )


def bare_syncs(directory: Path, seconds: float) -> dict[str, object]:
    """Append 1 KiB and fdatasync, one after the other: the floor under everything below."""
    waits: list[float] = []
    fd = os.open(directory / "bare", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        end = time.perf_counter() + seconds
        while (begun := time.perf_counter()) < end:
            os.write(fd, bytes(1024))
            os.fdatasync(fd)
            waits.append(time.perf_counter() - begun)
    finally:
        os.close(fd)
    waits.sort()
    return _row("bare fdatasync, one at a time", len(waits) / seconds, waits)


async def durable(directory: Path, clients: int, seconds: float) -> dict[str, object]:
    """So many sessions, each waiting for its refusal to be durable before the next; the store is drained besides."""
    log = await Log.open(f"sqlite:///{directory}/redactor.db")
    waits: list[float] = []
    end = time.perf_counter() + seconds

    async def session(number: int) -> None:
        while (begun := time.perf_counter()) < end:
            await log.append(refusal(number))
            waits.append(time.perf_counter() - begun)
            number += clients

    await asyncio.gather(*[session(i) for i in range(clients)])
    health = log.health()
    await log.close()
    waits.sort()
    row = _row(f"durable refusals, {clients} sessions", len(waits) / seconds, waits)
    return row | {"entries a sync": round(health.entries / max(1, health.commits), 1)}


def _row(what: str, rate: float, waits: list[float]) -> dict[str, object]:
    return {
        "what": what,
        "a second": round(rate),
        "p50 ms": round(quantile(waits, 0.5) * 1000, 3),
        "p99 ms": round(quantile(waits, 0.99) * 1000, 3),
        "entries a sync": 1.0,
    }


def verifying(directory: Path) -> list[dict[str, object]]:
    """Entries a second: the store against its checkpoints; an export, by the stand-alone file."""
    with Reader(f"sqlite:///{directory}/redactor.db") as reader:
        begun = time.perf_counter()
        report = reader.verify((directory / "log.pub").read_text().strip())
        in_store = time.perf_counter() - begun
        with (directory / "log.jsonl").open("wb") as file:
            begun = time.perf_counter()
            reader.export(file.write)
            exporting = time.perf_counter() - begun
    begun = time.perf_counter()
    command = [sys.executable, "-I", "-S", verifier.__file__, "log.jsonl", "--public-key", "log.pub"]
    subprocess.run(command, cwd=directory, check=True, stdout=subprocess.DEVNULL)
    alone = time.perf_counter() - begun
    n = report.entries
    timed = {"verify the store": in_store, "export with proofs": exporting, "verify the export, stand-alone": alone}
    return [{"what": what, "entries": n, "entries a second": round(n / s)} for what, s in timed.items()]


def measure(quick: bool, place: Path | None = None) -> dict[str, list[dict[str, object]]]:
    """All of it, in a temporary directory of `place`."""
    seconds = 0.5 if quick else 5.0
    with contextlib.ExitStack() as stack:
        here = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=place)))
        floor = bare_syncs(here, seconds)
        rows = [floor]
        for clients in (1, 8, 64, 256):
            (here / str(clients)).mkdir()
            row = asyncio.run(durable(here / str(clients), clients, seconds))
            rows.append(row)
        for row in rows:
            rate, base = row["a second"], floor["a second"]
            assert isinstance(rate, int)
            assert isinstance(base, int)
            row["against one sync each"] = round(rate / max(1, base), 2)
        return {"durable refusals": rows, "verification": verifying(here / "64")}


def main() -> None:
    """Measure, print, write."""
    from benchmarks.__main__ import table

    parser = argparse.ArgumentParser(prog="python -m benchmarks.log", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--directory", type=Path, default=None)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    found = measure(options.quick, options.directory)
    console = Console()
    for title, rows in found.items():
        console.print(table(title, rows))
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / ("log-quick.json" if options.quick else "log.json")
    target.write_text(json.dumps({"machine": described(), "at": time.strftime("%Y-%m-%d"), **found}, indent=2) + "\n")
    console.print(f"written to {target}")


if __name__ == "__main__":
    main()
