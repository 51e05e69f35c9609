"""Writing the log into the store: numbering entries, growing the tree, signing its head.

Knows the tables; every function is given a connection inside a writing transaction. Must not know files or threads.
Invariant: the head's row is locked before anything is numbered, so sequences have no gaps whichever node writes; a
record that is there already (same journal, same number) is passed over, so that draining twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from sqlalchemy import Connection, Table, func, insert, select, update

from redactor.audit import entry, tree
from redactor.audit.checkpoint import Signer, check
from redactor.audit.tree import Frontier
from redactor.audit.verifier import Checkpoint, PublicKey, Unverifiable, follow, leaf_hash, read_checkpoint
from redactor.errors import LogUnavailable
from redactor.store.tables import checkpoints, entries, head, subtrees

_ROWS_AT_ONCE = 500
"""Of at most 12 columns each: PostgreSQL's protocol counts parameters in 16 bits."""


def nodes(connection: Connection) -> tree.Nodes:
    """The tree's nodes, from the store; KeyError where one is missing."""

    def kept(level: int, first: int, count: int) -> list[bytes]:
        if level == 0:
            at, query = entries.c.sequence, select(entries.c.leaf_hash)
        else:
            at, query = subtrees.c.position, select(subtrees.c.hash).where(subtrees.c.level == level)
        query = query.where(at >= first, at < first + count).order_by(at)
        found = [bytes(h) for h in connection.execute(query).scalars()]
        if len(found) != count:
            raise KeyError((level, first))
        return found

    return tree.from_kept(kept)


class KeyChanged(LogUnavailable):
    """The log is signed with another key than the one that is used here: it may have been changed for a new one.

    `current` is the public key, as text, that signs now; `introductions` are the notes that lead to it.
    """

    def __init__(self, current: str, introductions: list[str]) -> None:
        super().__init__(
            "the log in this store is signed with another key than keys/log.key. If the key was changed on another "
            "machine, copy keys/log.key and log.pub from there; else restore that key, or use a new store",
            current,
        )
        self.current = current
        self.introductions = introductions


def introductions(connection: Connection, below: int | None = None) -> list[str]:
    """The notes that introduce the log's later keys, oldest first; `below`: of entries before that one only."""
    query = select(entries.c.leaf).where(entries.c.kind == "key").order_by(entries.c.sequence)
    if below is not None:
        query = query.where(entries.c.sequence < below)
    return [str(orjson.loads(leaf)["introduction"]) for leaf in connection.execute(query).scalars()]


def begin(
    connection: Connection, first: PublicKey, signer: Signer, published: str | None
) -> tuple[int, Checkpoint | None]:
    """Make sure that this is the log that the signer signs, unchanged since; gives its size, and the newest checkpoint.

    `first`: the log's first key; `published`: the newest checkpoint in the file beside the store. KeyChanged where
    another key signs it; LogUnavailable where the store is another's, was rolled back or rewritten: going on would
    sign two histories of one log.
    """
    # Locked, so that no other node adds an entry between what is counted here and what the head says.
    row = connection.execute(select(head).where(head.c.id == 1).with_for_update()).first()
    if row is None:
        connection.execute(insert(head).values(id=1, public_key=str(signer.public), size=0, frontier=b""))
        if published is not None:
            raise _not_as_signed("it is empty, and checkpoints of it have been published")
        return 0, None
    if row.public_key != str(signer.public):
        raise KeyChanged(row.public_key, introductions(connection))
    there = connection.execute(select(func.count(), func.max(entries.c.sequence)).select_from(entries)).one()
    if there[0] != row.size or (there[1] if there[1] is not None else -1) != row.size - 1:
        raise _not_as_signed(f"it has {there[0]} entries and should have {row.size}")
    read = nodes(connection)
    try:
        if b"".join(read(*at) for at in tree.frontier(row.size)) != row.frontier:
            raise _not_as_signed("its tree is not that of its entries")
        keys = follow(first, introductions(connection), check)
        if keys[-1].public != signer.public.public:
            raise _not_as_signed("no entry introduces the key that signs it")
        newest = connection.execute(select(checkpoints.c.note).order_by(checkpoints.c.size.desc()).limit(1)).scalar()
        signed = [read_checkpoint(note, keys, check) for note in (newest, published) if note is not None]
        for checkpoint in signed:
            _compare(checkpoint, row.size, read)
    except KeyError as e:
        raise _not_as_signed(f"a node of its tree is missing: {e}") from None
    except Unverifiable as e:
        raise _not_as_signed(str(e)) from None
    return int(row.size), max(signed, key=lambda c: c.size, default=None)


def _compare(checkpoint: Checkpoint, size: int, read: tree.Nodes) -> None:
    if checkpoint.size > size:
        raise _not_as_signed(f"it has {size} entries, and {checkpoint.size} had been signed")
    root = tree.root(checkpoint.size, read) if checkpoint.size else Frontier().root()
    if root != checkpoint.root:
        raise _not_as_signed(f"its first {checkpoint.size} entries are not those that were signed")


def _not_as_signed(why: str) -> LogUnavailable:
    return LogUnavailable(
        f"the log in the store is not what was signed: {why}. `redactor audit verify` tells more. To go on, put the "
        "store back, or keep it and its directory for the auditor and start a new one",
        why,
    )


