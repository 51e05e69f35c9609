"""Disks that fill, a store's server that is killed, clocks that jump: under load, again and again."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from redactor.errors import LogUnavailable
from redactor.store import Log, Reader, Selection
from redactor.store import log as log_module
from tests import servers
from tests.audit.samples import sample
from tests.store.campaign import report
from tests.store.opened import decisions, until, url, whole


async def work(
    log: Log, stop: asyncio.Event, number: int, acknowledged: list[str], refused: list[int], pause: float = 0.0
) -> None:
    while not stop.is_set():
        await asyncio.sleep(pause)
        try:
            await log.append(sample(number))
        except LogUnavailable:
            refused.append(number)
            await asyncio.sleep(0.002)
        else:
            acknowledged.append(f"0123abcd-{number}")
        number += 100


@contextlib.contextmanager
def mounted(place: Path, size: str) -> Iterator[Path]:
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs is not permitted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 512):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)):
                    pass


# ------------------------------------------------------------------ a full disk


async def full_disks(here: Path, rounds: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Everything of the log's on a small disk, which is filled to the last byte and emptied again."""
    chance = random.Random(58030)
    monkeypatch.setattr(log_module, "RETRY_SECONDS", 0.02)
    acknowledged, refused = list[str](), list[int]()
    with mounted(here / "small", "128m") as disk:
        log = await Log.open(url(disk), checkpoint_every=100)
        log._journal._segment_bytes = 50_000
        for turn in range(rounds):
            stop = asyncio.Event()
            workers = [
                asyncio.create_task(work(log, stop, turn * 1_000_000 + i, acknowledged, refused)) for i in range(8)
            ]
            await asyncio.sleep(chance.uniform(0, 0.03))
            await asyncio.to_thread(fill, disk / "ballast")
            await asyncio.sleep(chance.uniform(0.02, 0.1))
            (disk / "ballast").unlink()
            await asyncio.sleep(0.01)
            stop.set()
            await asyncio.gather(*workers)
            await append_until(log, 99_000_000 + turn, acknowledged)
        await log.close()
        there = Counter(decisions(disk))
        assert [d for d in acknowledged if not there[d]] == []
        assert [d for d, n in there.items() if n > 1] == []
        assert whole(disk) == sum(there.values())
    assert refused, "the disk was never full"
    assert len(there) < 40_000, "the log alone fills the disk"
    return {
        "times full": rounds, "acknowledged": len(acknowledged), "refused": len(refused), "stored": len(there),
        "lost": 0, "doubled": 0,
    }  # fmt: skip


async def append_until(log: Log, number: int, acknowledged: list[str]) -> None:
    """There is room again, so it must succeed; and by itself."""
    async with asyncio.timeout(10):
        while True:
            try:
                await log.append(sample(number))
            except LogUnavailable:
                await asyncio.sleep(0.01)
            else:
                acknowledged.append(f"0123abcd-{number}")
                return


async def test_a_disk_that_fills_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await full_disks(tmp_path, 3, monkeypatch)


@pytest.mark.slow
async def test_a_disk_that_fills_up_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report("full disk", await full_disks(tmp_path, 40, monkeypatch), capsys)


# ------------------------------------------------------------------ the store's server


async def store_kills(here: Path, kills: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    chance = random.Random(15)
    monkeypatch.setattr(log_module, "RETRY_SECONDS", 0.1)
    binaries = servers.embedded(18)
    assert binaries is not None
    acknowledged, refused = list[str](), list[int]()
    with servers.cluster(binaries, fsync="on", full_page_writes="on", wal_level="replica") as server:
        log = await Log.open(server.dsn(), here, checkpoint_every=200)
        log._journal._segment_bytes = 100_000
        stop = asyncio.Event()
        workers = [asyncio.create_task(work(log, stop, i, acknowledged, refused, 0.02)) for i in range(20)]
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0.1, 0.6))
            await asyncio.to_thread(servers.kill, server)
            await asyncio.sleep(chance.uniform(0, 0.3))
            await asyncio.to_thread(servers.start_again, server)
        stop.set()
        await asyncio.gather(*workers)
        await until(lambda: not log.health().behind and not log.health().store_problem, seconds=120)
        await log.close()
        with Reader(server.dsn(), here) as reader:
            there = Counter(e.value["decision"] for e in reader.walk(Selection()))
            verified = reader.verify((here / "log.pub").read_text().strip())
    assert verified.ok, verified.wrong[:3]
    assert refused == []
    assert [d for d in acknowledged if not there[d]] == []
    assert [d for d, n in there.items() if n > 1] == []
    assert len(acknowledged) > kills
    gc.collect()
    return {
        "kills": kills, "acknowledged": len(acknowledged), "refused": 0, "stored": verified.entries,
        "lost": 0, "doubled": 0,
    }  # fmt: skip


# pg8000 leaves the socket of a broken connection to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_the_stores_server_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await store_kills(tmp_path, 2, monkeypatch)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_the_stores_server_is_killed_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report("kill -9 of the store's PostgreSQL", await store_kills(tmp_path, 60, monkeypatch), capsys)


# ------------------------------------------------------------------ clocks


async def clocks(here: Path, turns: int) -> dict[str, int]:
    chance = random.Random(1582)
    told = 0
    backwards = 0
    before = 0.0
    for turn in range(turns):
        now = [1_780_000_000.0 + chance.uniform(-1, 1) * 2 * 365 * 86400]
        log = await Log.open(url(here), clock=lambda now=now: now[0], checkpoint_every=7)
        for i in range(10):
            now[0] += chance.choice((1.0, 3600.0, -3600.0, -40 * 86400.0))
            backwards += now[0] < before
            before = now[0]
            await log.append(dataclasses.replace(sample(turn * 100 + i), at=now[0]))
            told += 1
        await log.close()
    with Reader(url(here)) as reader:
        walked = list(reader.walk(Selection()))
    assert [e.sequence for e in walked] == list(range(told))
    assert [e.value["decision"] for e in walked] == [
        f"0123abcd-{turn * 100 + i}" for turn in range(turns) for i in range(10)
    ]
    assert whole(here) == told
    months = len(list((here / "keys/months").iterdir()))
    return {
        "starts": turns, "times back": backwards, "acknowledged": told, "months' keys": months, "stored": len(walked),
        "lost": 0, "doubled": 0,
    }  # fmt: skip


async def test_clocks_that_jump(tmp_path: Path) -> None:
    assert (await clocks(tmp_path, 5))["times back"]


@pytest.mark.slow
async def test_clocks_that_jump_often(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report("clocks", await clocks(tmp_path, 100), capsys)
