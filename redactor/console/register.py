"""The register: the console's own index of the log, so that a million entries are as quick as a hundred.

Knows the leaves of the log and one SQLite file of its own, which may be thrown away at any time: it is made again
from the log. Must not be believed: it only finds entries, and what a page says of one comes from its leaf. Invariant:
entries are entered in order, each once, and all that a filter can name is taken from the leaf that the tree holds.

Blocking. `follow` is for one thread; the others may be called from any.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from redactor.audit.verifier import leaf_hash
from redactor.store import Reader, Stored
from redactor.store.keys import PUBLIC
from redactor.store.reading import Selection

VERSION = 2
BATCH = 2000
PATIENCE = 1.0
"""Seconds that a count may take."""

VERDICTS = ("refused", "redacted", "allowed")
HOUR = 3600

_SCHEMA = f"""
CREATE TABLE state (version INTEGER, log TEXT, next INTEGER);
CREATE TABLE names (id INTEGER PRIMARY KEY, what TEXT NOT NULL, text TEXT NOT NULL, n INTEGER NOT NULL,
  refused INTEGER NOT NULL, redacted INTEGER NOT NULL, allowed INTEGER NOT NULL,
  first INTEGER NOT NULL, last INTEGER NOT NULL, UNIQUE (what, text));
CREATE INDEX names_refused ON names (what, refused DESC);
CREATE INDEX names_n ON names (what, n DESC);
CREATE TABLE entry (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, verdict TEXT NOT NULL,
  shape INTEGER NOT NULL);
