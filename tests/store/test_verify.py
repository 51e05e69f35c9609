"""Whoever can write to the store changes it in every way: verification says what, and where."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from redactor.audit.checkpoint import Signer
from redactor.audit.tree import Frontier
from redactor.audit.verifier import Report, Unverifiable, leaf_hash
from redactor.store import Reader
from tests.audit.samples import SIGNER
from tests.store.opened import append, opened, url

SIZE = 9


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 9 entries with checkpoints at 3, 6 and 9."""
    directory = tmp_path_factory.mktemp("made")

    async def make() -> None:
        for start in range(0, SIZE, 3):
            async with opened(directory) as log:
                await append(log, range(start, start + 3))

    asyncio.run(make())
    return directory


@pytest.fixture
def here(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def database(here: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(here / "redactor.db", isolation_level=None)
    yield connection
    connection.close()


def verify(here: Path, **options: object) -> Report:
    with Reader(url(here)) as reader:
        return reader.verify((here / "log.pub").read_text(), **options)  # type: ignore[arg-type]


def named(report: Report) -> set[int | None]:
    return {w.sequence for w in report.wrong}


def test_as_it_was_signed(here: Path) -> None:
    report = verify(here)
    assert report.ok
    assert (report.entries, report.size, report.notes) == (SIZE, SIZE, [])


CHANGES = {
    "sequence": "sequence + 100",
    "journal": "'" + "f" * 32 + "'",
    "number": "number + 100",
    "at": "'2026-01-01T00:00:00.000000Z'",
    "kind": "'other'",
    "login": "'mallory'",
    "database": "'village'",
    "decision": "'x'",
    "verdict": "'allowed'",
    "leaf": "replace(leaf, 'clerk', 'mayor')",
    "leaf_hash": "zeroblob(32)",
    "sealed": "zeroblob(80)",
}


@pytest.mark.parametrize("column", CHANGES)
def test_every_column_of_every_entry_counts(here: Path, database: sqlite3.Connection, column: str) -> None:
    for i in range(SIZE):
        before = database.execute(f"SELECT {column} FROM entries WHERE sequence = ?", (i,)).fetchone()[0]
        database.execute(f"UPDATE entries SET {column} = {CHANGES[column]} WHERE sequence = ?", (i,))
        report = verify(here)
        assert i in named(report), (column, i)
        assert report.wrong[0].sequence == i
        at = i + 100 if column == "sequence" else i
        database.execute(f"UPDATE entries SET {column} = ? WHERE sequence = ?", (before, at))
    assert verify(here).ok


def test_every_bit_of_a_leaf_counts(here: Path, database: sqlite3.Connection) -> None:
    (leaf,) = database.execute("SELECT leaf FROM entries WHERE sequence = 4").fetchone()
    for at in range(0, len(leaf), 5):
        changed = leaf[:at] + chr(ord(leaf[at]) ^ 1) + leaf[at + 1 :]
        database.execute("UPDATE entries SET leaf = ? WHERE sequence = 4", (changed,))
        assert named(verify(here)) == {4}, at


@pytest.mark.parametrize("i", range(SIZE))
def test_every_dropped_entry_is_named(here: Path, database: sqlite3.Connection, i: int) -> None:
    database.execute("DELETE FROM entries WHERE sequence = ?", (i,))
    assert i in named(verify(here))


@pytest.mark.parametrize("i", range(SIZE))
def test_every_truncation_is_named(here: Path, database: sqlite3.Connection, i: int) -> None:
    rewrite(database, _leaves(database)[:i])
    report = verify(here)
    assert i in named(report)
    assert "cut off" in {w.kind for w in report.wrong}


def _leaves(database: sqlite3.Connection) -> list[str]:
    return [leaf for (leaf,) in database.execute("SELECT leaf FROM entries ORDER BY sequence")]


def rewrite(database: sqlite3.Connection, leaves: list[str]) -> None:
    """As one would who knows the code: every hash and column made anew, so that all but the signatures fits."""
    rows = database.execute("SELECT * FROM entries ORDER BY sequence").fetchall()
    sealed = {json.loads(row[9])["sealed"]["sha256"]: row[11] for row in rows}
    database.execute("DELETE FROM entries")
    frontier = Frontier()
    for i, leaf in enumerate(leaves):
        v = json.loads(leaf)
        v["sequence"] = i
        leaf = json.dumps(v, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest = leaf_hash(leaf.encode())
        row = (i, f"{i:032}", i, v["at"], v["kind"], v["login"], v["database"], v["decision"], v["verdict"])
        v["journal"], v["number"] = row[1], row[2]
        leaf = json.dumps(v, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest = leaf_hash(leaf.encode())
        content = sealed.get(v["sealed"]["sha256"])
        database.execute("INSERT INTO entries VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", (*row, leaf, digest, content))
        frontier.append(digest)
    database.execute("UPDATE head SET size = ?, frontier = ?", (frontier.size, b"".join(frontier.hashes)))


def test_a_rewritten_tree_does_not_fit_what_was_signed(here: Path, database: sqlite3.Connection) -> None:
    leaves = _leaves(database)
    leaves[7] = leaves[7].replace('"login":"clerk"', '"login":"mayor"')
    rows = database.execute("SELECT sequence, journal, number FROM entries ORDER BY sequence").fetchall()
    rewrite(database, leaves)
    for sequence, journal, number in rows:  # the places stay as they were: only entry 7 differs from what was signed
        (leaf,) = database.execute("SELECT leaf FROM entries WHERE sequence = ?", (sequence,)).fetchone()
        v = json.loads(leaf) | {"journal": journal, "number": number}
        leaf = json.dumps(v, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        database.execute(
            "UPDATE entries SET leaf = ?, leaf_hash = ?, journal = ?, number = ? WHERE sequence = ?",
            (leaf, leaf_hash(leaf.encode()), journal, number, sequence),
        )
    report = verify(here)
    assert [(w.kind, w.sequence) for w in report.wrong] == [("changed", 6)]
    assert "one or more of entries 6-8" in report.wrong[0].what
    assert report.entries == 6


@pytest.mark.parametrize("how", ["swap", "drop", "insert", "double"])
def test_whoever_makes_all_hashes_anew_is_found(here: Path, database: sqlite3.Connection, how: str) -> None:
    leaves = _leaves(database)
    match how:
        case "swap":
            leaves[1], leaves[2] = leaves[2], leaves[1]
        case "drop":
            del leaves[4]
        case "insert":
            leaves.insert(5, leaves[5].replace("0123abcd-5", "0123abcd-x"))
        case "double":
            leaves.append(leaves[8])
    rewrite(database, leaves)
    report = verify(here)
    assert not report.ok
    assert report.entries < SIZE


def test_without_the_checkpoints_in_the_store_those_in_the_file_tell(here: Path, database: sqlite3.Connection) -> None:
    rewrite(database, _leaves(database)[:3])
    database.execute("DELETE FROM checkpoints")
    report = verify(here)
    assert "entries 3-8 of 9 not there" in " ".join(w.what for w in report.wrong)


def test_a_checkpoint_of_another_key_is_named(here: Path, database: sqlite3.Connection) -> None:
    origin = (here / "log.pub").read_text().partition("+")[0]
    forged = Signer(origin, b"f" * 32).sign(6, b"r" * 32)
    database.execute("UPDATE checkpoints SET note = ? WHERE size = 6", (forged,))
    report = verify(here)
    assert [w.kind for w in report.wrong] == ["checkpoint"]
    assert "not signed by this public key" in report.wrong[0].what


async def test_a_fork_is_named(here: Path, tmp_path: Path) -> None:
    shutil.copytree(here, tmp_path / "fork")
    async with opened(here) as log:
        await append(log, range(100, 103))
    async with opened(tmp_path / "fork") as log:
        await append(log, range(200, 203))
    other = (tmp_path / "fork/checkpoints.txt").read_text().split("\n\n")
    newest = f"{other[-3].strip()}\n\n{other[-2]}\n"
    report = verify(here, earlier=[newest])
    assert "two different logs of 12 entries have been signed" in report.wrong[0].what


def test_a_checkpoint_kept_from_before_shows_what_was_cut_off(here: Path, database: sqlite3.Connection) -> None:
    kept = (here / "checkpoints.txt").read_text().split("\n\n")
    rewrite(database, _leaves(database)[:3])
    database.execute("DELETE FROM checkpoints WHERE size > 3")
    (here / "checkpoints.txt").unlink()
    alone = verify(here)
    report = verify(here, earlier=[f"{kept[4].strip()}\n\n{kept[5]}\n"])
    assert {w.kind for w in report.wrong} > {w.kind for w in alone.wrong}
    assert "cut off" in {w.kind for w in report.wrong}


def test_another_logs_key_verifies_nothing(here: Path) -> None:
    with Reader(url(here)) as reader:
        report = reader.verify(str(SIGNER.public))
        assert {w.kind for w in report.wrong} == {"checkpoint"}
        assert report.notes == ["nothing has been signed yet", "entries 0-8 not signed yet: not verified"]
        with pytest.raises(Unverifiable):
            reader.verify("no key")


async def test_what_is_not_signed_yet_is_said_so(here: Path, database: sqlite3.Connection) -> None:
    database.execute("DELETE FROM checkpoints WHERE size = 9")
    lines = (here / "checkpoints.txt").read_text().split("\n\n")
    (here / "checkpoints.txt").write_text("\n\n".join(lines[:4]) + "\n\n")
    report = verify(here)
    assert report.ok
    assert report.entries == 6
    assert report.notes == ["entries 6-8 not signed yet: not verified"]
    async with opened(here):  # the next start signs what a crash left unsigned
        pass
    report = verify(here)
    assert report.ok
    assert report.entries == 9
