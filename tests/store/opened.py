"""A log in a temporary directory, and what the tests ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from redactor.audit.verifier import PublicKey, verify_export
from redactor.store import Log, Reader, Selection
from tests.audit.samples import sample


def url(directory: Path) -> str:
    return f"sqlite:///{directory}/redactor.db"


@asynccontextmanager
async def opened(here: Path, **options: object) -> AsyncIterator[Log]:
    log = await Log.open(url(here), **options)  # type: ignore[arg-type]
    try:
        yield log
    finally:
        await log.close()


async def append(log: Log, numbers: range) -> None:
    await asyncio.gather(*[log.append(sample(i)) for i in numbers])


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait at most so long for something that the log does by itself."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def decisions(directory: Path) -> list[str]:
    with Reader(url(directory)) as reader:
        return [e.value["decision"] for e in reader.walk(Selection())]


def names(numbers: range) -> list[str]:
    return [f"0123abcd-{i}" for i in numbers]


def whole(directory: Path) -> int:
    """Verify the store and an export of it; gives how many entries are proved."""
    key = (directory / "log.pub").read_text()
    with Reader(url(directory)) as reader:
        report = reader.verify(key)
        assert report.ok, report.wrong
        lines: list[bytes] = []
        reader.export(lines.append)
    exported = verify_export(lines, PublicKey.read(key))
    assert exported.ok, exported.wrong
    assert exported.entries == report.entries == report.size
    return report.entries


async def crash(log: Log) -> None:
    """What remains of a process that dies at once: files as they are, locks given up."""
    log._stopping.set()
    log._waked.set()
    assert log._task is not None
    await log._task
    await log._journal.stop()
    log._journal.close()
    await asyncio.to_thread(log._database.close)


async def nothing(*arguments: object, **options: object) -> None:
    """In place of a method that is not to do anything."""
