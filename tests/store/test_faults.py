"""Power loss, a store that is down for an hour, clocks that go back, two nodes killed: nothing lost or doubled."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import multiprocessing
import os
import random
import select
import shutil
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from redactor.audit.verifier import split_notes
from redactor.errors import LogUnavailable
from redactor.store import Log, Reader, Selection
from tests.audit.samples import sample
from tests.servers import Server, free_port
from tests.store import victim
from tests.store.campaign import report
from tests.store.opened import append, crash, decisions, names, opened, until, url, whole
from tests.store.power import Disk, Watch

# ------------------------------------------------------------------ power loss


async def power_losses(here: Path, trials: int, *, lying: bool = False) -> dict[str, int]:
    """So many power losses in a row on one log; gives the figures, having checked them. `lying`: the disk."""
    chance = random.Random(2026)
    acknowledged: list[str] = []
    place = here / "0"
    watch = Watch()
    unsynced = 0
    with watch.watching():
        for trial in range(trials):
            disk = watch.disks[str(place)] = Disk(place, lying=lying)
            log = await Log.open(url(place), sync=disk.sync, checkpoint_every=40)
            log._journal._segment_bytes = 20_000
            stop = asyncio.Event()
            workers = [asyncio.create_task(_work(log, stop, trial * 1_000_000 + i, acknowledged)) for i in range(20)]
            await asyncio.sleep(chance.uniform(0.01, 0.12))
            told = list(acknowledged)
            following = here / str(trial + 1)
            unsynced += sum(len(i.since) for i in list(disk.images.values()))
            # In a thread: the writing goes on while the disk is looked at, so that half-written records are met, too.
            await asyncio.to_thread(disk.after_power_loss, chance, following)
            stop.set()
            await asyncio.gather(*workers)
            await log.close()
            shutil.rmtree(place)
            place, acknowledged = following, told
        async with opened(place):
            pass
    there = Counter(decisions(place))
    lost, doubled = set(acknowledged) - set(there), [d for d, n in there.items() if n > 1]
    assert lost == set()
    assert doubled == []
    assert whole(place) == len(there)
    figures = {"trials": trials, "acknowledged": len(acknowledged), "stored": len(there), "lost": 0, "doubled": 0}
    return figures | {"writes of SQLite that were not synced": unsynced}


async def _work(log: Log, stop: asyncio.Event, number: int, acknowledged: list[str]) -> None:
    while not stop.is_set():
        await log.append(sample(number))
        acknowledged.append(f"0123abcd-{number}")
        number += 100


async def test_power_losses(tmp_path: Path) -> None:
    assert (await power_losses(tmp_path, 4))["acknowledged"] > 50


async def test_a_disk_that_lies_about_syncing_is_found_out(tmp_path: Path) -> None:
    """What the campaign looks for can be found: where syncs do nothing, entries are lost, or the store is broken."""
    with pytest.raises((AssertionError, LogUnavailable)):
        await power_losses(tmp_path, 8, lying=True)


@pytest.mark.slow
async def test_two_hundred_power_losses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report("power loss", await power_losses(tmp_path, 200), capsys)


# ------------------------------------------------------------------ a store that is away


@dataclass
class Line:
    """A line to a server that can be cut. `up`: whether it connects."""

    port: int
    up: bool = True


@asynccontextmanager
async def line_to(server: Server) -> AsyncIterator[Line]:
    writers: set[asyncio.StreamWriter] = set()
    line = Line(free_port())

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while line.up and (data := await reader.read(65536)):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not line.up:
            writer.transport.abort()
            return
        theirs, ours = await asyncio.open_connection("127.0.0.1", server.port)
        writers.update((writer, ours))
        await asyncio.gather(copy(reader, ours), copy(theirs, writer))

    async def watch() -> None:
        while True:
            if not line.up:
                for writer in writers:
                    writer.transport.abort()
                writers.clear()
            await asyncio.sleep(0.01)

    listening = await asyncio.start_server(connected, "127.0.0.1", line.port)
    watching = asyncio.create_task(watch())
    try:
        yield line
    finally:
        watching.cancel()
        line.up = False
        for writer in writers:
            writer.transport.abort()
        listening.close()
        await asyncio.sleep(0.1)  # what still copies ends by itself


@pytest.fixture
def database(postgres18: Server) -> str:
    with psycopg.connect(postgres18.dsn(), autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS logged WITH (FORCE)")
        admin.execute("CREATE DATABASE logged")
    return postgres18.dsn("logged")


# pg8000 leaves the socket of a broken connection to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_store_that_is_down_for_an_hour(database: str, postgres18: Server, tmp_path: Path) -> None:
    await hour_without(database, postgres18, tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_store_that_is_down_for_an_hour_reported(
    database: str, postgres18: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report("store away", await hour_without(database, postgres18, tmp_path), capsys)


async def hour_without(database: str, postgres18: Server, tmp_path: Path) -> dict[str, int]:
    """An hour by the log's clock, 3600 refusals: the line to PostgreSQL is cut, and there again at the end."""
    now = [1_780_000_000.0]
    async with line_to(postgres18) as line:
        store = database.replace(str(postgres18.port), str(line.port))
        log = await Log.open(store, tmp_path, clock=lambda: now[0])
        log._journal._segment_bytes = 200_000
        await append(log, range(10))
        await log.flush()
        line.up = False
        await asyncio.sleep(0.05)
        for minute in range(60):
            await append(log, range(10 + minute * 60, 70 + minute * 60))
            now[0] += 60
        await until(lambda: log.health().store_problem)
        health = log.health()
        assert health.ok
        assert health.behind > 1_000_000
        assert health.stored == 10
        line.up = True
        await until(lambda: not log.health().behind and not log.health().store_problem, seconds=40)
        await log.close()
    with Reader(database, tmp_path) as reader:
        assert Counter(e.value["decision"] for e in reader.walk(Selection())) == Counter(names(range(3610)))
        assert reader.verify((tmp_path / "log.pub").read_text().strip()).ok
    assert list((tmp_path / "journal").iterdir()) == []
    gc.collect()
    return {"refusals": 3600, "bytes in the journal": health.behind, "stored": 3610, "lost": 0, "doubled": 0}


