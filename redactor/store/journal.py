"""Making entries durable: group commit into segments.

Knows asyncio, one thread for the writing, and the directory of segments. Must not know the database, nor what a
record holds: `encode` turns waiting items into records, a whole commit at a time. Invariant: `append` returns only
when the item's record has been synced, and raises LogUnavailable when it has not; while a sync is under way further
items gather, and one sync then serves them all.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Generic, TypeVar

from redactor.errors import InternalError, LogUnavailable
from redactor.store.segment import Segment, left_behind

T = TypeVar("T")

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
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._committer: asyncio.Task[None] | None = None
        self._closed = False
        self._lock = threading.Lock()
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._drainable = left_behind(directory)
            self._current: Segment | None = Segment.create(directory, secrets.token_hex(16), sync)
        except OSError as e:
            raise unavailable(e) from None
        self._drainable.append(self._current)
        self._thread = ThreadPoolExecutor(1, "redactor-journal")

    async def append(self, item: T) -> None:
        """Make the item durable. LogUnavailable where that fails; the next attempt is made anew."""
        if self._closed:
            raise unavailable("the journal is closed")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((item, done))
        if self._committer is None:
            self._committer = loop.create_task(self._commit(), name="redactor-commit")
        await done

    async def _commit(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch = self._waiting[:COMMIT_ENTRIES]
                del self._waiting[:COMMIT_ENTRIES]
                failure: Exception | None = None
                try:
                    records = self._encode([item for item, _ in batch])
                    await loop.run_in_executor(self._thread, self._write, records)
                    self.entries += len(batch)
                    self.commits += 1
                    self.problem = ""
                except OSError as e:
                    self.problem = str(e)
                    failure = unavailable(e)
                except Exception as e:
                    self.problem = type(e).__name__
                    failure = InternalError("an entry of the audit log could not be made", type(e).__name__)
                for _, done in batch:
                    if done.done():
                        continue
                    if failure is None:
                        done.set_result(None)
                    else:
                        done.set_exception(failure)
                if failure is None:
                    self._durable()
        finally:
            self._committer = None

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
        while self._committer is not None:
            await asyncio.wait([self._committer])
        if self._current is not None:
            self._current.full = True
            self._current = None
        self._thread.shutdown()

    def close(self) -> None:
        """Give up all files; call `stop` first. What is not drained stays on disk for the next process."""
        for segment in self.segments():
            segment.close()
            self.done_with(segment)