def append(connection: Connection, journal: str, records: Sequence[tuple[int, bytes]]) -> int:
    """Number a journal's records and add them to the tree, in order; gives the log's size then."""
    row = connection.execute(select(head).where(head.c.id == 1).with_for_update()).one()
    frontier = Frontier(row.size, [row.frontier[i : i + 32] for i in range(0, len(row.frontier), 32)])
    last = connection.execute(select(func.max(entries.c.number)).where(entries.c.journal == journal)).scalar()
    rows: list[dict[str, object]] = []
    grown: list[dict[str, object]] = []
    for number, payload in records:
        if last is not None and number <= last:
            continue
        closed = entry.Closed.unpack(payload)
        leaf, value = entry.place(closed.body, journal, number, frontier.size)
        hashed = leaf_hash(leaf)
        rows.append(
            {**indexed(value), "leaf": leaf.decode(), "leaf_hash": hashed, "sealed": closed.sealed or None},
        )
        for level, position, digest in tree.completed(frontier.append(hashed)):
            grown.append({"level": level, "position": position, "hash": digest})
    if rows:
        _insert(connection, entries, rows)
        if grown:
            _insert(connection, subtrees, grown)
        connection.execute(
            update(head).where(head.c.id == 1).values(size=frontier.size, frontier=b"".join(frontier.hashes))
        )
    return frontier.size


def _insert(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Add rows that all have the same columns."""
    names = list(rows[0])
    quote = connection.dialect.identifier_preparer.quote
    if connection.dialect.name != "postgresql":
        # the driver takes the rows as they are, for a fifth of what having SQLAlchemy look at each costs
        into = (
            f"INSERT INTO {quote(table.name)} ({', '.join(map(quote, names))}) VALUES ({', '.join('?' * len(names))})"
        )
        connection.exec_driver_sql(into, [tuple(row.values()) for row in rows])
        return
    # pg8000 would ask the server once for each row, which takes several times as long.
    casts = (table.c[n].type.compile(connection.dialect).partition("(")[0] for n in names)
    places = "(" + ", ".join(f"%s::{cast}" for cast in casts) + ")"
    into = f"INSERT INTO {quote(table.name)} ({', '.join(map(quote, names))}) VALUES "
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        chunk = rows[first : first + _ROWS_AT_ONCE]
        values = tuple(row[name] for row in chunk for name in names)
        connection.exec_driver_sql(into + ", ".join([places] * len(chunk)), values)


def indexed(value: dict[str, object]) -> dict[str, object]:
    """What stands in columns of its own besides the leaf, taken from the leaf."""
    said = value.get
    return {
        "sequence": value["sequence"],
        "journal": value["journal"],
        "number": value["number"],
        "at": value["at"],
        "kind": value["kind"],
        "login": said("login", ""),
        "database": said("database", ""),
        "decision": said("decision", ""),
        "verdict": said("verdict", ""),
    }


def sign(connection: Connection, signer: Signer, at: float, last: Checkpoint | None) -> Checkpoint | None:
    """Sign the tree as it is now, unless that has been done; gives what is signed (None: of the empty log nothing is).

    `at`: seconds since the epoch; `last`: what this process knows to have been signed. KeyChanged where another key
    signs the log by now; LogUnavailable where the store does not continue what was signed (it was put back from a
    copy, say): no second history is signed.
    """
    row = connection.execute(select(head).where(head.c.id == 1).with_for_update()).one()
    if row.public_key != str(signer.public):
        raise KeyChanged(row.public_key, introductions(connection))
    if last is not None:
        try:
            _compare(last, row.size, nodes(connection))
        except KeyError as e:
            raise _not_as_signed(f"a node of its tree is missing: {e}") from None
    if not row.size:
        return None
    frontier = Frontier(row.size, [row.frontier[i : i + 32] for i in range(0, len(row.frontier), 32)])
    made = Checkpoint(signer.origin, row.size, frontier.root())
    if connection.execute(select(checkpoints.c.size).where(checkpoints.c.size == row.size)).first() is None:
        note = signer.sign(made.size, made.root)
        connection.execute(insert(checkpoints).values(size=row.size, note=note, at=entry.time_text(at)))
    return made


def change_key(connection: Connection, old: Signer, new: Signer, at: float, journal: str) -> list[str]:
    """Let the log be signed with another key from now on; gives the notes that introduce this and earlier ones.

    The old key signs the log as it is, and the new one's introduction; the entry that holds that is the first that
    the new one signs. `journal`: a journal's id never used before, for that entry.
    """
    signed = sign(connection, old, at, None)
    size = signed.size if signed else 0
    closed = entry.introduction(at, old.introduce(size, new.public))
    append(connection, journal, [(0, closed.pack())])
    connection.execute(update(head).where(head.c.id == 1).values(public_key=str(new.public)))
    sign(connection, new, at, signed)
    return introductions(connection)


def cosign(connection: Connection, size: int, line: str) -> None:
    """Add a witness's signature line to the checkpoint of that size."""
    found = checkpoints.c.size == size
    note = connection.execute(select(checkpoints.c.note).where(found).with_for_update()).scalar_one()
    if line not in note:
        connection.execute(update(checkpoints).where(found).values(note=note + line))


def notes_after(connection: Connection, size: int) -> list[tuple[int, str]]:
    """The checkpoints of more than `size` entries, oldest first."""
    query = select(checkpoints.c.size, checkpoints.c.note).where(checkpoints.c.size > size).order_by(checkpoints.c.size)
    return [(int(s), str(n)) for s, n in connection.execute(query)]


def retire(connection: Connection, through: int) -> int:
    """Remove the sealed texts of entries 0 to `through`; gives how many there were. The tree stays as it is."""
    found = (entries.c.sequence <= through) & entries.c.sealed.is_not(None)
    count = connection.execute(select(func.count()).select_from(entries).where(found)).scalar_one()
    connection.execute(update(entries).where(found).values(sealed=None))
    return int(count)