# ------------------------------------------------------------------ clocks


async def test_a_clock_that_goes_back(tmp_path: Path) -> None:
    """The order is that of the sequence; what was signed stays signed; nothing is retired before its time."""
    for start in (2_000_000_000.0, 1_000_000_000.0, 1_500_000_000.0):
        now = [start]
        log = await Log.open(url(tmp_path), clock=lambda now=now: now[0], checkpoint_seconds=0.01)
        for i in range(20):
            now[0] -= 3600.0
            await log.append(dataclasses.replace(sample(int(start / 1e8) * 100 + i), at=now[0]))
        await log.close()
    assert whole(tmp_path) == 60
    with Reader(url(tmp_path)) as reader:
        walked = list(reader.walk(Selection()))
    assert [e.sequence for e in walked] == list(range(60))
    assert [e.value["at"] for e in walked] != sorted(e.value["at"] for e in walked)
    sizes = [int(n.split("\n")[1]) for n in split_notes((tmp_path / "checkpoints.txt").read_text())]
    assert sizes == sorted(set(sizes))


# ------------------------------------------------------------------ two nodes on one store


class Node:
    """A process that logs into the common store; `said`: what was acknowledged to its clients."""

    def __init__(self, directory: Path, store: str, start: int) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.store.victim"])
        self._mine, theirs = context.Pipe(duplex=False)
        self.process = context.Process(target=victim.run, args=(directory, theirs, start, store), daemon=True)
        self.process.start()
        theirs.close()
        self.said = b""

    def listen(self, seconds: float, begun: bool) -> None:
        """Hear what is acknowledged; `begun`: wait for the first before the time runs."""
        end = time.monotonic() + (seconds if self.said or not begun else 30)
        while (left := end - time.monotonic()) > 0:
            if select.select([self._mine.fileno()], [], [], left)[0]:
                data = os.read(self._mine.fileno(), 1 << 16)
                assert data, "a node ended by itself"
                end = end if self.said or not begun else time.monotonic() + seconds
                self.said += data

    def kill(self) -> list[str]:
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)
        while data := os.read(self._mine.fileno(), 1 << 16):
            self.said += data
        self.process.join()
        self._mine.close()
        return self.said.decode().split("\n")[:-1]


