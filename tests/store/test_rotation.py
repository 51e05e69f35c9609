"""A new signing key: the old one introduces it, everybody follows, and nobody else's is followed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from redactor.audit.checkpoint import Signer
from redactor.audit.verifier import PublicKey, Unverifiable, follow, verify_export
from redactor.errors import LogUnavailable
from redactor.store import Reader, keys, ledger
from tests.audit.samples import SIGNER, export
from tests.store.opened import append, names, opened, url


def first_key(here: Path) -> str:
    return (here / "log.pub").read_text().partition("\n")[0]


async def test_the_log_goes_on_under_a_new_key(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await append(log, range(5))
        before = first_key(tmp_path)
        new = await log.change_key()
        await append(log, range(5, 9))
        newer = await log.change_key()
        await append(log, range(9, 12))
    assert len({before, new, newer}) == 3
    assert first_key(tmp_path) == before
    chain = keys.read_public((tmp_path / "log.pub").read_text())
    assert [str(k) for k in chain] == [before, new, newer]
    assert [(k.since, k.until) for k in chain] == [(0, 5), (6, 10), (11, 1 << 62)]
    async with opened(tmp_path) as log:  # a new start knows the newest
        assert str(log.keys.signer.public) == newer
        await append(log, range(12, 14))
    assert list(decisions_only(tmp_path)) == names(range(14))
    with Reader(url(tmp_path)) as reader:
        report = reader.verify(before)
        assert report.ok, report.wrong
        assert report.notes == ["entry 5 introduced a new key of the log", "entry 10 introduced a new key of the log"]
        lines: list[bytes] = []
        reader.export(lines.append)
        assert not reader.verify(new).ok, "only the first key leads to all of them"
    exported = verify_export(lines, PublicKey.read(before))
    assert exported.ok, exported.wrong
    assert exported.entries == 16


def decisions_only(here: Path) -> list[str]:
    with Reader(url(here)) as reader:
        return [e.value["decision"] for e in reader.select(newest=False) if e.value["kind"] == "decision"]


async def test_another_process_follows(tmp_path: Path) -> None:
    async with opened(tmp_path) as one, opened(tmp_path) as two:
        await append(one, range(3))
        await append(two, range(3, 6))
        await one.change_key()
        await append(two, range(6, 9))
        await two.flush()
        assert two.keys.signer.public == one.keys.signer.public
        await two.change_key()
        await append(one, range(9, 12))
        await one.flush()
    assert sorted(decisions_only(tmp_path)) == sorted(names(range(12)))
    with Reader(url(tmp_path)) as reader:
        assert reader.verify(first_key(tmp_path)).ok


@pytest.mark.parametrize("step", ["settle", "os.replace"])
async def test_a_crash_in_the_middle_is_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async with opened(tmp_path) as log:
        await append(log, range(3))
        await log.flush()
        with monkeypatch.context() as m:
            m.setattr(keys, "settle", fail) if step == "settle" else m.setattr(os, "replace", fail)
            with pytest.raises(LogUnavailable):
                await log.change_key()
        await append(log, range(3, 5))
    async with opened(tmp_path) as log:
        await append(log, range(5, 7))
    assert not (tmp_path / "keys" / keys.NEXT).exists()
    assert decisions_only(tmp_path) == names(range(7))
    with Reader(url(tmp_path)) as reader:
        assert reader.verify(first_key(tmp_path)).ok


async def test_a_node_without_the_new_key_says_so_and_loses_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path / "one") as one:
        await append(one, range(2))
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    store = url(tmp_path / "one")
    from redactor.store import Log

    two = await Log.open(store, tmp_path / "two")
    async with opened(tmp_path / "one") as one:
        await one.change_key()
    await append(two, range(2, 4))
    with pytest.raises(LogUnavailable) as refused:
        await two.flush()
    assert "copy keys/log.key and log.pub" in refused.value.public
    assert two.health().ok
    for name in ("keys/log.key", "log.pub"):
        shutil.copy(tmp_path / "one" / name, tmp_path / "two" / name)
    await two.flush()
    await two.close()
    assert decisions_only(tmp_path / "one") == names(range(4))


async def test_a_store_put_back_while_the_process_runs_is_not_signed(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await append(log, range(3))
        await log.flush()
        database = sqlite3.connect(tmp_path / "redactor.db", isolation_level=None)
        copy = sqlite3.connect(":memory:")
        database.backup(copy)
        await append(log, range(3, 6))
        await log.flush()
        copy.backup(database)
        await append(log, range(6, 12))
        with pytest.raises(LogUnavailable) as refused:
            await log.flush()
        assert "put back" in refused.value.public or "not what was signed" in refused.value.public
        sizes = [row[0] for row in database.execute("SELECT size FROM checkpoints")]
        assert max(sizes) == 3
        database.close()
        copy.close()


def test_only_the_key_before_introduces() -> None:
    second, third = Signer(SIGNER.origin, b"2" * 32), Signer(SIGNER.origin, b"3" * 32)
    one, two = SIGNER.introduce(5, second.public), second.introduce(9, third.public)
    assert [k.public for k in follow(SIGNER.public, [one, two])] == [s.public.public for s in (SIGNER, second, third)]
    for notes in ([two], [two, one], [one, one], [one, second.introduce(4, third.public)], [SIGNER.sign(5, b"x" * 32)]):
        with pytest.raises(Unverifiable):
            follow(SIGNER.public, notes)


def test_an_export_that_names_other_keys_than_its_entries_is_refused() -> None:
    lines = export(4)
    header = json.loads(lines[0])
    second = Signer(SIGNER.origin, b"2" * 32)
    header["keys"] = [SIGNER.introduce(6, second.public)]
    lines[0] = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    report = verify_export(lines, SIGNER.public)
    assert [w.kind for w in report.wrong] == ["key"]


def test_an_old_key_signs_nothing_new(tmp_path: Path) -> None:
    """Whoever gets hold of a retired key cannot make the log longer with it, nor say that it was shorter."""

    async def make() -> Signer:
        async with opened(tmp_path) as log:
            old = log.keys.signer
            await append(log, range(3))
            await log.change_key()
            await append(log, range(3, 6))
        return old

    old = asyncio.run(make())
    database = sqlite3.connect(tmp_path / "redactor.db", isolation_level=None)
    database.execute("UPDATE checkpoints SET note = ? WHERE size = 7", (old.sign(7, b"r" * 32),))
    database.close()
    with Reader(url(tmp_path)) as reader:
        report = reader.verify(first_key(tmp_path))
    assert next(w.kind for w in report.wrong) == "checkpoint"
    assert isinstance(ledger.KeyChanged("x", []), LogUnavailable)
