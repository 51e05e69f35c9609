"""A process that logs as fast as it can until it is killed, and says through a pipe what was acknowledged."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from multiprocessing.connection import Connection
from pathlib import Path

import structlog

from redactor.store import Log
from redactor.store import log as log_module
from tests.audit.samples import sample
from tests.store.opened import url

TASKS = 24


def run(directory: Path, said: Connection, start: int, store: str = "") -> None:
    """Entries are numbered from `start`; each acknowledged one is a line in the pipe. Never returns.

    `store`: its URL, where it is not the directory's own.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    log_module.DRAIN_SECONDS = 0.01
    asyncio.run(_run(directory, said.fileno(), start, store or url(directory)))


async def _run(directory: Path, pipe: int, start: int, store: str) -> None:
    log = await Log.open(store, directory, checkpoint_every=50)
    log._journal._segment_bytes = 60_000  # so that kills also meet the change from one file to the next
    numbers = itertools.count(start)

    async def work() -> None:
        for number in numbers:
            entry = sample(number)
            await log.append(entry)
            os.write(pipe, f"{entry.decision}\n".encode())

    await asyncio.gather(*[work() for _ in range(TASKS)])
