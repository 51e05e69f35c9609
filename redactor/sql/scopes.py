"""What names stand for inside a query: the sources of FROM, and the scopes around them.

Knows PostgreSQL's rules of visibility (docs, 7.2.1 The FROM Clause); must not know trees or catalogs. A taint is the
set of (relation, column) that a value derives from. Where a name cannot be told apart it stands for all that it may be.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from redactor.sql.columns import CLEAN, Columns, Output, Taint


def join(taints: Iterable[Taint]) -> Taint:
    """The union of taints."""
    return CLEAN.union(*taints)


@dataclass(frozen=True, slots=True)
class Source:
    """What FROM gives a name to. `columns` None: unknown, any name may be one, with the taint `rest`.

    `key`: columns that no two of its rows have alike, so that they decide all the others; empty where none are known.
    """

    alias: str
    columns: tuple[Output, ...] | None
    rest: Taint = CLEAN
    schema: str | None = None
    key: tuple[str, ...] = ()

    def taint_of(self, name: str) -> Taint | None:
        """The taint of a column; None if there is none of that name."""
        columns = self.columns
        if columns is None:
            return self.rest
        if type(columns) is Columns:
            return columns.by_name.get(name)
        found = [t for n, t in columns if n == name]
        return join(found) if found else None

    @property
    def whole(self) -> Taint:
        """The taint of the row as a value."""
        if self.columns is None:
            return self.rest
        return join(t for _, t in self.columns)


@dataclass(slots=True)
class Scope:
    """The names that an expression sees: its own query's sources, then the queries around it."""

    sources: list[Source]
    outer: Scope | None = None
    aliases: list[Output] = field(default_factory=list)

    def column(self, name: str) -> Taint:
        """What a bare name stands for: a column, or a whole row."""
        scope: Scope | None = self
        while scope is not None:
            found = [t for s in scope.sources if (t := s.taint_of(name)) is not None and s.columns is not None]
            if found:
                return join(found)
            rows = [s for s in scope.sources if s.alias == name]
            if rows:
                return join(s.whole for s in rows)
            unsure = [s.rest for s in scope.sources if s.columns is None]
            if unsure:
                return join(unsure)
            scope = scope.outer
        return CLEAN

    def source(self, alias: str) -> Source | None:
        """The source of that alias, innermost first."""
        scope: Scope | None = self
        while scope is not None:
            for s in scope.sources:
                if s.alias == alias:
                    return s
            scope = scope.outer
        return None

    def is_row(self, fields: tuple[str, ...]) -> bool:
        """Whether a bare name is a source's whole row."""
        if len(fields) != 1:
            return False
        scope: Scope | None = self
        while scope is not None:
            if any(s.columns is not None and s.taint_of(fields[0]) is not None for s in scope.sources):
                return False
            if any(s.alias == fields[0] for s in scope.sources):
                return True
            scope = scope.outer
        return False

    def dotted(self, fields: tuple[str, ...], star: bool) -> Taint:
        """What a dotted name stands for."""
        if star:
            if not fields:
                return join(s.whole for s in self.sources)
            found = self.source(fields[-1])
            return found.whole if found else CLEAN
        if len(fields) == 1:
            return self.column(fields[0])
        found = self.source(fields[-2])
        if found is not None:
            taint = found.taint_of(fields[-1])
            # not a column: functional notation hands the whole row to a function
            return found.whole if taint is None else taint
        # (composite column).field
        return self.column(fields[0]) if len(fields) == 2 else CLEAN


def keyed(scope: Scope, origins: Iterable[tuple[Source, str] | None]) -> frozenset[int]:
    """The ids of the sources whose whole key is among the columns."""
    named: dict[int, set[str]] = {}
    for origin in origins:
        if origin is not None:
            named.setdefault(id(origin[0]), set()).add(origin[1])
    return frozenset(id(s) for s in scope.sources if s.key and named.get(id(s), set()).issuperset(s.key))


def renamed(columns: tuple[Output, ...], names: list[str]) -> tuple[Output, ...]:
    """The columns under the names of an alias list, as far as it goes."""
    if not names:
        return columns
    return tuple((names[i] if i < len(names) else n, t) for i, (n, t) in enumerate(columns))


__all__ = ["CLEAN", "Columns", "Output", "Scope", "Source", "Taint", "join", "keyed", "renamed"]
