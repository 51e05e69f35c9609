"""A journal's file: records written one after the other, each with its length, checksum and number.

Knows bytes and file descriptors; blocking, so never called on an event loop. Must not know what a record holds.
Invariant: what lies before `durable` was synced, is whole, and is never written again; what a crash or a full disk
left behind it is found by its checksum and cut off.

A file is HEADER, 32 hex digits of its id, a newline, then records: 4 bytes length, 4 bytes CRC-32 of number and
payload, 8 bytes number (big-endian, from 0, one more each), payload. The process that writes or drains a segment holds
an exclusive flock on it, so that several processes can share a directory and take over from those that died.
"""

from __future__ import annotations

import fcntl
import os
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from redactor.store.files import sync_directory, write

HEADER = b"redactor journal 1\n"
START = len(HEADER) + 33
HEAD = 16
RECORD_LIMIT = 64 << 20
SUFFIX = ".journal"


class Rec(NamedTuple):
    """A record as it was read. `end` is the offset behind it."""

    number: int
    payload: bytes
    end: int


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that are no record: `offset`, and how many.

    `torn`: they look like what a crash leaves of the last write, which was never acknowledged. Otherwise they may
    have held records that were.
    """

    offset: int
    length: int
    torn: bool


def _pack(number: int, payload: bytes) -> bytes:
    rest = number.to_bytes(8, "big") + payload
    return len(payload).to_bytes(4, "big") + zlib.crc32(rest).to_bytes(4, "big") + rest


def _record(data: bytes | memoryview, at: int, below: int) -> tuple[int, int] | None:
    """(number, end) of the record at that offset, or None; its number must be at least `below`."""
    if at + HEAD > len(data):
        return None
    length = int.from_bytes(data[at : at + 4], "big")
    end = at + HEAD + length
    number = int.from_bytes(data[at + 8 : at + 16], "big")
    if length > RECORD_LIMIT or end > len(data) or not below <= number < 1 << 32:
        return None
    if zlib.crc32(data[at + 8 : end]) != int.from_bytes(data[at + 4 : at + 8], "big"):
        return None
    return number, end


class Segment:
    """An open, locked file of a journal. Made by `create` or `adopt`; `close` gives up the lock."""

    __slots__ = ("_adopted", "_fd", "_next", "_sync", "durable", "full", "id", "path", "usable")

    def __init__(self, path: Path, fd: int, name: str, sync: Callable[[int], None]) -> None:
        self.path = path
        self.id = name
        self.durable = START
        self.full = False
        self.usable = True
        self._adopted = False
        self._fd = fd
        self._next = 0
        self._sync = sync

    @staticmethod
    def create(directory: Path, name: str, sync: Callable[[int], None] = os.fdatasync) -> Segment:
        """A new segment; `name`: 32 hex digits never used before. OSError where it cannot be made durable."""
        path, unborn = directory / (name + SUFFIX), directory / (name + ".new")
        fd = os.open(unborn, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            write(fd, HEADER + name.encode() + b"\n")
            sync(fd)
            unborn.rename(path)  # it is locked by now, so nobody can take it for one that was left behind
            sync_directory(directory)
        except BaseException:
            os.close(fd)
            unborn.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            raise
        return Segment(path, fd, name, sync)

    @staticmethod
    def adopt(path: Path) -> Segment | None:
        """A segment that a process left behind, for reading; None where one still holds it, or it has gone."""
        try:
            fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        segment = Segment(path, fd, path.stem, os.fdatasync)
        segment.durable = os.fstat(fd).st_size
        segment.full = segment._adopted = True
        return segment

    def append(self, payloads: Sequence[bytes]) -> None:
        """Write the records and sync them, all or none.

        OSError where that fails (no room, no disk): the file is put back as it was, or else `usable` becomes False and
        another segment must be begun.
        """
        if any(len(p) > RECORD_LIMIT for p in payloads):
            raise ValueError(f"a record of the journal has at most {RECORD_LIMIT} bytes")
        records = b"".join(_pack(n, p) for n, p in enumerate(payloads, self._next))
        try:
            write(self._fd, records)
        except OSError:
            self._cut()
            raise
        try:
            self._sync(self._fd)
        except OSError:
            # What a failed sync left on disk cannot be known, and a second sync would report success.
            self.usable = False
            self._cut()
            raise
        self.durable += len(records)
        self._next += len(payloads)

    def _cut(self) -> None:
        try:
            os.ftruncate(self._fd, self.durable)
        except OSError:
            self.usable = False

    def read(self, offset: int, limit: int) -> tuple[list[Rec], Damage | None]:
        """Up to about `limit` bytes of records from an offset (0: the first), and what stopped the reading, if any.

        Only what is durable is read. Damage comes without records: go on behind it, at offset + length.
        """
        offset = max(offset, START)
        room = self.durable - offset
        if room <= 0:
            return [], None
        data = os.pread(self._fd, min(room, max(limit, HEAD)), offset)
        head = int.from_bytes(data[:4], "big") if len(data) >= HEAD else 0
        if len(data) < room and head + HEAD > len(data) and head <= RECORD_LIMIT:
            data = os.pread(self._fd, min(room, head + HEAD), offset)
        records = list(_records(data, offset))
        return records, None if records else self._damage(offset)

    def _damage(self, offset: int) -> Damage:
        data = memoryview(os.pread(self._fd, self.durable - offset, offset))
        for at in range(1, len(data)):
            if _record(data, at, 0):
                return Damage(offset, at, False)
        short = len(data) < HEAD or HEAD + int.from_bytes(data[:4], "big") > len(data)
        return Damage(offset, len(data), self._adopted and (short or not any(data)))

    def remove(self) -> None:
        """Delete the file, all of it being in the store, and give up the lock."""
        self.path.unlink(missing_ok=True)
        self.close()

    def set_aside(self) -> Path:
        """Keep a damaged file under another name, for a person to look at, and give up the lock."""
        target = self.path.with_suffix(".damaged")
        self.path.rename(target)
        self.close()
        return target

    def close(self) -> None:
        """Give up the file and its lock."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _records(data: bytes, offset: int) -> Iterator[Rec]:
    at = below = 0
    while found := _record(data, at, below):
        number, end = found
        yield Rec(number, data[at + HEAD : end], offset + end)
        at, below = end, number + 1


def left_behind(directory: Path) -> list[Segment]:
    """All segments in the directory that nobody holds, oldest first. What was never finished being made is removed."""
    for unborn in directory.glob("*.new"):
        if _modified(unborn) < time.time() - 60:
            unborn.unlink(missing_ok=True)
    paths = sorted(directory.glob("*" + SUFFIX), key=lambda p: (_modified(p), p.name))
    return [s for p in paths if (s := Segment.adopt(p)) is not None]


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