CREATE TABLE mention (name INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (name, seq)) WITHOUT ROWID;
CREATE TABLE hours (hour INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL);
CREATE TABLE tally (name INTEGER NOT NULL, hour INTEGER NOT NULL, verdict TEXT NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY (name, hour, verdict)) WITHOUT ROWID;
INSERT INTO state VALUES ({VERSION}, '', 0);
"""

_EVERYTHING = 0
"""The name under which all decisions are tallied."""


class TooMany(Exception):
    """A count would take longer than PATIENCE."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries: all that is set must hold. Times are seconds since 1970, UTC; `until` is outside.

    `who`: a login, or the person for whom it asked (`provider/subject`). `column`: name, table.column or in full.
    `client`: an address. `shape`: its digest, as `Group` and `shape_of` give it. `kind`: as entries have it.
    """

    since: int | None = None
    until: int | None = None
    who: str | None = None
    database: str | None = None
    verdict: str | None = None
    rule: str | None = None
    column: str | None = None
    client: str | None = None
    shape: str | None = None
    deed: str | None = None
    kind: str = "decision"

    @property
    def named(self) -> dict[str, str]:
        """The conditions that are names, by what they name."""
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("since", "until", "kind")}
        return {what: text for what, text in given.items() if text}


@dataclass(frozen=True, slots=True)
class Found:
    """A page of sequences, newest first; whether there are newer and older ones."""

    sequences: tuple[int, ...]
    newer: bool
    older: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """How many decisions of each verdict from `at` (seconds since 1970) on, for one step of the chart."""

    at: int
    refused: int
    redacted: int
    allowed: int


@dataclass(frozen=True, slots=True)
class Group:
    """Decisions on statements of one shape: its digest, how many there are, the first and the last of them."""

    shape: str
    count: int
    first: int
    last: int


def shape_of(shape: str) -> str:
    """The digest by which a shape is filtered: 16 hex digits of its SHA-256."""
    return hashlib.sha256(shape.encode()).hexdigest()[:16]


class Register:
    """One register file. Made anew where it is of another version, another log, or ahead of the log."""

    def __init__(self, file: Path, patience: float = PATIENCE) -> None:
        self._file = file
        self._patience = patience
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with self._open() as c:
                good = c.execute("SELECT version FROM state").fetchone() == (VERSION,)
        except sqlite3.DatabaseError:
            good = False
        if not good:
            self._begin_anew("")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._file, timeout=30, isolation_level=None)) as c:
            c.execute("PRAGMA journal_mode=WAL")
            c.execute("PRAGMA synchronous=OFF")  # it can be made again
            c.execute("PRAGMA temp_store=MEMORY")
            yield c

    def _begin_anew(self, log: str) -> None:
        for suffix in ("", "-wal", "-shm"):
            self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)
        self._file.touch(mode=0o600)
        with self._open() as c:
            c.executescript(_SCHEMA)
            c.execute("UPDATE state SET log = ?", (log,))

    # -------------------------------------------------------------- entering

    def follow(self, reader: Reader, most: int | None = None) -> int:
        """Enter what the log has grown by since the last time, `most` entries at once; gives how many those were."""
        log = (reader.directory / PUBLIC).read_text().partition("\n")[0]
        size = reader.size()
        with self._open() as c:
            known, following = c.execute("SELECT log, next FROM state").fetchone()
        if known != log or following > size:
            self._begin_anew(log)
            following = 0
        count, batch = 0, list[Stored]()
        for stored in reader.walk(Selection(), above=following - 1):
            batch.append(stored)
            count += 1
            if len(batch) == BATCH or count == most:
                self._enter(batch)
                batch = []
            if count == most:
                break
        self._enter(batch)
        return count

    def _enter(self, batch: Sequence[Stored]) -> None:
        if not batch:
            return
        with self._open() as c:
            c.execute("BEGIN IMMEDIATE")
            ids = _Ids(c)
            rows, mentions, tallies, hours = [], [], dict[tuple[int, int, str], int](), dict[int, tuple[int, int]]()
            for stored in batch:
                value, sequence = stored.value, stored.sequence
                at, kind, verdict = _seconds(value), str(value.get("kind", "")), str(value.get("verdict", ""))
                try:
                    names = set(_names(value))
                except (KeyError, TypeError, AttributeError):
                    names, kind = set(), "unreadable"
                if leaf_hash(stored.leaf) != stored.leaf_hash:
                    kind = "unreadable"
                named = {ids.get(what, text, verdict, sequence) for what, text in names}
                shape = 0
                if kind == "decision":
                    shape = ids.get("shape", shape_of(str(value.get("shape", ""))), verdict, sequence)
                    named.add(shape)
                rows.append((sequence, at, kind, verdict, shape))
                mentions += [(name, sequence) for name in named]
                hour = at // HOUR
                first, last = hours.get(hour, (sequence, sequence))
                hours[hour] = min(first, sequence), max(last, sequence)
                if kind == "decision":
                    for name in (*named, _EVERYTHING):
                        key = (name, hour, verdict)
                        tallies[key] = tallies.get(key, 0) + 1
            c.executemany("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?)", rows)
            c.executemany("INSERT OR IGNORE INTO mention VALUES (?, ?)", sorted(mentions))
            c.executemany(
                "INSERT INTO tally VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
                [(*key, n) for key, n in tallies.items()],
            )
            c.executemany(
                "INSERT INTO hours VALUES (?, ?, ?) ON CONFLICT DO UPDATE"
                " SET first = min(first, excluded.first), last = max(last, excluded.last)",
                [(hour, *ends) for hour, ends in hours.items()],
            )
            ids.write()
            c.execute("UPDATE state SET next = ?", (batch[-1].sequence + 1,))
            c.execute("COMMIT")

    # -------------------------------------------------------------- finding

    @property
    def next(self) -> int:
        """The first sequence that is not entered yet."""
        with self._open() as c:
            return int(c.execute("SELECT next FROM state").fetchone()[0])

    def find(self, wanted: Filter, limit: int, before: int | None = None, after: int | None = None) -> Found:
        """The newest `limit` that are meant, below `before`; or the oldest above `after`, newest first all the same."""
        with self._open() as c:
            query = _query(c, wanted)
            if query is None:
                return Found((), False, False)
            up = after is not None and before is None
            query.bound(before, after)
            order = "ASC" if up else "DESC"
            sql = f"SELECT e.seq {query.text} ORDER BY {query.key} {order} LIMIT {limit + 1}"
            found = [int(row[0]) for row in c.execute(sql, query.values)]
        more, shown = len(found) > limit, found[:limit]
        if up:
            return Found(tuple(reversed(shown)), more, True)
        return Found(tuple(shown), before is not None, more)

    def names(self, what: str, limit: int = 200) -> list[tuple[str, int]]:
        """The names of that kind that occur, the most frequent first, with their number."""
        with self._open() as c:
            sql = "SELECT text, n FROM names WHERE what = ? ORDER BY n DESC LIMIT ?"
            return [(str(t), int(n)) for t, n in c.execute(sql, (what, limit))]

    def last(self, what: str, limit: int = 50) -> list[tuple[str, int, int]]:
        """The names of that kind that occurred last: with their number and the sequence of the last, newest first."""
        with self._open() as c:
            sql = "SELECT text, n, last FROM names WHERE what = ? ORDER BY last DESC LIMIT ?"
            return [(str(t), int(n), int(last)) for t, n, last in c.execute(sql, (what, limit))]

    def ends(self) -> tuple[int, int] | None:
        """The first and the last hour of the log, in seconds since 1970."""
        with self._open() as c:
            first, last = c.execute("SELECT min(hour), max(hour) FROM hours").fetchone()
        return None if first is None else (first * HOUR, last * HOUR)

    def chart(self, wanted: Filter, step: int) -> list[Bar]:
        """Decisions by time, in steps of so many seconds (whole hours); steps without any are left out.

        The filter's verdict does not matter. TooMany where it would take too long.
        """
        counts: dict[int, dict[str, int]] = {}
        with self._open() as c:
            for at, verdict, n in self._counted(c, wanted):
                bar = counts.setdefault(at // step * step, dict.fromkeys(VERDICTS, 0))
                bar[verdict] = bar.get(verdict, 0) + n
        return [Bar(at, *(counts[at][v] for v in VERDICTS)) for at in sorted(counts)]

    def _counted(self, c: sqlite3.Connection, wanted: Filter) -> list[tuple[int, str, int]]:
        given = [_id_of(c, what, text) for what, text in wanted.named.items() if what != "verdict"]
        whole_hours = all(t is None or t % HOUR == 0 for t in (wanted.since, wanted.until))
        if wanted.kind == "decision" and whole_hours and len(given) <= 1:
            name = given[0][0] if given and given[0] else -1 if given else _EVERYTHING
            low, high = (wanted.since or 0) // HOUR, (wanted.until or 1 << 40) // HOUR
            sql = "SELECT hour * 3600, verdict, n FROM tally WHERE name = ? AND hour >= ? AND hour < ?"
            return c.execute(sql, (name, low, high)).fetchall()
        query = _query(c, wanted, without="verdict")
        if query is None:
            return []
        sql = f"SELECT e.at / 3600 * 3600, e.verdict, count(*) {query.text} GROUP BY 1, 2"
        return self._patiently(c, sql, query.values)

    def groups(self, wanted: Filter, limit: int = 50, offset: int = 0) -> list[Group]:
        """The shapes of what is meant, the most frequent first. TooMany where it would take too long."""
        with self._open() as c:
            unbounded = wanted.since is None and wanted.until is None and wanted.kind == "decision"
            if unbounded and not set(wanted.named) - {"verdict"}:
                by = wanted.verdict if wanted.verdict in VERDICTS else "n"
                sql = (
                    f"SELECT text, {by}, first, last FROM names"
                    f" WHERE what = 'shape' AND {by} > 0 ORDER BY {by} DESC, last DESC LIMIT ? OFFSET ?"
                )
                return [Group(*row) for row in c.execute(sql, (limit, offset))]
            query = _query(c, wanted)
            if query is None:
                return []
            sql = (
                "SELECT n.text, g.n, g.first, g.last FROM (SELECT e.shape AS shape, count(*) AS n,"
                f" min(e.seq) AS first, max(e.seq) AS last {query.text} GROUP BY 1 ORDER BY 2 DESC, 4 DESC"
                " LIMIT ? OFFSET ?) g JOIN names n ON n.id = g.shape ORDER BY g.n DESC, g.last DESC"
            )
            return [Group(*row) for row in self._patiently(c, sql, [*query.values, limit, offset])]

    def _patiently(self, c: sqlite3.Connection, sql: str, values: Sequence[object]) -> list[Any]:
        end = time.monotonic() + self._patience
        c.set_progress_handler(lambda: time.monotonic() > end, 1000)
        try:
            return c.execute(sql, values).fetchall()
        except sqlite3.OperationalError as e:
            if "interrupt" in str(e):
                raise TooMany from None
            raise


_NEW_NAME = """INSERT INTO names (what, text, n, refused, redacted, allowed, first, last)
VALUES (?, ?, 0, 0, 0, 0, ?, ?)"""


class _Ids:
    """Names to their numbers within one batch, and what the batch adds to their counts."""

    def __init__(self, c: sqlite3.Connection) -> None:
        self._c = c
        self._known: dict[tuple[str, str], int] = {}
        self._more: dict[int, list[int]] = {}

    def get(self, what: str, text: str, verdict: str, sequence: int) -> int:
        key = (what, text)
        found = self._known.get(key)
        if found is None:
            row = self._c.execute("SELECT id FROM names WHERE what = ? AND text = ?", key).fetchone()
            if row is None:
                row = (self._c.execute(_NEW_NAME, (*key, sequence, sequence)).lastrowid,)
            found = self._known[key] = int(row[0])
        more = self._more.setdefault(found, [0, 0, 0, 0, sequence])
        more[0] += 1
        if verdict in VERDICTS:
            more[1 + VERDICTS.index(verdict)] += 1
        more[4] = sequence
        return found

    def write(self) -> None:
        self._c.executemany(
            "UPDATE names SET n = n + ?, refused = refused + ?, redacted = redacted + ?, allowed = allowed + ?,"
            " last = ? WHERE id = ?",
            [(*more, name) for name, more in self._more.items()],
        )


@dataclass(slots=True)
class _Query:
    """FROM and WHERE of a search; `key` is the column of sequences that it goes along."""

    text: str
    values: list[object]
    key: str

    def bound(self, before: int | None, after: int | None) -> None:
        for sign, value in (("<", before), (">", after)):
            if value is not None:
                self.text += f" AND {self.key} {sign} ?"
                self.values.append(value)


def _query(c: sqlite3.Connection, wanted: Filter, without: str = "") -> _Query | None:
    """None: nothing is meant by it. Goes along the rarest of the names, and looks the others up."""
    given = [_id_of(c, what, text) for what, text in wanted.named.items() if what != without]
    ids = [name for _, name in sorted((n, name) for name, n in filter(None, given))]
    if len(ids) < len(given):
        return None
    if ids:
        text, key = "FROM mention d CROSS JOIN entry e ON e.seq = d.seq WHERE d.name = ?", "d.seq"
        text += " AND EXISTS (SELECT 1 FROM mention m WHERE m.name = ? AND m.seq = d.seq)" * (len(ids) - 1)
    else:
        text, key = "FROM entry e WHERE 1", "e.seq"
    values: list[object] = [*ids]
    text += " AND e.kind = ?"
    values.append(wanted.kind)
    query = _Query(text, values, key)
    for edge, sql, sign in (
        (wanted.since, "SELECT min(first) - 1 FROM hours WHERE hour >= ?", ">"),
        (wanted.until, "SELECT max(last) + 1 FROM hours WHERE hour <= ?", "<"),
    ):
        if edge is None:
            continue
        place = c.execute(sql, (edge // HOUR,)).fetchone()[0]
        if place is None:
            return None
        query.bound(*((place, None) if sign == "<" else (None, place)))
        query.text += f" AND e.at {'<' if sign == '<' else '>='} ?"
        query.values.append(edge)
    return query


def _id_of(c: sqlite3.Connection, what: str, text: str) -> tuple[int, int] | None:
    """The number of what is named, and how often it occurs."""
    row = c.execute("SELECT id, n FROM names WHERE what = ? AND text = ?", (what, text)).fetchone()
    return None if row is None else (int(row[0]), int(row[1]))


def _names(value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What a filter can name of a leaf."""
    for what, keys in (("who", ("login", "on_behalf_of", "by")), ("database", ("database",)), ("client", ("address",))):
        for key in keys:
            if value.get(key):
                yield what, str(value[key])
    for name in ("verdict", "deed", "journal"):
        if value.get(name):
            yield name, str(value[name])
    for rule in value.get("rules", ()):
        yield "rule", str(rule["rule"])
        for column in rule["columns"]:
            yield from _column(str(column))
    for use in value.get("columns", ()):
        yield from _column(str(use["column"]))


def _column(name: str) -> Iterator[tuple[str, str]]:
    """A column's name in full, with its relation's name, and alone: each finds it."""
    parts = name.split(".")
    for at in range(len(parts)):
        yield "column", ".".join(parts[at:])


def _seconds(value: dict[str, Any]) -> int:
    try:
        return int(datetime.fromisoformat(str(value["at"])).timestamp())
    except (KeyError, ValueError):
        return 0
