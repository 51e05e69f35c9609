"""The file of checkpoints beside the store: every signed tree head, one after the other.

Knows one file. Must not know the database. Invariant: the file only grows, and a checkpoint is written to it only
once it is in the store for good; so where the file is ahead of the store, the store has been rolled back.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from redactor.audit.verifier import split_notes
from redactor.store.files import extend

NAME = "checkpoints.txt"


def read(path: Path) -> list[str]:
    """All the notes in the file, oldest first; none where there is no file. A note cut off at the end is left out."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return split_notes(text[: text.rfind("\n\n") + 2])


def mend(path: Path) -> int:
    """Cut off what a crash left half-written at the end; gives how many bytes that was."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    with os.fdopen(fd, "rb") as file:
        fcntl.flock(fd, fcntl.LOCK_EX)
        data = file.read()
        blocks = data.split(b"\n\n")
        whole = sum(len(b) + 2 for b in blocks[: (len(blocks) - 1) // 2 * 2])
        if whole < len(data):
            os.ftruncate(fd, whole)
    return len(data) - whole


def append(path: Path, notes: Sequence[tuple[int, str]]) -> None:
    """Add notes, (size, note), that the file does not have yet, and sync.

    OSError where that fails: the file is put back as it was, as far as that can be done.
    """
    fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        before = os.fstat(fd).st_size
        last = newest(os.pread(fd, 4096, max(0, before - 4096)))
        extend(fd, before, "".join(note + "\n" for size, note in notes if size > last).encode())
    finally:
        os.close(fd)


def newest(tail: bytes) -> int:
    """The size that the last checkpoint in the file's last bytes says; 0 where there is none."""
    blocks = tail.decode(errors="replace").split("\n\n")
    if len(blocks) < 3:
        return 0
    size = blocks[-3].split("\n")[-2]
    return int(size) if size.isdecimal() else 0
