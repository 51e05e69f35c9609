"""What the fault campaigns found: printed, kept in benchmarks/results/log_campaign.json, written as docs/log-faults.md.

Written only where the environment says CAMPAIGN=1, as `make log-campaign` does; a test that merely runs leaves the
report alone.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from benchmarks.machine import described

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks/results/log_campaign.json"
DOCUMENT = ROOT / "docs/log-faults.md"

FAULTS = {
    "kill -9 of the only process": (
        "A process appends entries as fast as it can (24 tasks) and says each acknowledged one through a pipe. It is "
        "killed at a random moment, every fourth time while it starts and stores what the one before left behind."
    ),
    "kill -9 of the whole service, clients connected": (
        "The service with a real PostgreSQL behind it and six clients on it that send refused and rewritten "
        "statements, each with a literal of its own. It is killed at a random moment, every sixth time while it "
        "starts. Whatever a client was answered has to be in the log, found by the digest of its text."
    ),
    "kill -9 of workers and of the process above them": (
        "The same with two workers behind one port: one of them is killed, and started again by the process above; "
        "every eighth time that one is killed, whose workers then have to end, and all is started again."
    ),
    "kill -9 of two nodes on one PostgreSQL store": (
        "Two processes with a directory each and one store; one of them, by chance, is killed and started again. All "
        "checkpoints that both have ever published are compared with the log at the end."
    ),
    "kill -9 of the store's PostgreSQL": (
        "The store's server, its processes all at once, under load of 20 tasks; it comes back within a second."
    ),
    "power loss": (
        "Of each file of the journal what was synced comes back, of the rest a part, cut, zeroed or with flipped bits; "
        "a deleted one may be there again. SQLite writes through a VFS that knows what it has synced: of the writes "
        "since, each sector (512 bytes) is there or is not, by chance. The next start goes on with that disk. A "
        "control run on a disk whose syncs do nothing has to lose entries, and does."
    ),
    "full disk": (
        "Journal, keys and store on a disk of 128 MiB that is filled to the last byte and emptied again, at random, "
        "under load. What is refused meanwhile was never answered; what was answered has to be there."
    ),
    "clocks": (
        "The log is closed and opened again under a clock that jumps by up to two years, back as well as forth, and "
        "runs backwards within. Nothing may be lost, and the order is that of the sequence."
    ),
    "store away": (
        "An hour by the log's clock without the store's PostgreSQL, a refusal each second; then it is there again."
    ),
}
_HEAD = """\
# The log under faults

Written by `make log-campaign`; the figures are of the run named in each part, on {machine}.
In each of them the log is verified at the end, in the store and as an export, and compared with what was acknowledged:
`lost` are acknowledged entries that are not there, `doubled` those that are there more than once. A campaign in which
either is not 0 fails, and writes nothing. `stored` may be more than was acknowledged: an entry can be on disk when the
fault strikes before anybody is told.
"""


def report(name: str, figures: dict[str, int], capsys: pytest.CaptureFixture[str]) -> None:
    """Say it, and where CAMPAIGN=1 write it beside the others' figures."""
    assert name in FAULTS, "say what the fault is"
    with capsys.disabled():
        print(f"\n{name}: {figures}")
    if os.environ.get("CAMPAIGN") != "1":
        return
    RESULTS.parent.mkdir(exist_ok=True)
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept |= {"machine": described(), name: {"at": time.strftime("%Y-%m-%d"), **figures}}
    RESULTS.write_text(json.dumps(kept, indent=2) + "\n")
    DOCUMENT.write_text(written(kept))


def written(kept: dict[str, dict[str, object]]) -> str:
    """The report of all figures that are there."""
    m = kept["machine"]
    parts = [_HEAD.format(machine=f"{m['cores']} cores ({m['processor']}), {m['system'].partition('-')[0]}")]  # type: ignore[attr-defined]
    for name, said in FAULTS.items():
        if name not in kept:
            continue
        figures = {k: v for k, v in kept[name].items() if k != "at"}
        heads, rules = " | ".join(figures), " | ".join("---" for _ in figures)
        values = " | ".join(f"{v:,}" for v in figures.values())
        parts.append(f"## {name}\n\n{said} Run of {kept[name]['at']}.\n\n| {heads} |\n| {rules} |\n| {values} |\n")
    return "\n".join(parts)
