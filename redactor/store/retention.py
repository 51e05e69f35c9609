"""Texts that have been kept for long enough, destroyed by and by while the service runs.

Knows the log, its months' keys and clocks, which are arguments. Must not decide how long texts are kept. Invariant:
nothing is destroyed on the word of a clock that was set while the service ran, or that is far ahead of everything that
the log held when it started: what is destroyed cannot be brought back, and a day later is early enough.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from sqlalchemy import Connection, func, select

from redactor.audit import entry
from redactor.errors import LogUnavailable
from redactor.logsettings import Retention
from redactor.store import months
from redactor.store.log import Log
from redactor.store.tables import entries

LOOK_SECONDS = 3600.0
DRIFT_SECONDS = 86400.0
AHEAD_SECONDS = 31 * 86400.0

logger = structlog.get_logger("redactor.log")


def through(connection: Connection, before: str) -> int:
    """The last entry of those that are older than a time (RFC 3339, UTC); -1 where there is none.

    The first that is younger, and all behind it, stay: where the clock went backwards nothing goes too early.
    """
    first = connection.execute(select(func.min(entries.c.sequence)).where(entries.c.at >= before)).scalar()
    size = connection.execute(select(func.count()).select_from(entries)).scalar_one()
    return (int(size) if first is None else int(first)) - 1


async def expire(log: Log, at: float, because: str) -> int:
    """Destroy the texts from before a time (seconds, epoch, UTC), and the keys of months that were over by then.

    Gives how many texts. Where there is none, and no such key, nothing is done and nothing said. LogUnavailable.
    """
    before = entry.time_text(at)

    def look(c: Connection) -> tuple[int, bool]:
        last = through(c, before)
        left = select(entries.c.sequence).where(entries.c.sequence <= last, entries.c.sealed.is_not(None)).limit(1)
        return last, c.execute(left).first() is not None

    last, texts = await log.ask(look)
    keys = await asyncio.to_thread(lambda: any(k.month < before[:7] for k in months.found(log.directory)))
    if last < 0 or not (texts or keys):
        return 0
    return await log.retire(last, because, before[:7])


async def keep(
    log: Log,
    retention: Retention,
    clock: Callable[[], float],
    monotonic: Callable[[], float],
    every: float = LOOK_SECONDS,
) -> None:
    """Destroy what has been kept for long enough, now and then, until cancelled; the first time after `every` seconds.

    `clock`: seconds since the epoch; `monotonic`: seconds that no one sets.
    """
    wall, steady, known = clock(), monotonic(), log.health().stored
    believed = False
    said = ""
    while True:
        await asyncio.sleep(every)
        now = clock()
        problem = ""
        try:
            if not believed:
                # What this process has logged itself says nothing of its clock.
                before = select(func.max(entries.c.at)).where(entries.c.sequence < known)
                newest = await log.ask(lambda c, query=before: c.execute(query).scalar())  # type: ignore[misc]
                believed = newest is None or str(newest) >= entry.time_text(now - AHEAD_SECONDS)
                if not believed:
                    problem = f"the clock is more than 31 days ahead of the newest entry ({newest})"
            if abs((now - wall) - (monotonic() - steady)) > DRIFT_SECONDS:
                problem = "the clock has been set by more than a day since redactor was started"
            if not problem:
                count = await expire(log, now - retention.seconds, retention.because)
                if count:
                    logger.info("texts destroyed, having been kept for long enough", texts=count)
        except LogUnavailable as e:
            problem = e.public
        if problem and problem != said:
            hint = "where the time is right, start redactor again, or do it once by `redactor audit retire`"
            logger.error("no texts are destroyed though their time may be over", why=problem, do=hint)
        said = problem
