"""Small files that must be whole or not there.

Knows the file system. Must not know what the files are for. Invariant: what `keep` and `replace` have put in place is
on disk for good when they return, its name included.
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
