"""Finding entries, proving them, exporting them; with SQLite, and with PostgreSQL where its driver is there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from redactor.audit.checkpoint import check
from redactor.audit.tree import consistent
from redactor.audit.verifier import PublicKey, included, read_checkpoint, verify_export
from redactor.decision import Verdict
from redactor.errors import ConfigurationError, LogUnavailable
from redactor.model import ColumnName, ColumnUse, Requester, RuleHit, Use
from redactor.store import Log, Reader, Selection
from redactor.store.database import beside, parse
from tests import servers
from tests.audit.samples import sample
from tests.store.opened import append, opened, url


@pytest.fixture
async def reader(tmp_path: Path) -> Reader:
    """A log of 600 entries: every tenth redacted, every third of another login, some with another column and rule."""
    other = ColumnName("clinic", "visits", "a_number")
    async with opened(tmp_path) as log:
        for n in range(0, 600, 100):
            made = [sample(i) for i in range(n, n + 100)]
            made = [
                replace(
                    e,
                    verdict=Verdict.REDACTED if i % 10 == 0 else Verdict.REFUSED,
                    requester=Requester("nurse", "clinic") if i % 3 == 0 else e.requester,
                    columns=(ColumnUse(other, Use.OUTPUT),) if i % 50 == 7 else e.columns,
                    rules=(RuleHit("clinic", "privacy"),) if i % 50 == 7 else e.rules,
                )
                for i, e in enumerate(made, n)
            ]
            await asyncio.gather(*[log.append(e) for e in made])
            await log.flush()
    found = Reader(url(tmp_path))
    yield found
    found.close()


def sequences(reader: Reader, **conditions: object) -> list[int]:
    return [e.sequence for e in reader.walk(Selection(**conditions))]  # type: ignore[arg-type]


def test_conditions_choose(reader: Reader) -> None:
    assert sequences(reader) == list(range(600))
    assert sequences(reader, verdict="redacted") == list(range(0, 600, 10))
    assert sequences(reader, login="nurse", verdict="redacted") == list(range(0, 600, 30))
    assert sequences(reader, database="clinic") == list(range(0, 600, 3))
    assert sequences(reader, rule="clinic") == list(range(7, 600, 50))
    for name in ("a_number", "visits.a_number", "clinic.visits.a_number"):
        assert sequences(reader, column=name) == list(range(7, 600, 50))
    assert sequences(reader, column="number") == []
    at = datetime.fromtimestamp(1_780_000_000.25 + 100, UTC)
    assert sequences(reader, since=at) == list(range(100, 600))
    assert sequences(reader, until=at) == list(range(100))
    assert sequences(reader, login="nobody") == []


def test_the_newest_come_first_when_few_are_wanted(reader: Reader) -> None:
    assert [e.sequence for e in reader.select(limit=3)] == [599, 598, 597]
    assert [e.sequence for e in reader.select(limit=2, newest=False)] == [0, 1]
    assert [e.sequence for e in reader.select(Selection(rule="clinic"), 2)] == [557, 507]
    assert len(reader.select()) == 600


def test_an_entry_is_found_by_its_number_and_by_its_decision(reader: Reader) -> None:
    entry = reader.get(17)
    assert entry is not None
    assert [e.sequence for e in reader.find(entry.value["decision"])] == [17]
    assert reader.get(600) is None
    assert reader.find("nothing") == []
    assert reader.size() == 600


def test_each_entry_can_be_proved_alone(reader: Reader) -> None:
    newest = reader.checkpoint()
    assert newest is not None
    head = read_checkpoint(newest[1], [PublicKey.read((reader.directory / "log.pub").read_text())], check)
    for i in (0, 1, 255, 256, 511, 512, 599):
        entry = reader.get(i)
        assert entry is not None
        assert included(entry.leaf_hash, i, head.size, reader.inclusion(i, head.size), head.root)
    notes = (reader.directory / "checkpoints.txt").read_text()
    sizes = [int(block.strip().split("\n")[1]) for block in notes.split("\n\n")[:-1:2]]
    assert sizes[-1] == 600
    roots = {int(b.strip().split("\n")[1]): b.strip().split("\n")[2] for b in notes.split("\n\n")[:-1:2]}
    import base64

    for old in sizes[:-1]:
        before, after = base64.b64decode(roots[old]), head.root
        assert consistent(old, 600, before, after, reader.consistency(old, 600))


def test_a_selection_can_be_exported_and_verified_as_one(reader: Reader) -> None:
    lines: list[bytes] = []
    assert reader.export(lines.append, Selection(rule="clinic")) == 12
    key = PublicKey.read((reader.directory / "log.pub").read_text())
    assert verify_export(lines, key, partial=True, check=check).entries == 12
    assert not verify_export(lines, key, check=check).ok


async def test_nothing_signed_is_nothing_to_export(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with Reader(url(tmp_path)) as empty, pytest.raises(LogUnavailable):
            empty.export(lambda line: None)


def test_where_there_is_no_log_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Reader(url(tmp_path))
    assert "there is no store" in str(refused.value)
    (tmp_path / "redactor.db").touch()
    with pytest.raises(ConfigurationError) as refused:
        Reader(url(tmp_path))
    assert "holds no log" in str(refused.value)


@pytest.mark.parametrize("bad", ["", "nonsense", "sqlite://", "sqlite:///:memory:", "mysql://x/y"])
def test_a_store_that_cannot_be_is_refused(bad: str) -> None:
    with pytest.raises(ConfigurationError):
        parse(bad)


def test_the_directory_is_beside_the_store() -> None:
    assert beside("sqlite:///var/redactor.db") == Path("var")
    assert beside("postgresql://a@b/c") == Path("var")


async def test_postgresql_keeps_the_log_of_two_nodes(tmp_path: Path, postgres: servers.Server) -> None:
    pytest.importorskip("pg8000")
    import psycopg

    name = f"log_{tmp_path.name}".lower()
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    store = postgres.dsn(name)
    one = await Log.open(store, tmp_path / "one")
    import shutil

    (tmp_path / "two").mkdir()
    shutil.copytree(tmp_path / "one/keys", tmp_path / "two/keys")
    shutil.copy(tmp_path / "one/log.pub", tmp_path / "two/log.pub")
    two = await Log.open(store, tmp_path / "two")
    for n in range(0, 60, 10):
        await asyncio.gather(append(one, range(n, n + 10)), append(two, range(1000 + n, 1010 + n)))
        await asyncio.gather(one.flush(), two.flush())
    await one.close()
    await two.close()
    key = (tmp_path / "one/log.pub").read_text()
    with Reader(store, tmp_path / "one") as found:
        report = found.verify(key)
        assert report.ok, report.wrong
        assert report.entries == 120
        lines: list[bytes] = []
        found.export(lines.append)
        assert len({e.value["decision"] for e in found.walk(Selection())}) == 120
    assert verify_export(lines, PublicKey.read(key), check=check).ok
