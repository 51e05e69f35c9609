"""Columns of a live PostgreSQL, with rates of sampled values: what `redactor scan DATABASE` looks at.

Knows how to turn a catalog into facts and how to sample a table gently: read-only, a bounded number of rows, a time
limit for each table. Invariants: a sampled value is turned into rates at once, and is neither kept, logged nor
printed; a table that cannot be sampled is still judged by its names.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import asyncpg  # type: ignore[import-untyped]

from redactor.catalog import Catalog, Column, Constraint, Relation
from redactor.model import RelationName
from redactor.tagging.exchange import Labelled, read_security_labels
from redactor.tagging.facts import ColumnFacts, TableFacts, declared_in, family
from redactor.tagging.pack import Pack
from redactor.tagging.proxies import Giveaway, giveaways
from redactor.tagging.values import LONGEST, complements, profile
from redactor.upstream.queries import SECURITY_LABELS

_WORTH = frozenset(
    {"", "short", "long", "wide", "letter", "json", "array", "number", "date", "net", "other", "enum", "uuid"}
)
"""Families of types whose values are looked at; images, geometries and flags say nothing by their values."""

_LABEL = re.compile(r"'((?:[^']|'')*)'")
_BLOCKS_FOR = 4
"""Rows are asked of this many times more table than would hold them evenly, since blocks are not evenly full."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """`rows` at most of each table, within `seconds`."""

    rows: int = 500
    seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class Scanned:
    """A table's facts. `note`: why its values were not looked at, if they were not."""

    name: RelationName
    facts: TableFacts
    note: str = ""


def for_review(catalog: Catalog) -> list[Relation]:
    """The relations whose columns a person has to judge: tables, partitioned and foreign ones, by name."""
    found = [r for r in catalog.relations.values() if r.kind in "rpf" and not r.partition and not _systems_own(r)]
    return sorted(found, key=lambda r: r.qualified)


def deriving(catalog: Catalog) -> list[Relation]:
    """The views, materialized views and partitions, which need no review of their own, by name."""
    found = [r for r in catalog.relations.values() if (r.kind in "vm" or r.partition) and not _systems_own(r)]
    return sorted(found, key=lambda r: r.qualified)


def _systems_own(relation: Relation) -> bool:
    schema = relation.schema
    return bool(relation.extension) or schema.startswith("pg_") or schema == "information_schema"


def facts_of(relation: Relation, catalog: Catalog) -> TableFacts:
    """What the catalog says of a table: names, types, comments, keys, lists of labels."""
    types = {t.oid: t for t in catalog.types.values()}

    def column(c: Column) -> ColumnFacts:
        found = types.get(c.type_oid)
        labels = found.labels if found is not None else ()
        for check in relation.constraints:
            if check.kind == "c" and check.columns == (c.name,):
                labels += _listed(check)
        comment = c.comment or ""
        return ColumnFacts(
            c.name,
            "enum" if found is not None and found.kind == "e" else c.type,
            comment,
            labels,
            _refers(relation, c.name, catalog),
            any(k.kind == "p" and k.columns == (c.name,) for k in relation.constraints),
            declared=declared_in(comment),
        )

    columns = tuple(column(c) for c in relation.columns)
    return TableFacts(relation.name, columns, catalog.database, relation.comment or "")


def _listed(check: Constraint) -> tuple[str, ...]:
    # a list of labels is an equality with one or several texts; a length or a pattern is not
    if "= ANY" not in check.definition and " = '" not in check.definition:
        return ()
    return tuple(m.group(1).replace("''", "'") for m in _LABEL.finditer(check.definition))


def _refers(relation: Relation, column: str, catalog: Catalog) -> tuple[str, str] | None:
    for key in relation.constraints:
        if key.kind == "f" and key.foreign is not None and key.columns == (column,) and key.foreign_columns:
            other = catalog.relations.get(key.foreign)
            if other is not None:
                return str(other.qualified), key.foreign_columns[0]
    return None


