"""Tags of views, materialized views and partitions, column by column: what they read says them, and nobody decides.

Knows the lineage that the proxy itself goes by and the tags of columns, proposed or decided. Must not judge a name,
nor look at a value. Invariant: what is listed here is never written into the catalog file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from redactor.catalog import Catalog
from redactor.cli.scan_postgres import deriving
from redactor.derivation import ROWS, Derivation
from redactor.model import ColumnName
from redactor.review import Review
from redactor.sql import builtins


@dataclass(frozen=True, slots=True)
class Derived:
    """A column (or `*`, its rows) of a view or a partition, with the columns of other relations that it derives from,
    in order. `unknown`: it could not be read what some of it derives from, so that the proxy hides it."""

    column: ColumnName
    sources: tuple[ColumnName, ...]
    unknown: bool = False


def derived(catalog: Catalog) -> Iterator[Derived]:
    """The columns of all views, materialized views and partitions, then of each its rows."""
    lists = builtins.load()

    def harmless(extension: str | None, name: str) -> bool:
        if extension is not None:
            return lists.judge_extension(extension, name).harmless
        return lists.judge(name, catalog.version).harmless

    derivation = Derivation(catalog, Review(catalog.database, {}, {}), harmless)
    for relation in deriving(catalog):
        columns = derivation.columns(relation)
        rows = derivation.rows(relation)
        for name, taint in (*((c.name, columns.get(c.name, frozenset())) for c in relation.columns), (ROWS, rows)):
            others = sorted(c for c in taint if c.schema and c.of != relation.qualified)
            unknown = any(not c.schema for c in taint)
            if others or unknown:
                yield Derived(ColumnName(*relation.qualified, name), tuple(others), unknown)


Tagged = dict[ColumnName, tuple[tuple[str, ...], float]]
"""The tags of columns (`*`: of a relation's rows), and how sure they are."""


@dataclass(frozen=True, slots=True)
class Inherited:
    """`tags` that the column takes from `sources`, with how sure they are: 1 where a person decided them."""

    column: ColumnName
    tags: tuple[str, ...]
    sources: tuple[ColumnName, ...]
    confidence: float


def inherited(found: Iterable[Derived], tags: Tagged) -> Iterator[Inherited]:
    """Those of the columns that derive from a tagged one."""
    for one in found:
        from_ = tuple(s for s in one.sources if tags.get(s, ((), 0))[0])
        if from_:
            given = tuple(dict.fromkeys(t for s in from_ for t in tags[s][0]))
            yield Inherited(one.column, given, from_, max(tags[s][1] for s in from_))
