"""Small files that must be whole or not there, and files that only grow.

Knows the file system. Must not know what the files are for. Invariants: what `keep` and `replace` have put in place is
on disk for good when they return, its name included; what `extend` could not add whole is not there.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write(fd: int, data: bytes) -> None:
    """Write all of it."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def extend(fd: int, before: int, data: bytes) -> None:
    """Add to a file of `before` bytes, and sync. OSError where that fails: the file is cut off there again."""
    try:
        write(fd, data)
        os.fdatasync(fd)
    except OSError:
        os.ftruncate(fd, before)
        raise


@contextmanager
def _aside(path: Path, data: bytes, mode: int) -> Iterator[Path]:
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(fd)
        yield aside
    finally:
        aside.unlink(missing_ok=True)


def keep(path: Path, data: bytes, mode: int) -> bytes:
    """Put the file in place unless there is one; gives what is there then."""
    if not path.exists():
        with _aside(path, data, mode) as aside, suppress(FileExistsError):
            os.link(aside, path)
        sync_directory(path.parent)
    return path.read_bytes()


def replace(path: Path, data: bytes, mode: int) -> None:
    """Put the file in place, instead of what is there."""
    with _aside(path, data, mode) as aside:
        os.replace(aside, path)
    sync_directory(path.parent)
