"""Several processes behind one port: this one accepts and hands clients over; its workers do everything else.

Knows processes, and what is said on their lines (`redactor.cli.seat` knows the other half). Must not know protocols,
policies or the log. Invariants: a client is in one worker's hands from its first byte on; a worker that ends is
started again and takes nobody else with it; when this process ends, no worker is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
from collections.abc import Awaitable
from dataclasses import dataclass, field

from redactor.cli import oplog
from redactor.cli.companion import attend
from redactor.cli.seat import WORKER
from redactor.cli.service import CannotServe, why_not
from redactor.config import Config
from redactor.proxy.doorstep import sockets
from redactor.proxy.line import Line, LineLost, Message, pair
from redactor.proxy.room import Room

AGAIN_SECONDS = 1.0
AGAIN_AT_MOST = 30.0
STOP_SECONDS = 20.0
_FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def count_of(config: Config) -> int:
    """How many processes the configuration asks for."""
    if config.workers:
        return config.workers
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(slots=True)
class Worker:
    """One process. `clients`: the ids of those that have entered; `handed`: how many it was given, by which equals take
    turns. `stale`: databases that changed while it began.
    """

    number: int
    process: asyncio.subprocess.Process
    line: Line
    ready: bool = False
    handed: int = 0
    clients: set[str] = field(default_factory=set)
    stale: set[str] = field(default_factory=set)


class Workers:
    """All of them. `run` works until it is cancelled."""

    def __init__(self, config: Config, wait: bool) -> None:
        self._config = config
        self._wait = wait
        self._room = Room(config.limits.connections, config.limits.connections_per_login)
        self._workers: dict[int, Worker] = {}
        self._some_ready = asyncio.Event()
        self._changed = asyncio.Event()
        self._port = 0

    async def run(self) -> None:
        """Listens, starts the workers and keeps them; ends them when cancelled. Raises CannotServe."""
        log, address = oplog.logger(), self._config.listen
        try:
            listening = sockets(None if address.host == "*" else address.host, address.port)
        except OSError as e:
            raise CannotServe(why_not(self._config, "listen", address, e)) from e
        self._port = int(listening[0].getsockname()[1])
        keeping: list[asyncio.Task[None]] = []
        try:
            # the first makes what all of them share, such as keys and tables
            keeping.append(asyncio.create_task(self._keep(0), name="worker-0"))
            await self._begun(keeping[0], 1)
            keeping += [
                asyncio.create_task(self._keep(n), name=f"worker-{n}") for n in range(1, count_of(self._config))
            ]
            for task in keeping:
                await self._begun(task, len(keeping))
            log.info("listening", address=str(address), port=self._port, workers=len(keeping))
            keeping += [asyncio.create_task(self._accept(s), name="accept") for s in listening]
            if self._config.console is not None:
                keeping.append(asyncio.create_task(attend(self._config.file), name="console"))
            ended, _ = await asyncio.wait(keeping, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                await task
        finally:
            for s in listening:
                s.close()
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)

    def reload(self) -> None:
        """Has every worker read its files anew."""
        for worker in self._workers.values():
            with contextlib.suppress(ProcessLookupError):
                worker.process.send_signal(signal.SIGHUP)

    async def _begun(self, task: asyncio.Task[None], wanted: int) -> None:
        """Returns when so many are ready; raises what a worker's task ended with."""
        while sum(w.ready for w in self._workers.values()) < wanted:
            if task.done():
                await task
            changed = asyncio.create_task(self._changed.wait())
            await asyncio.wait((task, changed), return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()
            self._changed.clear()

    # -------------------------------------------------------------- one worker

    async def _keep(self, number: int) -> None:
        """Starts a worker, and again whenever it ends. CannotServe where it ends before it was ever ready."""
        log, patience, was_ready = oplog.logger(), AGAIN_SECONDS, False
        while True:
            worker = await self._start(number)
            try:
                code = await worker.process.wait()
            finally:
                await self._end(worker)
            was_ready = was_ready or worker.ready
            if not was_ready:
                raise CannotServe(f"worker {number} ended before it was ready; it has said why")
            patience = AGAIN_SECONDS if worker.ready else min(patience * 2, AGAIN_AT_MOST)
            log.error("a worker has ended; it is started again", worker=number, code=code, seconds=patience)
            self._gone(worker)
            await asyncio.sleep(patience)

    async def _start(self, number: int) -> Worker:
        here, there = pair()
        options = ["--wait"] if self._wait else []
        with there:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "redactor", "serve", "-c", str(self._config.file), *options),
                stdin=asyncio.subprocess.DEVNULL,
                env=dict(os.environ, **{WORKER: f"{number}:{there.fileno()}"}),
                pass_fds=(there.fileno(),),
                start_new_session=True,  # Ctrl-C is for this process, which then ends them
            )
        line = Line(here, lambda what, message, _: self._hear(worker, what, message), lambda: None)
        worker = Worker(number, process, line)
        self._workers[number] = worker
        return worker

    async def _end(self, worker: Worker) -> None:
        if worker.process.returncode is None:
            worker.process.terminate()
            try:
                await asyncio.wait_for(worker.process.wait(), STOP_SECONDS)
            except TimeoutError:
                worker.process.kill()
                await worker.process.wait()
        worker.line.close()

    def _gone(self, worker: Worker) -> None:
        del self._workers[worker.number]
        for id in worker.clients:
            self._room.leave(id)
        if not any(w.ready for w in self._workers.values()):
            self._some_ready.clear()

    # -------------------------------------------------------------- clients

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._some_ready.wait()
            try:
                client, _ = await loop.sock_accept(listening)
            except OSError as e:
                if e.errno in _FULL:
                    await asyncio.sleep(0.2)
                continue
            ready = [w for w in self._workers.values() if w.ready]
            if not ready:
                client.close()
                continue
            worker = min(ready, key=lambda w: (len(w.clients), w.handed))
            worker.handed += 1
            worker.line.tell("client", passed=client)

    # -------------------------------------------------------------- what workers say

    def _hear(self, worker: Worker, what: str, message: Message) -> Awaitable[object] | None:
        match what:
            case "ready":
                return self._open(worker)
            case "enter":
                return self._enter(worker, str(message["id"]), str(message["login"]))
            case "leave":
                worker.clients.discard(str(message["id"]))
                self._room.leave(str(message["id"]))
                return None
            case "cancel":
                return self._ask_others(worker, "cancel", {"key": message["key"]})
            case "refresh" | "outdate":
                return self._changed_here(worker, what, str(message["database"]))
            case _:
                raise AssertionError(f"nobody says {what}")

    async def _open(self, worker: Worker) -> None:
        while worker.stale:
            # its catalogs may be older than what was changed while it read them
            for database in sorted(worker.stale):
                worker.stale.discard(database)
                if await worker.line.ask("refresh", {"database": database}):
                    worker.stale.add(database)
                    await asyncio.sleep(AGAIN_SECONDS)
        worker.ready = True
        worker.handed = max((w.handed for w in self._workers.values() if w.ready), default=0)
        self._some_ready.set()
        self._changed.set()

    async def _enter(self, worker: Worker, id: str, login: str) -> object:
        problem = self._room.enter(id, login)
        if problem is None:
            worker.clients.add(id)
            return None
        return [problem.sqlstate, problem.message, problem.detail, problem.hint]

    async def _changed_here(self, worker: Worker, what: str, database: str) -> object:
        for other in self._workers.values():
            if not other.ready:
                other.stale.add(database)
        return any(await self._ask_others(worker, what, {"database": database}))

    async def _ask_others(self, worker: Worker, what: str, parts: Message) -> list[object]:
        """The answers of all workers that are ready but that one; of one that has just ended, there is none."""
        others = [w.line.ask(what, parts) for w in self._workers.values() if w is not worker and w.ready]
        answers = await asyncio.gather(*others, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, LineLost):
                raise answer
        return [a for a in answers if not isinstance(a, LineLost)]


async def supervise(config: Config, wait: bool, reloading: asyncio.Event) -> None:
    """Runs the workers until cancelled; `reloading`: set whenever they shall read their files anew."""
    workers = Workers(config, wait)
    running = asyncio.create_task(workers.run(), name="workers")
    try:
        while not running.done():
            told = asyncio.create_task(reloading.wait())
            await asyncio.wait((running, told), return_when=asyncio.FIRST_COMPLETED)
            told.cancel()
            if reloading.is_set():
                reloading.clear()
                workers.reload()
        await running
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