async def scan(
    connection: asyncpg.Connection, catalog: Catalog, pack: Pack, sampling: Sampling | None, done: Callable[[str], None]
) -> AsyncIterator[Scanned]:
    """Every table for review, with rates of its values unless `sampling` is None. `done` is told each table's name."""
    sizes = await _sizes(connection) if sampling else {}
    for relation in for_review(catalog):
        facts, note = facts_of(relation, catalog), ""
        if sampling is not None:
            try:
                facts = await _sampled(connection, relation, facts, sizes.get(relation.oid, -1.0), pack, sampling)
            except asyncpg.QueryCanceledError:
                note = f"not sampled: took longer than {sampling.seconds:g} s"
            except asyncpg.PostgresError as error:
                note = f"not sampled: {why_not(error)}"
        yield Scanned(relation.qualified, facts, note)
        done(str(relation.qualified))


def why_not(error: asyncpg.PostgresError) -> str:
    """Why values were not looked at. The server's message may hold a value; its class never does."""
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return "this login may not read it (GRANT pg_read_all_data for the time of the scan, or --no-values)"
    return type(error).__name__


async def security_labels(connection: asyncpg.Connection, pack: Pack) -> list[Labelled]:
    """What the database's own security labels say; nothing where they may not be read."""
    try:
        rows = await connection.fetch(SECURITY_LABELS)
    except asyncpg.PostgresError:
        return []
    return read_security_labels((tuple(r.values()) for r in rows), pack)


async def give_aways(
    connection: asyncpg.Connection, relation: Relation, targets: list[str], sampling: Sampling
) -> list[Giveaway]:
    """What in a sample of the table gives the target columns away. Raises asyncpg's errors; nothing is kept."""
    asked = [c for c in relation.columns if family(c.type) in _WORTH - {"long", "wide", "json"} or c.name in targets]
    sizes = await _sizes(connection)
    text = _query(relation, [c.name for c in asked], sizes.get(relation.oid, -1.0), sampling)
    records = await _fetch(connection, text, sampling)
    sample = {c.name: [_value(r[at], c.type) for r in records] for at, c in enumerate(asked)}
    return giveaways(sample, targets)


def _value(text: str | None, type_: str) -> object:
    if text is None or family(type_) != "number":
        return text
    try:
        return float(text)
    except ValueError:
        return text


async def _fetch(connection: asyncpg.Connection, text: str, sampling: Sampling) -> list[asyncpg.Record]:
    async with connection.transaction(readonly=True):
        await connection.execute(f"SET LOCAL statement_timeout = {int(sampling.seconds * 1000)}")
        await connection.execute(f"SET LOCAL lock_timeout = {int(sampling.seconds * 500)}")
        return list(await connection.fetch(text))


async def _sizes(connection: asyncpg.Connection) -> dict[int, float]:
    rows = await connection.fetch("SELECT oid, reltuples FROM pg_catalog.pg_class WHERE relkind = 'r'")
    return {r["oid"]: float(r["reltuples"]) for r in rows}


async def _sampled(
    connection: asyncpg.Connection, relation: Relation, facts: TableFacts, rows: float, pack: Pack, sampling: Sampling
) -> TableFacts:
    asked = [c for c in facts.columns if family(c.type) in _WORTH]
    if not asked:
        return facts
    text = _query(relation, [c.name for c in asked], rows, sampling)
    records = await _fetch(connection, text, sampling)
    profiles = {c.name: profile((r[at] for r in records), pack, family(c.type)) for at, c in enumerate(asked)}
    present = {c.name: [r[at] is not None for r in records] for at, c in enumerate(asked)}
    instead = complements(present)
    return replace(
        facts,
        columns=tuple(
            replace(c, profile=profiles.get(c.name), instead_of=instead.get(c.name, ())) for c in facts.columns
        ),
    )


def _query(relation: Relation, columns: list[str], rows: float, sampling: Sampling) -> str:
    """Rows of some blocks of a large table; of a small or never analysed one, the first."""
    listed = ", ".join(f"pg_catalog.left({_quoted(c)}::pg_catalog.text, {LONGEST})" for c in columns)
    few = ""
    if relation.kind == "r" and rows > sampling.rows * _BLOCKS_FOR * 2:
        few = f" TABLESAMPLE SYSTEM ({min(100.0, 100.0 * sampling.rows * _BLOCKS_FOR / rows):.6f})"
    name = f"{_quoted(relation.schema)}.{_quoted(relation.name)}"
    return f"SELECT {listed} FROM {name}{few} LIMIT {sampling.rows}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
