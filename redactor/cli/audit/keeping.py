"""Keeping the log over the years: `redactor audit retire` and `rotate`.

Knows the log's own operations. Must not touch the store beside them. Invariant: whatever these commands do is itself
an entry of the log, there before it is done.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import structlog
import typer

from redactor.cli.audit.options import DEFAULT, Config, Directory, Store, moment, place_of
from redactor.errors import ConfigurationError, Fault
from redactor.store import Log, Reader, retention


def retire(
    before: Annotated[
        str, typer.Option("--before", help="Everything older: 2026-03-01, or an age such as 3y, 90d. UTC.")
    ],
    because: Annotated[str, typer.Option("--because", help="The reason; it becomes part of the log.")],
    config: Config = DEFAULT,
    store: Store = None,
    directory: Directory = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Destroy the full texts of old entries, and the keys of their months. Entries and proofs stay; texts do not."""
    if not because.strip():
        raise ConfigurationError(
            [Fault("--because", 0, 0, "there is no reason", "such as the retention schedule's name")]
        )
    when = moment(before, "--before")
    assert when is not None
    text = when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    url, place, auditor = place_of(config, store, directory)
    with Reader(url, place) as reader:
        through = reader.database.call(lambda c: retention.through(c, text))
    if through < 0:
        typer.echo(f"Nothing is older than {text[:10]}.")
        return
    if not yes:
        typer.confirm(f"Destroy the texts of entries 0 to {through}? No copy can bring them back", abort=True)
    with _warnings_aside():
        count = asyncio.run(_retire(url, place, auditor, through, because, text[:7]))
    typer.echo(f"{count} texts of entries 0 to {through} are gone, and the keys of the months before {text[:7]}.")


async def _retire(url: str, place: Path | None, auditor: Path | None, through: int, because: str, month: str) -> int:
    log = await Log.open(url, place, auditor_key=auditor)
    try:
        return await log.retire(through, because, month)
    finally:
        await log.close()


@contextmanager
def _warnings_aside() -> Iterator[None]:
    """What the log has to say to its operator goes to stderr: stdout has the command's own result."""
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        yield
    finally:
        structlog.configure(**before)


def rotate(config: Config = DEFAULT, store: Store = None, directory: Directory = None) -> None:
    """Sign the log with a new key from now on. The old key introduces it; processes that run follow by themselves."""
    url, place, auditor = place_of(config, store, directory)
    with Reader(url, place):  # that there is a log: none is to be made here
        pass
    with _warnings_aside():
        new = asyncio.run(_rotate(url, place, auditor))
    typer.echo(new)
    typer.echo("log.pub now says so: verification goes on from its first line, which has not changed.", err=True)


async def _rotate(url: str, place: Path | None, auditor: Path | None) -> str:
    log = await Log.open(url, place, auditor_key=auditor)
    try:
        return await log.change_key()
    finally:
        await log.close()
