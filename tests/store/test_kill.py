"""kill -9, at any moment, under load: no acknowledged entry is lost, none is there twice, and the log verifies."""

from __future__ import annotations

import multiprocessing
import os
import random
import select
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.store import victim
from tests.store.campaign import report
from tests.store.opened import decisions, opened, whole


def trial(directory: Path, number: int, chance: random.Random) -> list[str]:
    """Start a victim, let it work, kill it; gives what it was told is durable."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.store.victim"])
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=victim.run, args=(directory, theirs, number * 1_000_000), daemon=True)
    process.start()
    theirs.close()
    said = b""
    # Some are killed while they start (and take over what the one before left behind), most while they work.
    deadline = time.monotonic() + (chance.uniform(0, 0.15) if number % 4 == 0 else 20)
    while (left := deadline - time.monotonic()) > 0:
        if select.select([mine.fileno()], [], [], min(left, 0.01))[0]:
            data = os.read(mine.fileno(), 1 << 16)
            assert data, "the victim ended by itself"
            if not said and number % 4:
                deadline = time.monotonic() + chance.uniform(0, 0.2)
            said += data
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    while data := os.read(mine.fileno(), 1 << 16):
        said += data
    process.join()
    mine.close()
    return said.decode().split("\n")[:-1]


async def campaign(directory: Path, trials: int) -> dict[str, int]:
    """So many kills on one log; gives the figures, having checked them."""
    chance = random.Random(7284)
    acknowledged = [d for n in range(trials) for d in trial(directory, n, chance)]
    async with opened(directory):
        pass
    there = Counter(decisions(directory))
    lost = [d for d in acknowledged if d not in there]
    doubled = [d for d, n in there.items() if n > 1]
    assert lost == []
    assert doubled == []
    assert len(acknowledged) > trials
    assert whole(directory) == len(there)
    left = [p.name for p in (directory / "journal").iterdir() if p.suffix != ".new"]
    assert left == []
    return {"kills": trials, "acknowledged": len(acknowledged), "stored": len(there), "lost": 0, "doubled": 0}


async def test_kill_9(tmp_path: Path) -> None:
    await campaign(tmp_path, 8)


@pytest.mark.slow
async def test_kill_9_five_hundred_times(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = await campaign(tmp_path, 500)
    report("kill -9 of the only process", figures, capsys)
