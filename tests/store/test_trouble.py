"""Crashes, power loss, full and failing disks, a store that is down: nothing acknowledged is lost, nothing doubled."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from redactor.errors import ConfigurationError, LogUnavailable
from redactor.store import Log
from redactor.store import log as log_module
from tests.audit.samples import sample
from tests.store.opened import append, crash, decisions, names, nothing, opened, until, url, whole
from tests.store.test_segment import file_limit


async def test_what_was_left_in_the_journal_is_stored_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await Log.open(url(tmp_path))
    with monkeypatch.context() as m:
        m.setattr(Log, "_drain", nothing)
        await append(log, range(20))
        await crash(log)
    assert len(list((tmp_path / "journal").iterdir())) == 1
    async with opened(tmp_path) as log:
        assert log.health().stored == 20
        await append(log, range(20, 25))
    assert decisions(tmp_path) == names(range(25))
    assert whole(tmp_path) == 25


async def test_draining_twice_changes_nothing(tmp_path: Path) -> None:
    log = await Log.open(url(tmp_path))
    await append(log, range(20))
    (segment,) = (tmp_path / "journal").iterdir()
    copy = segment.read_bytes()
    await log.close()
    segment.write_bytes(copy)  # as if the process had died between the store's commit and the file's removal
    async with opened(tmp_path):
        pass
    assert decisions(tmp_path) == names(range(20))
    assert whole(tmp_path) == 20


async def test_what_a_living_process_finds_left_behind_it_stores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "ADOPT_SECONDS", 0.05)
    other = await Log.open(url(tmp_path))
    async with opened(tmp_path) as log:
        with monkeypatch.context() as m:
            m.setattr(other, "_drain", nothing)
            await append(other, range(5))
            await crash(other)
        await until(lambda: log.health().stored >= 5)
    assert decisions(tmp_path) == names(range(5))


async def test_power_loss_takes_nothing_that_was_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that was not synced is lost: only what a sync saw of each file of the journal comes back."""
    synced: dict[str, bytes] = {}

    def sync(fd: int) -> None:
        os.fdatasync(fd)
        name = os.path.basename(os.readlink(f"/proc/self/fd/{fd}")).replace(".new", ".journal")
        synced[name] = os.pread(fd, 1 << 30, 0)

    monkeypatch.setattr(Log, "_drain", nothing)
    log = await Log.open(url(tmp_path / "one"), sync=sync)
    acknowledged: list[str] = []

    async def ask(i: int) -> None:
        await log.append(sample(i))
        acknowledged.append(f"0123abcd-{i}")

    async with asyncio.TaskGroup() as group:
        for i in range(300):
            group.create_task(ask(i))
            if i % 7 == 0:
                await asyncio.sleep(0.001)
            if i == 150:
                at_some_moment, survived = list(acknowledged), dict(synced)
    monkeypatch.undo()
    await log.close()
    assert at_some_moment
    (tmp_path / "two/journal").mkdir(parents=True)
    shutil.copytree(tmp_path / "one/keys", tmp_path / "two/keys")
    for name, data in survived.items():
        (tmp_path / "two/journal" / name).write_bytes(data)
    async with opened(tmp_path / "two"):
        pass
    assert set(at_some_moment) <= set(decisions(tmp_path / "two"))


async def test_a_damaged_journal_is_kept_for_a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = await Log.open(url(tmp_path))
    with monkeypatch.context() as m:
        m.setattr(log, "_drain", nothing)
        await append(log, range(3))
        await crash(log)
    (segment,) = (tmp_path / "journal").iterdir()
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    async with opened(tmp_path):
        pass
    assert decisions(tmp_path) == ["0123abcd-0", "0123abcd-2"]
    assert [p.suffix for p in (tmp_path / "journal").iterdir()] == [".damaged"]


async def test_a_half_written_checkpoint_is_cut_off(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await append(log, range(3))
    path = tmp_path / "checkpoints.txt"
    good = path.read_text()
    for cut in (1, 20, len(good) - 1):
        path.write_text(good + good[:cut])
        async with opened(tmp_path):
            pass
        assert path.read_text() == good


async def test_no_room_refuses_and_room_again_serves(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.append(sample(0))
        await log.flush()
        used = max(p.stat().st_size for p in (tmp_path / "journal").iterdir())
        with file_limit(used + 100):
            for i in (1, 2):
                with pytest.raises(LogUnavailable) as refused:
                    await log.append(sample(i))
                assert refused.value.sqlstate == "58030"
                assert "cannot be written" in refused.value.public
            assert not log.health().ok
            assert log.health().problem
        await log.append(sample(3))
        assert log.health().ok
    assert decisions(tmp_path) == ["0123abcd-0", "0123abcd-3"]
    assert whole(tmp_path) == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB, where mounting one is permitted."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs is not permitted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


async def test_a_full_disk_refuses_and_room_again_serves(tmp_path: Path, small_disk: Path) -> None:
    async with opened(tmp_path, directory=small_disk) as log:
        await log.append(sample(0))
        fill(small_disk / "ballast")
        refused = 0
        for i in range(1, 60):
            try:
                await log.append(sample(i))
            except LogUnavailable:
                refused += 1
        assert refused
        (small_disk / "ballast").unlink()
        await log.append(sample(60))
    assert len(decisions(tmp_path)) == 61 - refused


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1024))


