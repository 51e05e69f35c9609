"""Verifying the log where it is kept: every entry, the tree over them, and every checkpoint ever signed.

Knows the tables and the log's public key. Must not write, nor trust any column but by recomputing it. Invariant: what
is reported wrong differs from what was signed; what is not reported is covered by a signature, or said not to be.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import orjson
from sqlalchemy import Connection, select

from redactor.audit.checkpoint import check
from redactor.audit.entry import canonical
from redactor.audit.tree import Frontier
from redactor.audit.verifier import (
    Checkpoint,
    PublicKey,
    Report,
    Unverifiable,
    Wrong,
    follow,
    leaf_hash,
    read_checkpoint,
    runs,
)
from redactor.store.ledger import indexed, introductions
from redactor.store.tables import checkpoints, entries, head


def verify_store(connection: Connection, public_key: str, published: list[str], kept: list[str]) -> Report:
    """What is wrong with the log in the store. Unverifiable where the public key itself cannot be used.

    `public_key`: the text of a log.pub, of which only the first line is believed: entries introduce later keys.
    `published`: the notes in the file beside the store; `kept`: those that the auditor kept from before.
    """
    key = PublicKey.read(public_key.strip().partition("\n")[0])
    report = Report(origin=key.name)
    keys = _keys(connection, key, report)
    signed = _signed(connection, keys, published, kept, report)
    newest = max(signed, default=0)
    report.size = newest
    if not signed:
        report.notes.append("nothing has been signed yet")
    else:
        report.root = base64.b64encode(signed[newest].root).decode()
    size = _walk(connection, signed, newest, report)
    if size < newest:
        what = f"{describe(size, newest - 1)} of {newest} not there: the log was cut off or rolled back"
        report.wrong.append(Wrong("cut off", what, size))
    elif size > newest:
        report.notes.append(f"{describe(newest, size - 1)} not signed yet: not verified")
    row = connection.execute(select(head).where(head.c.id == 1)).first()
    if (row.size if row else 0) != size:
        report.wrong.append(Wrong("head", f"the store says {row.size if row else 0} entries and has {size}"))
    report.wrong.sort(key=lambda w: w.sequence if w.sequence is not None else newest)
    return report


def describe(first: int, last: int) -> str:
    """`entry 7`, or `entries 7-9`."""
    return f"entry {first}" if first == last else f"entries {first}-{last}"


def _keys(connection: Connection, first: PublicKey, report: Report) -> list[PublicKey]:
    """The log's keys, as its entries introduce them. That the entries are as signed is found out apart from this."""
    try:
        keys = follow(first, introductions(connection), check)
    except (Unverifiable, ValueError, KeyError, TypeError) as e:
        report.found("key", f"the log's keys cannot be followed: {e}")
        return [first]
    report.notes += [f"entry {k.since - 1} introduced a new key of the log" for k in keys[1:]]
    return keys


def _signed(
    connection: Connection, keys: list[PublicKey], published: list[str], kept: list[str], report: Report
) -> dict[int, Checkpoint]:
    """Every checkpoint there is, verified, by size."""
    stored = [str(n) for n in connection.execute(select(checkpoints.c.note).order_by(checkpoints.c.size)).scalars()]
    signed: dict[int, Checkpoint] = {}
    for where, notes in (("in the store", stored), ("in the file", published), ("kept from before", kept)):
        for note in notes:
            try:
                checkpoint = read_checkpoint(note, keys, check)
            except Unverifiable as e:
                report.wrong.append(Wrong("checkpoint", f"one {where}: {e}"))
                continue
            other = signed.setdefault(checkpoint.size, checkpoint)
            if other.root != checkpoint.root:
                what = f"two different logs of {checkpoint.size} entries have been signed (one {where}): a fork"
                report.wrong.append(Wrong("checkpoint", what, max(0, checkpoint.size - 1)))
    return signed


def _walk(connection: Connection, signed: dict[int, Checkpoint], newest: int, report: Report) -> int:
    """Go through the entries; gives how many places the log has."""
    frontier = Frontier()
    expected = 0
    good = 0  # up to here a checkpoint has agreed
    broken = False  # an entry was found wrong since then: later checkpoints cannot agree
    gone: list[int] = []
    retired = -1
    for row in connection.execute(select(entries).order_by(entries.c.sequence).execution_options(yield_per=500)):
        if row.sequence != expected:
            what = f"{describe(expected, row.sequence - 1)} of {newest} not there"
            report.wrong.append(Wrong("missing", what, expected))
            broken = True
        expected = row.sequence + 1
        faults = list(_faults(row))
        report.wrong += faults
        broken = broken or bool(faults)
        value = _object(row.leaf)
        if value.get("kind") == "retention" and isinstance(value.get("through"), int):
            through = min(value["through"], row.sequence - 1)
            retired = max(retired, through)
            report.notes.append(f"entry {row.sequence} retired the texts of entries 0-{through}")
        if row.sealed is None and isinstance(value.get("sealed"), dict):
            gone.append(row.sequence)
        if not faults and row.sequence < newest:
            report.entries += 1
        frontier.append(leaf_hash(str(row.leaf).encode()))
        checkpoint = signed.get(frontier.size)
        if checkpoint is None or frontier.size != expected:
            continue
        if checkpoint.root == frontier.root():
            good = checkpoint.size
        elif not broken:
            what = f"the checkpoint of {checkpoint.size} entries does not agree: changed is {_one_of(good, checkpoint)}"
            report.wrong.append(Wrong("changed", what, good))
            report.entries = min(report.entries, good)
            broken = True
    for first, _, words in runs(g for g in gone if g > retired):
        what = f"the sealed text of {words} is gone, and no retention entry says so"
        report.wrong.append(Wrong("missing", what, first))
    return expected


def _one_of(good: int, checkpoint: Checkpoint) -> str:
    if checkpoint.size - good == 1:
        return f"entry {good}"
    return f"one or more of {describe(good, checkpoint.size - 1)}"


def _faults(row: Any) -> Iterator[Wrong]:
    leaf = str(row.leaf).encode()
    value = _object(row.leaf)
    if leaf_hash(leaf) != bytes(row.leaf_hash):
        yield Wrong("changed", f"entry {row.sequence} is not the one that was logged", row.sequence)
        return
    try:
        spelled = canonical(value) == leaf
        columns = indexed(value)
    except (KeyError, TypeError):
        spelled, columns = False, {}
    if not spelled:
        yield Wrong("changed", f"entry {row.sequence} is not an entry in its canonical form", row.sequence)
        return
    for name, expected in columns.items():
        if getattr(row, name) != expected:
            what = f"the column {name} of entry {row.sequence} says {getattr(row, name)!r}, the entry {expected!r}"
            yield Wrong("changed", what, row.sequence)
    commitment = value.get("sealed")
    if row.sealed is not None and (
        not isinstance(commitment, dict) or commitment.get("sha256") != hashlib.sha256(bytes(row.sealed)).hexdigest()
    ):
        what = f"the sealed text of entry {row.sequence} is not the one that was logged"
        yield Wrong("changed", what, row.sequence)


def _object(leaf: Any) -> dict[str, Any]:
    try:
        value = orjson.loads(str(leaf))
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
