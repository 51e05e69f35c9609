"""Texts are destroyed when their time is over, by a clock that can be believed, and the log says so first."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from redactor.logsettings import Retention
from redactor.store import Log, Reader, Selection, months, retention
from tests.audit.samples import sample
from tests.store.opened import opened, until, url, whole
from tests.store.test_months import TIMES, at, read, three_months

DAY = 86400
SCHEDULE = Retention(60 * DAY, "schedule GS-7")


class Clocks:
    """What `keep` is told of the time. `pass_time` is time that really passes; `set` is somebody who sets a clock."""

    def __init__(self, now: str) -> None:
        self.wall, self.steady = at(now), 1000.0

    def pass_time(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

    def set(self, now: str) -> None:
        self.wall = at(now)


@asynccontextmanager
async def kept(log: Log, clocks: Clocks, schedule: Retention = SCHEDULE) -> AsyncIterator[None]:
    work = retention.keep(log, schedule, lambda: clocks.wall, lambda: clocks.steady, every=0.02)
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def said(here: Path) -> list[tuple[int, str, list[str]]]:
    with Reader(url(here)) as reader:
        walked = [e.value for e in reader.walk(Selection()) if e.value["kind"] == "retention"]
    return [(v["through"], v["because"], v["months"]) for v in walked]


async def test_what_is_old_enough_goes_by_itself(tmp_path: Path) -> None:
    await three_months(tmp_path)
    clocks = Clocks("2026-04-10T00:00:00")
    async with opened(tmp_path, clock=lambda: clocks.wall) as log, kept(log, clocks):
        await until(lambda: None in read(tmp_path, tmp_path))
        assert said(tmp_path) == [(1, "schedule GS-7", ["2026-01"])]
        await asyncio.sleep(0.1)
        assert len(said(tmp_path)) == 1, "nothing more is due, so nothing more is said"
        clocks.pass_time(40 * DAY)
        await until(lambda: read(tmp_path, tmp_path) == [None, None, None])
    assert [m for _, _, m in said(tmp_path)] == [["2026-01"], ["2026-02"]]
    assert [k.month for k in months.found(tmp_path)] == ["2026-03"], "the month of the last text is not over by then"
    assert whole(tmp_path) == len(TIMES) + 2


async def test_what_is_young_stays(tmp_path: Path) -> None:
    await three_months(tmp_path)
    clocks = Clocks("2026-03-20T00:00:00")
    async with opened(tmp_path, clock=lambda: clocks.wall) as log, kept(log, clocks):
        await asyncio.sleep(0.1)
    assert said(tmp_path) == []
    assert None not in read(tmp_path, tmp_path)


async def test_a_clock_that_jumps_destroys_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await three_months(tmp_path)
    clocks = Clocks("2026-03-20T00:00:00")
    async with opened(tmp_path, clock=lambda: at("2026-03-20T00:00:00")) as log, kept(log, clocks):
        await asyncio.sleep(0.1)
        clocks.set("2031-01-01T00:00:00")
        await asyncio.sleep(0.2)
        assert "the clock has been set by more than a day" in capsys.readouterr().out
        assert said(tmp_path) == [], "however long it stays so"
        clocks.set("2026-03-20T00:00:00")
        clocks.pass_time(20 * DAY)
        await until(lambda: None in read(tmp_path, tmp_path))
    assert [m for _, _, m in said(tmp_path)] == [["2026-01"]], "it is right again"


async def test_a_clock_that_was_wrong_from_the_start_destroys_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await three_months(tmp_path)
    clocks = Clocks("2031-03-20T00:00:00")
    async with opened(tmp_path, clock=lambda: clocks.wall) as log, kept(log, clocks):
        await log.append(dataclasses.replace(sample(9), at=clocks.wall))
        await log.flush()
        await asyncio.sleep(0.1)
    assert "ahead of the newest entry (2026-03-15" in capsys.readouterr().out
    assert said(tmp_path) == []


async def test_each_node_destroys_its_own_months_keys(tmp_path: Path) -> None:
    """The texts are gone already; the key of a node that was away is not."""
    await three_months(tmp_path)
    copies = {f.name: f.read_bytes() for f in (tmp_path / "keys/months").iterdir()}
    async with opened(tmp_path, clock=lambda: at("2026-04-10T00:00:00")) as log:
        assert await retention.expire(log, at("2026-02-10T00:00:00"), "x") == 2
        assert await retention.expire(log, at("2026-02-10T00:00:00"), "x") == 0
        for name, data in copies.items():
            (tmp_path / "keys/months" / name).write_bytes(data)
        assert await retention.expire(log, at("2026-02-10T00:00:00"), "x") == 0
        assert [k.month for k in months.found(tmp_path)] == ["2026-02", "2026-03"]
    assert len(said(tmp_path)) == 2


async def test_an_empty_log_has_nothing_to_destroy(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        assert await retention.expire(log, 2e9, "x") == 0
        await log.append(dataclasses.replace(sample(0), at=at("2026-01-01T00:00:00")))
        await log.flush()
        assert await retention.expire(log, at("2025-01-01T00:00:00"), "x") == 0
    assert said(tmp_path) == []