async def two_nodes(here: Path, store: str, kills: int) -> dict[str, int]:
    chance = random.Random(54)
    log = await Log.open(store, here / "a")
    await log.close()
    (here / "b").mkdir()
    shutil.copytree(here / "a/keys", here / "b/keys")
    shutil.copy(here / "a/log.pub", here / "b/log.pub")
    acknowledged: list[str] = []
    nodes: dict[str, Node] = {}
    for trial in range(kills):
        for name in ("a", "b"):
            if name not in nodes:
                nodes[name] = Node(here / name, store, (2 * trial + (name == "b")) * 1_000_000)
        for node in nodes.values():
            # Every fifth time a node may be killed while it starts, and takes over what it left behind.
            await asyncio.to_thread(node.listen, chance.uniform(0.05, 0.3), trial % 5 > 0)
        acknowledged += nodes.pop(chance.choice("ab")).kill()
    for node in nodes.values():
        acknowledged += node.kill()
    for name in ("a", "b"):  # each node's next start stores what its journal still has
        log = await Log.open(store, here / name)
        await log.close()
    with Reader(store, here / "a") as reader:
        there = Counter(e.value["decision"] for e in reader.walk(Selection()))
        kept = [n for name in ("a", "b") for n in split_notes((here / name / "checkpoints.txt").read_text())]
        verified = reader.verify((here / "a/log.pub").read_text().strip(), kept)
    assert verified.ok, verified.wrong[:3]
    assert verified.entries == sum(there.values())
    assert set(acknowledged) <= set(there)
    assert [d for d, n in there.items() if n > 1] == []
    assert len(acknowledged) > kills
    figures = {"kills": kills + 1, "acknowledged": len(acknowledged), "stored": len(there), "lost": 0, "doubled": 0}
    return figures | {"checkpoints compared": len(kept), "forks": 0}


async def test_two_nodes_on_one_store_are_killed(database: str, tmp_path: Path) -> None:
    await two_nodes(tmp_path, database, 2)


@pytest.mark.slow
async def test_two_nodes_on_one_store_are_killed_often(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report("kill -9 of two nodes on one PostgreSQL store", await two_nodes(tmp_path, database, 100), capsys)


async def test_a_crash_in_the_middle_of_a_key_change_under_load(tmp_path: Path) -> None:
    """Logging goes on while the key is changed again and again; a crash follows."""
    log = await Log.open(url(tmp_path))
    for turn in range(4):
        await asyncio.gather(append(log, range(turn * 50, turn * 50 + 50)), log.change_key())
    await append(log, range(200, 220))
    await crash(log)
    async with opened(tmp_path) as again:
        assert again.health().stored == 224
    with Reader(url(tmp_path)) as reader:
        assert reader.verify((tmp_path / "log.pub").read_text().partition("\n")[0]).ok


async def test_a_node_starts_and_an_auditor_verifies_while_another_writes(database: str, tmp_path: Path) -> None:
    """What is counted and what the head says must be of one moment, or false alarms would keep a node from starting."""
    one = await Log.open(database, tmp_path / "a", checkpoint_every=5)
    stop = asyncio.Event()
    shutil.copytree(tmp_path / "a/keys", tmp_path / "b/keys")
    shutil.copy(tmp_path / "a/log.pub", tmp_path / "b/log.pub")
    key = (tmp_path / "a/log.pub").read_text()

    def verify() -> list[object]:
        with Reader(database, tmp_path / "a") as reader:
            return list(reader.verify(key).wrong)

    writers = [asyncio.create_task(_work(one, stop, i, [])) for i in range(8)]
    try:
        for _ in range(5):
            two = await Log.open(database, tmp_path / "b")
            assert await asyncio.to_thread(verify) == []
            await two.close()
    finally:
        stop.set()
        await asyncio.gather(*writers)
        await one.close()
