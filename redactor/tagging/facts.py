"""What is known of a table before it is judged: names, types, comments, keys, lists, and how its values look.

Knows the form of these facts and of the files of columns (JSON lines) that carry them. Holds no values: a profile of
sampled values is shares and counts only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from redactor.errors import ConfigurationError, Fault


@dataclass(frozen=True, slots=True)
class Seen:
    """How a column's sampled values fit one detector of the pack: the share of the values that are not null, and of
    the distinct ones; `kinds`: how many distinct values fitted."""

    detector: str
    share: float
    kinds: int
    distinct_share: float


@dataclass(frozen=True, slots=True)
class Profile:
    """A column's values, as rates. `sampled` rows, of which `present` are not null or blank; `distinct` values among
    them; `length`: the mean length in characters; `words`: the mean number of words."""

    sampled: int
    present: int
    distinct: int
    length: float
    words: float
    seen: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """A column. `labels`: an enum's or a CHECK list's. `refers`: (table, column) of a foreign key's other end.

    `profile`: of sampled values. `declared`: tags that the schema itself declares (`redactor:status` in a comment, a
    SQLAlchemy model's info). `instead_of`: columns of the table that are missing just where this one is there.
    """

    name: str
    type: str = ""
    comment: str = ""
    labels: tuple[str, ...] = ()
    refers: tuple[str, str] | None = None
    key: bool = False
    profile: Profile | None = None
    declared: tuple[str, ...] = ()
    instead_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table with all its columns: they are judged together."""

    name: str
    columns: tuple[ColumnFacts, ...]
    source: str = ""
    comment: str = ""


_FAMILIES: tuple[tuple[str, str], ...] = (
    ("json", r"json|hstore|xml|serialized|flex"),
    ("array", r"\[\]|^array|^_"),
    ("geo", r"geometry|geography|point|polygon|location"),
    ("blob", r"blob|bytea|binary|image|photo|upload|file|attachment|vector"),
    ("flag", r"^bool|^bit\b|tinyint\(1\)|yes.?(or.?)?no|^flag|checkbox"),
    ("enum", r"enum|^set\b|select|choice|option"),
    ("date", r"date|time|year"),
    ("uuid", r"uuid|uniqueidentifier|guid"),
    ("number", r"int|serial|num|dec|float|double|real|money|currency|^long\b|^short\b"),
    ("link", r"^fk|^link|foreign|reference|lookup|many2|one2many|onetoone|manyto|belongs"),
    ("net", r"inet|cidr|macaddr"),
    ("long", r"text|clob|memo|narrative|html"),
    ("short", r"char|string|str"),
)
_ENUM_LABEL = re.compile(r"'((?:[^']|'')*)'")


def family(type_: str) -> str:
    """The family that a type belongs to, as any system spells it; "" if it says nothing.

    `text` is long only in name: open-data portals and PostgreSQL use it for everything.
    """
    low = type_.strip().lower()
    if not low:
        return ""
    wide = re.search(r"char[^(]*\((\d+)\)", low)
    if wide:
        return "wide" if int(wide.group(1)) >= 500 else "letter" if int(wide.group(1)) == 1 else "short"
    for name, match in _FAMILIES:
        if re.search(match, low):
            return name
    return "other"


def labels_in(type_: str) -> tuple[str, ...]:
    """The labels that a type itself lists: `enum('passport','visa')`."""
    if not re.match(r"\s*(enum|set)\s*\(", type_, re.IGNORECASE):
        return ()
    return tuple(m.group(1).replace("''", "'") for m in _ENUM_LABEL.finditer(type_))


def declared_in(comment: str) -> tuple[str, ...]:
    """The tags that a comment declares: `... redactor:status, redactor:document.ssn`."""
    return tuple(re.findall(r"\bredactor:([a-z_]+(?:\.[a-z0-9_]+)*)", comment))


def tables_of(rows: Iterable[Mapping[str, Any]]) -> Iterator[TableFacts]:
    """Rows {"source", "table", "column", "type", "comment"}, grouped by table, in the order of first sight."""
    grouped: dict[tuple[str, str], list[ColumnFacts]] = {}
    for row in rows:
        type_, comment = str(row.get("type") or ""), str(row.get("comment") or "")
        fact = ColumnFacts(str(row["column"]), type_, comment, labels=labels_in(type_), declared=declared_in(comment))
        grouped.setdefault((str(row.get("source") or ""), str(row.get("table") or "")), []).append(fact)
    for (source, table), columns in grouped.items():
        yield TableFacts(table, tuple(columns), source)


def rows_in(text: str, file: str) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines; blank lines are skipped. Raises ConfigurationError with every bad line."""
    rows: list[dict[str, Any]] = []
    faults: list[Fault] = []
    for at, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            faults.append(Fault(file, at, error.colno, error.msg))
            continue
        if not isinstance(row, dict) or not isinstance(row.get("column"), str):
            faults.append(Fault(file, at, 0, "must be an object with a column's name", '{"table": .., "column": ..}'))
            continue
        rows.append(row)
    if faults:
        raise ConfigurationError(faults)
    return rows
