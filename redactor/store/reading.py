"""Reading the log back: for the auditor's commands and pages, and for exports that can be verified elsewhere.

Knows the tables. Must not write, nor know any private key. Invariant: what is shown of an entry comes from its leaf,
the bytes that the tree holds; the other columns only help to find it. Blocking: call it from a thread.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Select, select

from redactor.audit import tree
from redactor.audit.entry import canonical
from redactor.audit.formats import Format
from redactor.audit.verifier import FORMAT, Report
from redactor.errors import LogUnavailable
from redactor.store import published, verify
from redactor.store.database import Database, beside
from redactor.store.ledger import introductions, nodes, notes_after
from redactor.store.tables import checkpoints, entries

PAGE = 500


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entries: all conditions that are set must hold. Times are UTC; `since` is inside, `until` outside.

    `column` may be a column's name alone, `table.column` or `schema.table.column`.
    """

    since: datetime | None = None
    until: datetime | None = None
    login: str | None = None
    database: str | None = None
    verdict: str | None = None
    rule: str | None = None
    column: str | None = None

    @property
    def everything(self) -> bool:
        return self == Selection()

    def picks(self, value: dict[str, Any]) -> bool:
        """Whether a leaf meets the conditions that no index decides."""
        if self.rule is not None and all(r["rule"] != self.rule for r in value.get("rules", ())):
            return False
        if self.column is None:
            return True
        named = [c["column"] for c in value.get("columns", ())]
        named += [c for r in value.get("rules", ()) for c in r["columns"]]
        return any(c == self.column or c.endswith("." + self.column) for c in named)


@dataclass(frozen=True, slots=True)
class Stored:
    """An entry as the store has it. `value` is the leaf, parsed (fields: `audit.entry.FIELDS`)."""

    sequence: int
    leaf: bytes
    value: dict[str, Any]
    leaf_hash: bytes
    sealed: bytes | None


