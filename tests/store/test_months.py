"""A key for each month: who destroys it has destroyed the month's texts, wherever they lie."""

from __future__ import annotations

import dataclasses
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from redactor.audit.sealing import CannotOpen, open_sealed
from redactor.errors import LogUnavailable
from redactor.store import Log, Reader, Selection, keys, months
from tests.audit.samples import sample
from tests.store.opened import opened, url


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


TIMES = ["2026-01-31T23:59:59", "2026-02-01T00:00:00", "2026-03-15T12:00:00"]


async def three_months(here: Path) -> None:
    log = await Log.open(url(here), clock=lambda: at("2026-04-01T00:00:00"))
    for i, time in enumerate(TIMES):
        await log.append(dataclasses.replace(sample(i), at=at(time)))
    await log.close()


def read(here: Path, months_in: Path) -> list[str | None]:
    """The texts that can be opened with the auditor's key and the months' keys of a directory."""
    private = keys.private_key(here / "keys/auditor.key")
    found: list[str | None] = []
    with Reader(url(here)) as reader:
        for e in reader.walk(Selection()):
            if e.value["kind"] != "decision":
                continue
            month = months.unwrap(months_in, private, e.value["sealed"]["to"])
            if e.sealed is None or month is None:
                found.append(None)
            else:
                found.append(json.loads(open_sealed(month, e.sealed, e.value["decision"]))["text"][-12:])
    return found


async def test_each_month_has_its_key(tmp_path: Path) -> None:
    await three_months(tmp_path)
    assert [k.month for k in months.found(tmp_path)] == ["2026-01", "2026-02", "2026-03"]
    assert read(tmp_path, tmp_path) == ["'A000000000'", "'A000000001'", "'A000000002'"]
    files = list((tmp_path / "keys/months").iterdir())
    assert {f.stat().st_mode & 0o777 for f in files} == {0o600}
    async with opened(tmp_path) as log:  # the next start goes on with the month's key
        await log.append(dataclasses.replace(sample(3), at=at("2026-03-20T00:00:00")))
    assert len(list(months.found(tmp_path))) == 3


async def test_without_its_months_key_no_copy_is_read(tmp_path: Path) -> None:
    await three_months(tmp_path)
    shutil.copytree(tmp_path, tmp_path / "backup", ignore=shutil.ignore_patterns("months", "backup"))
    log = await Log.open(url(tmp_path), clock=lambda: at("2026-04-01T00:00:00"))
    assert await log.retire(0, "three years are over", "2026-02") == 1
    await log.close()
    assert [k.month for k in months.found(tmp_path)] == ["2026-02", "2026-03"]
    assert read(tmp_path, tmp_path) == [None, "'A000000001'", "'A000000002'"]
    assert read(tmp_path / "backup", tmp_path) == [None, "'A000000001'", "'A000000002'"]
    with Reader(url(tmp_path)) as reader:
        assert reader.verify((tmp_path / "log.pub").read_text().split("\n")[0]).ok
        (said,) = [e.value for e in reader.walk(Selection()) if e.value["kind"] == "retention"]
    assert said["months"] == ["2026-01"]


async def test_the_present_month_is_never_destroyed(tmp_path: Path) -> None:
    await three_months(tmp_path)
    log = await Log.open(url(tmp_path), clock=lambda: at("2026-03-20T00:00:00"))
    await log.retire(99, "all of it", "2030-01")
    assert [k.month for k in months.found(tmp_path)] == ["2026-03"]
    await log.append(dataclasses.replace(sample(9), at=at("2026-03-20T00:00:00")))
    await log.close()
    assert read(tmp_path, tmp_path)[-1] == "'A000000009'"


async def test_a_clock_that_goes_back_into_a_destroyed_month_makes_a_new_key(tmp_path: Path) -> None:
    log = await Log.open(url(tmp_path), clock=lambda: at("2026-04-01T00:00:00"))
    await log.append(dataclasses.replace(sample(0), at=at("2026-01-10T00:00:00")))
    await log.retire(0, "gone", "2026-04")
    await log.append(dataclasses.replace(sample(1), at=at("2026-01-11T00:00:00")))
    await log.close()
    assert read(tmp_path, tmp_path) == [None, "'A000000001'"]


async def test_no_key_no_entry(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        (tmp_path / "keys/months").write_text("in the way")
        with pytest.raises(LogUnavailable):
            await log.append(sample(0))
        (tmp_path / "keys/months").unlink()
        await log.append(sample(1))


def test_an_interrupted_destruction_is_gone_on_with(tmp_path: Path) -> None:
    made = months.Months(tmp_path, keys.prepare(tmp_path).auditor)
    made.public("2026-01")
    (key,) = months.found(tmp_path)
    key.file.rename(key.file.with_suffix(".gone"))
    assert list(months.found(tmp_path)) == []
    assert months.shred(tmp_path, "2026-02") == []
    assert list((tmp_path / "keys/months").iterdir()) == []


def test_another_auditor_cannot_unwrap(tmp_path: Path) -> None:
    made = months.Months(tmp_path, keys.prepare(tmp_path).auditor)
    made.public("2026-01")
    (key,) = months.found(tmp_path)
    keys.prepare(tmp_path / "other")
    with pytest.raises(CannotOpen):
        months.unwrap(tmp_path, keys.private_key(tmp_path / "other/keys/auditor.key"), key.name)
    key.file.write_text("{}")
    with pytest.raises(LogUnavailable):
        list(months.found(tmp_path))
