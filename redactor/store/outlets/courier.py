"""Carrying what the store has to the outlets, each at its own pace, and remembering how far each has come.

Knows the store, asyncio and a small state file for each outlet. Must not be waited for by whoever logs. Invariant: an
outlet's state moves on only when it has taken what it was given; of several processes that share the directory one at
a time serves an outlet.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import structlog
from sqlalchemy import func, select

from redactor.audit import tree
from redactor.errors import LogUnavailable
from redactor.store import ledger
from redactor.store.database import Database
from redactor.store.files import replace
from redactor.store.outlets.address import forwarder, identity, publisher, shown
from redactor.store.outlets.outlet import Forwarder, OtherHistory, Publisher, Undelivered
from redactor.store.tables import entries

LOOK_SECONDS = 1.0
RETRY_SECONDS = 2.0
RETRY_AT_MOST = 60.0
LAST_SECONDS = 5.0
BATCH = 500

logger = structlog.get_logger("redactor.log")


@dataclass(slots=True)
class Delivery:
    """How an outlet is doing. `at`: entries (or the checkpoint's size) that it has; `problem`: why not more."""

    to: str
    kind: str
    name: str
    at: int = 0
    problem: str = ""


class Courier:
    """Serves the outlets of one log from `start` to `close`."""

    def __init__(self, database: Database, directory: Path, publish: Sequence[str], forward: Sequence[str]) -> None:
        """`directory`: the log's. ConfigurationError where a URL is none that is known."""
        self._database = database
        self._state = directory / "outlets"
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._rounds: list[tuple[Delivery, Callable[[Delivery, int], int]]] = []
        for url in publish:
            made = publisher(url, self._state, self._consistency)
            self._rounds.append((Delivery(shown(url), "publish", identity(url)), self._publishing(made)))
        for url in forward:
            self._rounds.append((Delivery(shown(url), "forward", identity(url)), self._forwarding(forwarder(url))))

    @property
    def deliveries(self) -> list[Delivery]:
        """How each outlet is doing."""
        return [delivery for delivery, _ in self._rounds]

    def start(self) -> None:
        """Begin, on the running event loop."""
        for delivery, work in self._rounds:
            self._tasks.append(asyncio.create_task(self._serve(delivery, work), name=f"redactor-{delivery.kind}"))

    async def close(self) -> None:
        """Give each outlet a last chance, for a few seconds, and stop."""
        self._stopping.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=LAST_SECONDS)
            for task in late:
                task.cancel()

    async def _serve(self, delivery: Delivery, work: Callable[[Delivery, int], int]) -> None:
        patience = RETRY_SECONDS
        while True:
            last = self._stopping.is_set()
            try:
                await asyncio.to_thread(self._round, delivery, work)
                delivery.problem, patience, pause = "", RETRY_SECONDS, LOOK_SECONDS
            except (Undelivered, LogUnavailable, OSError) as e:
                why = e.public if isinstance(e, LogUnavailable) else str(e)
                if why != delivery.problem:
                    grave = isinstance(e, OtherHistory)
                    (logger.error if grave else logger.warning)("an outlet does not take", to=delivery.to, why=why)
                delivery.problem, pause = why, patience
                patience = min(patience * 2, RETRY_AT_MOST)
            if last:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    def _round(self, delivery: Delivery, work: Callable[[Delivery, int], int]) -> None:
        with self._alone(delivery) as file:
            if file is None:
                return
            try:
                at = int(json.loads(file.read_bytes())["at"])
            except FileNotFoundError:
                at = 0
            except (ValueError, KeyError, TypeError):
                at = 0  # all of it again, rather than something not at all
            while (new := work(delivery, at)) > at:
                at = new
                replace(file, orjson.dumps({"at": at, "kind": delivery.kind, "to": delivery.to}), 0o600)
            delivery.at = at

    @contextmanager
    def _alone(self, delivery: Delivery) -> Iterator[Path | None]:
        """The outlet's state file, or None while another process serves the outlet."""
        self._state.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{delivery.kind}-{delivery.name}"
        fd = os.open(self._state / f"{name}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield self._state / f"{name}.json"
        except BlockingIOError:
            yield None
        finally:
            os.close(fd)

    def _publishing(self, place: Publisher) -> Callable[[Delivery, int], int]:
        def work(delivery: Delivery, at: int) -> int:
            notes = self._database.call(lambda c: ledger.notes_after(c, at))
            if not notes:
                return at
            notes = notes[:BATCH] if place.everything else notes[-1:]
            for line in place.publish(notes):
                size = notes[-1][0]
                self._database.call(lambda c, s=size, t=line: ledger.cosign(c, s, t), write=True)  # type: ignore[misc]
            return notes[-1][0]

        return work

    def _forwarding(self, place: Forwarder) -> Callable[[Delivery, int], int]:
        def work(delivery: Delivery, at: int) -> int:
            query = select(entries.c.leaf).where(entries.c.sequence >= at).order_by(entries.c.sequence).limit(BATCH)
            found = self._database.call(lambda c: list(c.execute(query).scalars()))
            if not found:
                size = self._database.call(lambda c: c.execute(select(func.count()).select_from(entries)).scalar())
                if (size or 0) < at:
                    raise Undelivered(f"it has been given {at} entries, and the store has {size}: it was put back")
                return at
            place.forward([orjson.loads(leaf) for leaf in found])
            return at + len(found)

        return work

    def _consistency(self, old: int, new: int) -> list[bytes]:
        return self._database.call(lambda c: tree.consistency(old, new, ledger.nodes(c)))