class Reader:
    """A log, for reading. `close` it when done."""

    def __init__(self, url: str, directory: Path | str | None = None) -> None:
        """ConfigurationError where there is no log. `directory`: as for `Log.open`."""
        self.directory = Path(directory) if directory is not None else beside(url)
        self.database = Database(url)
        try:
            self.database.require()
        except BaseException:
            self.database.close()
            raise

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Give up the connection."""
        self.database.close()

    def select(self, selection: Selection | None = None, limit: int | None = None, newest: bool = True) -> list[Stored]:
        """At most `limit` entries that are meant, the newest first or the oldest."""
        found: list[Stored] = []
        for entry in self.walk(selection or Selection(), newest):
            if limit is not None and len(found) >= limit:
                break
            found.append(entry)
        return found

    def walk(
        self, selection: Selection, newest: bool = False, below: int | None = None, above: int | None = None
    ) -> Iterator[Stored]:
        """All entries that are meant, page by page; `below` and `above`: only those with such a sequence."""
        sequence = entries.c.sequence
        last = None if newest else above
        while True:
            query = _query(selection)
            if below is not None:
                query = query.where(sequence < below)
            if last is not None:
                query = query.where(sequence < last if newest else sequence > last)
            if newest and above is not None:
                query = query.where(sequence > above)
            query = query.order_by(sequence.desc() if newest else sequence).limit(PAGE)
            page = self.database.call(lambda c, q=query: c.execute(q).all())  # type: ignore[misc]
            for row in page:
                entry = _stored(row)
                if selection.picks(entry.value):
                    yield entry
            if len(page) < PAGE:
                return
            last = page[-1].sequence

    def get(self, sequence: int) -> Stored | None:
        """The entry at that place."""
        query = _query(Selection()).where(entries.c.sequence == sequence)
        row = self.database.call(lambda c: c.execute(query).first())
        return None if row is None else _stored(row)

    def several(self, sequences: Sequence[int]) -> list[Stored]:
        """The entries at those places (at most PAGE), in the order given; what is not there is left out."""
        query = _query(Selection()).where(entries.c.sequence.in_(sequences[:PAGE]))
        found = {e.sequence: e for e in map(_stored, self.database.call(lambda c: c.execute(query).all()))}
        return [found[s] for s in sequences if s in found]

    def find(self, decision: str) -> list[Stored]:
        """The entries of a decision, by its id or by the part of it that its requester was told.

        One by an id, or more where a tripwire followed; by the told part, every decision alike.
        """
        named = (entries.c.decision == decision) | entries.c.decision.startswith(f"{decision}-", autoescape=True)
        query = _query(Selection()).where(named).order_by(entries.c.sequence)
        return [_stored(row) for row in self.database.call(lambda c: c.execute(query).all())]

    def size(self) -> int:
        """How many entries there are."""
        query = select(entries.c.sequence).order_by(entries.c.sequence.desc()).limit(1)
        last = self.database.call(lambda c: c.execute(query).scalar())
        return 0 if last is None else int(last) + 1

    def checkpoint(self) -> tuple[int, str] | None:
        """The newest signed tree head: its size and its note."""
        query = select(checkpoints.c.size, checkpoints.c.note).order_by(checkpoints.c.size.desc()).limit(1)
        row = self.database.call(lambda c: c.execute(query).first())
        return None if row is None else (int(row[0]), str(row[1]))

    def signed_at(self) -> datetime | None:
        """When the newest tree head was signed."""
        query = select(checkpoints.c.at).order_by(checkpoints.c.size.desc()).limit(1)
        at = self.database.call(lambda c: c.execute(query).scalar())
        return None if at is None else datetime.fromisoformat(str(at))

    def checkpoints(self, above: int = -1) -> list[tuple[int, str]]:
        """The signed tree heads of more than `above` entries: size and note, oldest first."""
        return self.database.call(lambda c: notes_after(c, above))

    def introductions(self, below: int | None = None) -> list[str]:
        """The notes that introduce the log's later keys, oldest first."""
        return self.database.call(lambda c: introductions(c, below))

    def inclusion(self, sequence: int, size: int) -> list[bytes]:
        """The proof that the entry is in the tree of that size (`verifier.included` checks it)."""
        return self._prove(lambda read: tree.inclusion(sequence, size, read))

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the log of `new` entries begins with that of `old` (`tree.consistent` checks it)."""
        return self._prove(lambda read: tree.consistency(old, new, read))

    def _prove(self, work: Callable[[tree.Nodes], list[bytes]]) -> list[bytes]:
        try:
            return self.database.call(lambda c: work(nodes(c)))
        except KeyError as e:
            raise LogUnavailable("the log is damaged: `redactor audit verify` tells where", str(e)) from None

    def verify(self, public_key: str, earlier: list[str] | None = None) -> Report:
        """Recompute the whole log and compare it with every checkpoint: in the store, in the file, kept elsewhere."""
        notes = published.read(self.directory / published.NAME)
        return self.database.call(lambda c: verify.verify_store(c, public_key, notes, earlier or []))

    def export(
        self, write: Callable[[bytes], object], selection: Selection | None = None, witnessed: bool = False
    ) -> int:
        """Write what `audit.verifier` verifies, up to the newest checkpoint; gives how many entries that was.

        LogUnavailable where nothing has been signed yet. With a selection the rest cannot be verified from the file.
        `witnessed`: up to the newest checkpoint that a witness has cosigned.
        """
        return self._export(write, lambda below: self.walk(selection or Selection(), below=below), witnessed)

    def prove(self, write: Callable[[bytes], object], sequences: Sequence[int]) -> int:
        """As `export`, of those entries only: a selection that is verified as one. What is not signed is left out."""

        def pick(below: int) -> Iterator[Stored]:
            for at in range(0, len(sequences), PAGE):
                yield from (e for e in self.several(sequences[at : at + PAGE]) if e.sequence < below)

        return self._export(write, pick, False)

    def _export(
        self, write: Callable[[bytes], object], pick: Callable[[int], Iterable[Stored]], witnessed: bool
    ) -> int:
        notes = [(s, n) for s, n in self.checkpoints() if not witnessed or n.partition("\n\n")[2].count("\n") > 1]
        if not notes:
            what = "no checkpoint that a witness has cosigned" if witnessed else "no checkpoint yet"
            raise LogUnavailable(f"the log has {what}, so nothing in it could be verified")
        size, note = notes[-1]
        query = select(entries.c.leaf_hash).where(entries.c.sequence < size).order_by(entries.c.sequence)
        levels = tree.Levels(self.database.call(lambda c: [bytes(h) for h in c.execute(query).scalars()]))
        keys = self.introductions(below=size)
        write(canonical({"checkpoint": note, "format": FORMAT, "keys": keys}) + b"\n")
        count = 0
        try:
            for entry in pick(size):
                proof = [base64.b64encode(h).decode() for h in tree.inclusion(entry.sequence, size, levels)]
                sealed = None if entry.sealed is None else base64.b64encode(entry.sealed).decode()
                # The leaf is canonical already: it goes out as the very bytes that are hashed.
                rest = canonical({"proof": proof, "sealed": sealed})[1:]
                write(b'{"entry":' + entry.leaf + b"," + rest + b"\n")
                count += 1
        except IndexError:
            raise LogUnavailable("the log is damaged: `redactor audit verify` tells where") from None
        return count

    def render(self, write: Callable[[bytes], object], form: Format, selection: Selection | None = None) -> int:
        """Write entries in another system's format; gives how many. Without proofs and sealed texts."""
        write(form.head)
        count = 0
        walk = self.walk(selection or Selection())
        while page := [e.value for e in islice(walk, PAGE)]:
            write(form.bundle(page))
            count += len(page)
        return count


def _query(selection: Selection) -> Select[Any]:
    query = select(entries.c.sequence, entries.c.leaf, entries.c.leaf_hash, entries.c.sealed)
    if selection.since is not None:
        query = query.where(entries.c.at >= _time(selection.since))
    if selection.until is not None:
        query = query.where(entries.c.at < _time(selection.until))
    if selection.login is not None:
        query = query.where(entries.c.login == selection.login)
    if selection.database is not None:
        query = query.where(entries.c.database == selection.database)
    if selection.verdict is not None:
        query = query.where(entries.c.verdict == selection.verdict)
    return query


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _stored(row: Any) -> Stored:
    leaf = str(row.leaf).encode()
    try:
        value = orjson.loads(leaf)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        # Somebody has changed it: show that there is something here, and let verification say what.
        value = {"kind": "unreadable", "sequence": row.sequence}
    sealed = None if row.sealed is None else bytes(row.sealed)
    return Stored(int(row.sequence), leaf, value, bytes(row.leaf_hash), sealed)
