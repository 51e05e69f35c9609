"""kill -9 of the whole service, with clients connected to it: whoever was answered is in the log, once.

Clients send statements that are refused and statements that are rewritten, each with a literal of its own; an answer
of either kind may leave only when the entry is on disk. The digest in an entry (HMAC of the text, under a key that the
test has) says which statement it is about.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import itertools
import logging
import multiprocessing
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import psycopg
import pytest
import structlog

from redactor.store import Log, Reader, Selection
from tests.cli.test_serve import Installation, counter
from tests.store.campaign import report

__all__ = ["counter"]

CLIENTS = 6


def serve(directory: Path, ready: Connection) -> None:
    """The service as `redactor serve` runs it; says its port's number when it listens. Never returns."""
    import uvloop

    from redactor.cli.judging import usable
    from redactor.cli.service import running

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))

    async def work() -> None:
        async with running(usable(directory / "redactor.yaml")):
            os.write(ready.fileno(), b"ready\n")
            await asyncio.Event().wait()

    uvloop.run(work())


def begin(directory: Path) -> tuple[multiprocessing.process.BaseProcess, Connection]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.store.test_kill_proxy", "redactor.cli.service", "uvloop"])
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=serve, args=(directory, theirs), daemon=True)
    process.start()
    theirs.close()
    return process, mine


async def client(port: int, texts: Iterator[str], answered: list[str]) -> None:
    """One statement after the other until the connection breaks; `answered`: the texts that got an answer."""
    with contextlib.suppress(psycopg.OperationalError, OSError):
        async with await psycopg.AsyncConnection.connect(
            host="127.0.0.1", port=port, dbname="counter", user="ordinary", autocommit=True, connect_timeout=5
        ) as connection:
            for text in texts:
                with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
                    await connection.execute(text)
                answered.append(text)


def statements() -> Iterator[str]:
    for n in itertools.count():
        yield f"SELECT name FROM people WHERE status = 'kept {n}'"  # refused
        yield f"SELECT name, status, 'kept {n}' FROM people"  # rewritten


async def kills(installation: Installation, trials: int) -> dict[str, int]:
    chance = random.Random(1868)
    texts, answered = statements(), list[str]()
    killed_at_start = 0
    for trial in range(trials):
        process, ready = begin(installation.directory)
        assert process.pid is not None
        if trial % 6 == 0:
            await asyncio.sleep(chance.uniform(0, 0.6))  # while it starts, and stores what the one before left behind
            killed_at_start += not ready.poll()
        else:
            until = time.monotonic() + 30
            while not ready.poll():
                assert process.is_alive(), "the service ended by itself"
                assert time.monotonic() < until, "the service did not start"
                await asyncio.sleep(0.005)
            clients = [asyncio.create_task(client(installation.port, texts, answered)) for _ in range(CLIENTS)]
            await asyncio.sleep(chance.uniform(0.05, 0.5))
            os.kill(process.pid, signal.SIGKILL)
            await asyncio.gather(*clients)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        ready.close()
    figures = {"kills": trials, "while it started": killed_at_start}
    return figures | await compared(installation, answered, 2 * trials)


async def compared(installation: Installation, answered: list[str], at_least: int) -> dict[str, int]:
    """Whether all that was answered is in the log, once; the figures."""
    store = f"sqlite:///{installation.directory}/store/redactor.db"
    log = await Log.open(store)
    key = log.keys.digest
    await log.close()
    with Reader(store) as reader:
        there = Counter(e.value["digest"] for e in reader.walk(Selection()))
        verified = reader.verify((installation.directory / "store/log.pub").read_text().strip())
    assert verified.ok, verified.wrong[:3]
    assert verified.entries == sum(there.values())
    digests = [hmac.digest(key, text.encode(), "sha256").hex() for text in answered]
    assert [d for d in digests if not there[d]] == []
    assert [d for d, n in there.items() if n > 1] == []
    assert len(answered) > at_least
    return {"answered": len(answered), "stored": verified.entries, "lost": 0, "doubled": 0}


async def test_the_service_is_killed_with_clients_on_it(counter: Installation) -> None:
    await kills(counter, 3)


@pytest.mark.slow
async def test_the_service_is_killed_five_hundred_times(
    counter: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    report("kill -9 of the whole service, clients connected", await kills(counter, 500), capsys)


# ------------------------------------------------------------------ several processes


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    return [int(p) for p in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


async def worker_kills(installation: Installation, trials: int) -> dict[str, int]:
    """Workers of a service are killed one by one; every eighth time the process above them, and it is started again."""
    chance = random.Random(1850)
    texts, answered = statements(), list[str]()
    installation.configure(workers="2")
    above = 0
    process = installation.serve()
    for trial in range(trials):
        clients = [asyncio.create_task(client(installation.port, texts, answered)) for _ in range(CLIENTS)]
        await asyncio.sleep(chance.uniform(0.1, 0.5))
        if trial % 8 == 7:
            orphans = workers_of(process)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            above += 1
            await asyncio.gather(*clients)
            await until_true(lambda orphans=orphans: not any(Path(f"/proc/{p}").exists() for p in orphans))  # type: ignore[misc]
            begun = installation.events().count("listening")
            process = installation.start()
            await until_true(lambda begun=begun: installation.events().count("listening") > begun)  # type: ignore[misc]
            continue
        there = workers_of(process)
        if there:
            os.kill(chance.choice(there), signal.SIGKILL)
        await asyncio.sleep(chance.uniform(0, 0.3))
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    return {"kills": trials, "of them the process above": above} | await compared(installation, answered, 2 * trials)


async def until_true(holds: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.mark.slow
async def test_workers_are_killed_a_hundred_times(counter: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    report("kill -9 of workers and of the process above them", await worker_kills(counter, 100), capsys)