async def test_a_failing_disk_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    failing = False

    def sync(fd: int) -> None:
        if failing:
            raise OSError(5, "Input/output error")
        os.fdatasync(fd)

    acknowledged = []
    async with opened(tmp_path, sync=sync) as log:
        for i in range(12):
            failing = i % 3 == 1
            try:
                await log.append(sample(i))
                acknowledged.append(f"0123abcd-{i}")
            except LogUnavailable:
                assert failing
        failing = False
    assert len(acknowledged) == 8
    assert decisions(tmp_path) == acknowledged
    assert whole(tmp_path) == 8


async def test_a_store_that_is_down_stops_nobody(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.append(sample(0))
        await log.flush()
        held = sqlite3.connect(tmp_path / "redactor.db", isolation_level=None)
        held.execute("ALTER TABLE entries RENAME TO elsewhere")
        await append(log, range(1, 30))
        await until(lambda: log.health().store_problem)
        assert log.health().ok
        assert log.health().behind > 0
        held.execute("ALTER TABLE elsewhere RENAME TO entries")
        held.close()
        await until(lambda: not log.health().behind)
        assert not log.health().store_problem
    assert decisions(tmp_path) == names(range(30))
    assert whole(tmp_path) == 30


async def test_a_store_that_stays_down_keeps_the_journal(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        held = sqlite3.connect(tmp_path / "redactor.db", isolation_level=None)
        held.execute("ALTER TABLE entries RENAME TO elsewhere")
        await append(log, range(5))
    assert len(list((tmp_path / "journal").iterdir())) == 1
    held.execute("ALTER TABLE elsewhere RENAME TO entries")
    held.close()
    async with opened(tmp_path):
        pass
    assert decisions(tmp_path) == names(range(5))


async def test_an_unusable_directory_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LogUnavailable) as refused:
        await Log.open(url(tmp_path), tmp_path / "file")
    assert "Not a directory" in refused.value.private or "exists" in refused.value.private.lower()
    with pytest.raises(LogUnavailable):
        await Log.open(f"sqlite:///{tmp_path}/file/x.db", tmp_path)
    with pytest.raises(ConfigurationError):
        await Log.open("oracle://x/y", tmp_path)
    (tmp_path / "not.db").write_text("this is no database, whatever its name says" * 100)
    with pytest.raises(LogUnavailable) as refused:
        await Log.open(f"sqlite:///{tmp_path}/not.db", tmp_path)
    assert "not a database" in refused.value.public


async def test_a_rolled_back_store_is_not_gone_on_with(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await append(log, range(5))
    shutil.copy(tmp_path / "redactor.db", tmp_path / "copy.db")
    async with opened(tmp_path) as log:
        await append(log, range(5, 10))
    shutil.copy(tmp_path / "copy.db", tmp_path / "redactor.db")
    with pytest.raises(LogUnavailable) as refused:
        await Log.open(url(tmp_path))
    assert "10 had been signed" in refused.value.public
    (tmp_path / "redactor.db").unlink()
    with pytest.raises(LogUnavailable) as refused:
        await Log.open(url(tmp_path))
    assert "empty" in refused.value.public


async def test_a_rewritten_store_is_not_gone_on_with(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await append(log, range(5))
    database = sqlite3.connect(tmp_path / "redactor.db", isolation_level=None)
    database.execute("UPDATE entries SET leaf_hash = randomblob(32) WHERE sequence = 2")
    with pytest.raises(LogUnavailable) as refused:
        await Log.open(url(tmp_path))
    assert "not what was signed" in refused.value.public
    database.execute("DELETE FROM entries WHERE sequence = 2")
    with pytest.raises(LogUnavailable) as refused:
        await Log.open(url(tmp_path))
    assert "has 4 entries and should have 5" in refused.value.public
    database.close()


async def test_another_key_does_not_sign_the_log(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await append(log, range(2))
    shutil.rmtree(tmp_path / "keys")
    (tmp_path / "log.pub").unlink()
    with pytest.raises(LogUnavailable) as refused:
        await Log.open(url(tmp_path))
    assert "another key" in refused.value.public
