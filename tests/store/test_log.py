"""The log as the proxy uses it: durable before it returns, in the store once, signed, nothing in clear."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert

from redactor.errors import ConfigurationError, LogUnavailable
from redactor.store import Log, Reader, Selection
from redactor.store.database import REVISION, Database
from redactor.store.tables import entries, metadata
from tests.audit.samples import sample
from tests.store.opened import append, decisions, names, opened, until, url, whole


async def test_entries_come_in_order_are_signed_and_verify(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await append(log, range(700))
        await log.flush()
        health = log.health()
        assert (health.ok, health.entries, health.stored, health.signed, health.behind) == (True, 700, 700, 700, 0)
        assert health.commits < 100, "one sync is to serve many entries"
    assert decisions(tmp_path) == names(range(700))
    assert whole(tmp_path) == 700
    assert list((tmp_path / "journal").iterdir()) == []


async def test_it_drains_and_signs_by_itself(tmp_path: Path) -> None:
    async with opened(tmp_path, checkpoint_seconds=0.05) as log:
        await log.append(sample(0))
        await until(lambda: log.health().signed >= 1)
        with Reader(url(tmp_path)) as reader:
            assert reader.checkpoint() is not None


async def test_it_signs_every_so_many_entries(tmp_path: Path) -> None:
    async with opened(tmp_path, checkpoint_every=10, checkpoint_seconds=3600.0) as log:
        await append(log, range(25))
        await until(lambda: log.health().signed >= 10)
    assert whole(tmp_path) == 25


async def test_a_second_start_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    for start in range(3):
        async with opened(tmp_path) as log:
            await append(log, range(start * 10, start * 10 + 10))
    assert decisions(tmp_path) == names(range(30))
    assert whole(tmp_path) == 30
    assert (tmp_path / "checkpoints.txt").read_text().count("— ") == 3


async def test_two_processes_may_share_a_directory(tmp_path: Path) -> None:
    async with opened(tmp_path) as one, opened(tmp_path) as two:
        for i in range(0, 60, 2):
            await asyncio.gather(one.append(sample(i)), two.append(sample(i + 1)))
            if i % 20 == 0:
                await asyncio.gather(one.flush(), two.flush())
    assert sorted(decisions(tmp_path)) == sorted(names(range(60)))
    assert whole(tmp_path) == 60
    sizes = [int(n.split("\n")[1]) for n in (tmp_path / "checkpoints.txt").read_text().split("\n\n")[:-1:2]]
    assert sizes == sorted(set(sizes))


async def test_many_small_segments_follow_one_another(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        log._journal._segment_bytes = 3000
        for i in range(40):
            await log.append(sample(i))
    assert decisions(tmp_path) == names(range(40))
    assert whole(tmp_path) == 40
    assert list((tmp_path / "journal").iterdir()) == []


async def test_an_entry_whose_client_has_gone_is_kept(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        waiting = asyncio.create_task(log.append(sample(0)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await log.append(sample(1))
    assert decisions(tmp_path) == names(range(2))


async def test_a_closed_log_takes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        pass
    with pytest.raises(LogUnavailable):
        await log.append(sample(0))
    await log.close()


async def test_texts_can_be_retired_and_all_proofs_still_hold(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await append(log, range(10))
        assert await log.retire(5, "three years are over") == 6
        assert await log.retire(5, "again") == 0
    assert whole(tmp_path) == 12
    with Reader(url(tmp_path)) as reader:
        assert [e.sealed is None for e in reader.walk(Selection())] == [True] * 6 + [False] * 4 + [True] * 2
    database = sqlite3.connect(tmp_path / "redactor.db")
    database.execute("UPDATE entries SET sealed = NULL WHERE sequence = 7")
    database.commit()
    database.close()
    with Reader(url(tmp_path)) as reader:
        report = reader.verify((tmp_path / "log.pub").read_text())
    assert [(w.kind, w.sequence) for w in report.wrong] == [("missing", 7)]


async def test_no_value_is_in_clear_in_any_file(tmp_path: Path) -> None:
    log = await Log.open(url(tmp_path))
    canaries = [f"A{i:09}".encode() for i in range(50)]
    await append(log, range(50))

    def found() -> list[Path]:
        files = [p for p in tmp_path.rglob("*") if p.is_file()]
        assert len(files) >= 5
        return [p for p in files if any(c in p.read_bytes() for c in canaries)]

    assert found() == []
    await log.flush()
    assert found() == []
    await log.close()
    assert found() == []
    assert b"0123abcd-49" in (tmp_path / "redactor.db").read_bytes(), "the search finds what is there"


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(tmp_path / "redactor.db")
    yield database
    database.close()


async def test_the_migrations_make_the_tables_that_the_code_knows(tmp_path: Path, fresh: sqlite3.Connection) -> None:
    async with opened(tmp_path):
        pass

    database = Database(url(tmp_path))
    database.require()
    differences = database.call(
        lambda c: compare_metadata(MigrationContext.configure(c, opts={"compare_type": True}), metadata)
    )
    assert differences == []
    database.migrate()
    database.close()
    assert fresh.execute("SELECT version_num FROM alembic_version").fetchall() == [(REVISION,)]
    fresh.execute("UPDATE alembic_version SET version_num = '9999'")
    fresh.commit()
    with pytest.raises(LogUnavailable) as refused:
        await Log.open(url(tmp_path))
    assert "newer" in refused.value.public
    with pytest.raises(ConfigurationError):
        Reader(url(tmp_path))


async def test_the_store_never_takes_a_number_twice(tmp_path: Path) -> None:

    async with opened(tmp_path) as log:
        await log.append(sample(0))
    database = Database(url(tmp_path))
    row = {"journal": "x", "number": 0, "at": "", "kind": "", "login": "", "database": "", "decision": ""}
    row |= {"verdict": "", "leaf": "", "leaf_hash": b""}
    with pytest.raises(LogUnavailable):
        database.call(lambda c: c.execute(insert(entries), [{**row, "sequence": s} for s in (1, 2)]), write=True)
    database.close()
