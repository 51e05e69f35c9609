"""Making entries durable: group commit into segments.

Knows asyncio, one thread for the writing, and the directory of segments. Must not know the database, nor what a
record holds: `encode` turns waiting items into records, a whole commit at a time. Invariant: who handed an item in is
told so only when its record has been synced, and told of a failure when it has not; while a sync is under way further
items gather, and one sync then serves them all. Those of one turn of the event loop go together.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Generic, TypeVar

from redactor.errors import InternalError, LogUnavailable, RedactorError
from redactor.store.segment import Segment, left_behind

T = TypeVar("T")

Done = Callable[[RedactorError | None], None]
"""Called on the event loop: None: the item is durable; or why it is not."""

SEGMENT_BYTES = 16 << 20
COMMIT_ENTRIES = 512

PUBLIC = "the audit log cannot be written; what must be logged cannot be served"


def unavailable(error: Exception | str) -> LogUnavailable:
    """The error for whoever asked; why, in the private part."""
    return LogUnavailable(PUBLIC, str(error))


class Journal(Generic[T]):
    """The journal of one process. `segments()` is what a drain reads; it removes those that it is done with."""

    def __init__(
        self,
        directory: Path,
        encode: Callable[[Sequence[T]], list[bytes]],
        *,
        durable: Callable[[], None] = lambda: None,
        segment_bytes: int = SEGMENT_BYTES,
        sync: Callable[[int], None] = os.fdatasync,
    ) -> None:
        """`durable` is called, on the event loop, after each commit. LogUnavailable where the directory cannot be used.

        What other processes left behind in the directory is taken over at once.
        """
        self.entries = 0
        self.commits = 0
        self.problem = ""
        self._directory = directory
        self._encode = encode
        self._durable = durable
        self._segment_bytes = segment_bytes
        self._sync = sync
        self._waiting: list[tuple[T, Done]] = []
        self._committing: list[tuple[T, Done]] = []
        self._busy = False
        self._settled: asyncio.Future[None] | None = None
        self._closed = False
        self._lock = threading.Lock()
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._drainable = left_behind(directory)
            self._current: Segment | None = Segment.create(directory, secrets.token_hex(16), sync)
        except OSError as e:
            raise unavailable(e) from None
        self._drainable.append(self._current)
        self._loop = asyncio.get_running_loop()
        self._written: SimpleQueue[list[bytes] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write_always, name="redactor-journal", daemon=True)
        self._thread.start()

    def hand_in(self, item: T, done: Done) -> None:
        """Make the item durable, and call `done` then, or when that has failed; the next attempt is made anew.

        To be called on the event loop. LogUnavailable, at once, where no more items are taken.
        """
        if self._closed:
            raise unavailable("the journal is closed")
        self._waiting.append((item, done))
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._commit)

    async def append(self, item: T) -> None:
        """As `hand_in`; returns when the item is durable. LogUnavailable where that fails."""
        told: asyncio.Future[None] = self._loop.create_future()

        def done(failure: RedactorError | None) -> None:
            if told.done():
                return
            if failure is None:
                told.set_result(None)
            else:
                told.set_exception(failure)

        self.hand_in(item, done)
        await told

    def _commit(self) -> None:
        """Hands what waits to the thread; `_committed` is called when that is done."""
        while self._waiting:
            self._committing = self._waiting[:COMMIT_ENTRIES]
            del self._waiting[:COMMIT_ENTRIES]
            try:
                records = self._encode([item for item, _ in self._committing])
            except Exception as e:
                self._tell(self._failure(e))
            else:
                self._written.put(records)
                return
        self._busy = False
        if self._settled is not None and not self._settled.done():
            self._settled.set_result(None)

    def _committed(self, failure: Exception | None) -> None:
        if failure is None:
            self.entries += len(self._committing)
            self.commits += 1
            self.problem = ""
            self._tell(None)
            self._durable()
        else:
            self._tell(self._failure(failure))
        self._commit()

    def _failure(self, error: Exception) -> RedactorError:
        if isinstance(error, OSError):
            self.problem = str(error)
            return unavailable(error)
        self.problem = type(error).__name__
        return InternalError("an entry of the audit log could not be made", type(error).__name__)

    def _tell(self, failure: RedactorError | None) -> None:
        told, self._committing = self._committing, []
        for _, done in told:
            try:
                done(failure)
            except Exception as e:
                # whoever it was must not keep the others waiting
                self._loop.call_exception_handler({"message": "told that an entry is durable", "exception": e})

    def _write_always(self) -> None:
        while (records := self._written.get()) is not None:
            failure: Exception | None = None
            try:
                self._write(records)
            except Exception as e:
                failure = e
            try:
                self._loop.call_soon_threadsafe(self._committed, failure)
            except RuntimeError:
                # the loop has been closed: nobody is left to be told
                return

    def _write(self, records: list[bytes]) -> None:
        segment = self._current
        if segment is None or not segment.usable or segment.durable >= self._segment_bytes:
            if segment is not None:
                segment.full = True
                self._current = None
            segment = Segment.create(self._directory, secrets.token_hex(16), self._sync)
            self._current = segment
            with self._lock:
                self._drainable.append(segment)
        segment.append(records)

    def segments(self) -> list[Segment]:
        """All segments that may hold what is not in the store yet, oldest first. Any thread may ask."""
        with self._lock:
            return list(self._drainable)

    def adopt(self) -> None:
        """Take over what processes that have died since left behind. OSError where the directory cannot be read."""
        found = left_behind(self._directory)
        with self._lock:
            self._drainable = found + self._drainable

    def done_with(self, segment: Segment) -> None:
        """Forget a segment that is `full` and that the caller has removed or set aside."""
        with self._lock:
            self._drainable = [s for s in self._drainable if s is not segment]

    async def stop(self) -> None:
        """Take no more items, and wait until those that wait are durable (or have failed)."""
        self._closed = True
        if self._busy:
            self._settled = self._loop.create_future()
            await self._settled
        if self._current is not None:
            self._current.full = True
            self._current = None
        self._written.put(None)
        await asyncio.to_thread(self._thread.join)

    def close(self) -> None:
        """Give up all files; call `stop` first. What is not drained stays on disk for the next process."""
        for segment in self.segments():
            segment.close()
            self.done_with(segment)
