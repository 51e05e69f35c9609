"""Which table's column each output of a query is, as PostgreSQL puts it into RowDescription (OID and number).

Knows trees, and relations by a callback; keeps PostgreSQL's rules (markTargetListOrigin, parser/parse_target.c): an
output that is nothing but a column keeps its table through subqueries, joins and CTEs, and loses it in expressions and
set operations. It serves drivers, which show what they are told here; security does not rest on it, since it is made of
the text and of the catalog alone. What is not certain has no origin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from redactor.decision import NOWHERE, Origin
from redactor.sql.grammar import Node
from redactor.sql.labels import label

Named = tuple[str, Origin]
Columns = tuple[Named, ...] | None
"""Columns in order; None: they are not known, not even how many."""

Facts = Callable[[Node], tuple[int, Columns]]
"""Given a RangeVar that is not a CTE: its oid and its columns."""

FunctionNames = Callable[[Node], tuple[str, ...] | None]
"""Given a RangeFunction: the names of its columns."""

Keeps = Callable[[Node, Origin], bool]
"""Given a TypeName and a column: whether a cast to it leaves the column what it is."""


@dataclass(slots=True)
class _Level:
    """What one FROM clause gives: `items` are what a star expands to; `named` what a qualifier names, with its oid."""

    outer: _Level | None
    items: list[Columns] = field(default_factory=list)
    named: dict[str, tuple[int, Columns]] = field(default_factory=dict)


_Ctes = dict[str, Columns]
_Item = tuple[Columns, dict[str, tuple[int, Columns]]]
_MODIFYING = ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")


class Origins:
    """One statement's origins."""

    def __init__(self, facts: Facts, functions: FunctionNames, keeps: Keeps) -> None:
        self._facts = facts
        self._functions = functions
        self._keeps = keeps
        self._top: Node = {}

    def of(self, node: Node) -> tuple[Origin, ...]:
        """One for each output of a statement, up to the first that is one of a number of outputs that is not known."""
        self._top = node.get("SelectStmt", node)
        columns = self._query(node, None, {})
        return () if columns is None else tuple(o for _, o in columns)

    # -------------------------------------------------------------- queries

    def _query(self, node: Node, outer: _Level | None, ctes: _Ctes) -> Columns:
        for kind in _MODIFYING:
            if kind in node:
                return self._modify(kind, node[kind], outer, ctes)
        select = node.get("SelectStmt", node)
        ctes = self._with(select.get("withClause"), outer, ctes)
        if "valuesLists" in select:
            width = max((len(row["List"]["items"]) for row in select["valuesLists"]), default=0)
            return tuple((f"column{i + 1}", NOWHERE) for i in range(width))
        if select.get("op", "SETOP_NONE") != "SETOP_NONE":
            leaf = select
            while "larg" in leaf:
                leaf = leaf["larg"]
            first = self._query(leaf, outer, ctes)
            return None if first is None else tuple((n, NOWHERE) for n, _ in first)
        level = self._from(select.get("fromClause", ()), outer, ctes)
        return self._targets(select.get("targetList", ()), level, select is self._top)

    def _with(self, clause: Node | None, outer: _Level | None, ctes: _Ctes) -> _Ctes:
        if clause is None:
            return ctes
        ctes = dict(ctes)
        for wrapped in clause["ctes"]:
            cte = wrapped["CommonTableExpr"]
            inside = dict(ctes)
            if clause.get("recursive"):
                # what refers to itself keeps nothing
                inside[cte["ctename"]] = None
            columns = _renamed(self._query(cte["ctequery"], outer, inside), cte.get("aliascolnames", ()))
            extra = "search_clause" in cte or "cycle_clause" in cte
            ctes[cte["ctename"]] = None if extra else columns
        return ctes

    def _modify(self, kind: str, node: Node, outer: _Level | None, ctes: _Ctes) -> Columns:
        ctes = self._with(node.get("withClause"), outer, ctes)
        returning = node.get("returningClause", {})
        others = {"UpdateStmt": "fromClause", "DeleteStmt": "usingClause"}.get(kind, "")
        items = [node["sourceRelation"]] if kind == "MergeStmt" else node.get(others, ())
        level = self._from(items, outer, ctes)
        columns, named = self._relation(node["relation"], {})
        # a MERGE gives its source's columns first
        level.items.insert(len(level.items) if kind == "MergeStmt" else 0, columns)
        row = next(iter(named.values()))
        level.named |= named
        for name in ("old", "new", *(o["ReturningOption"]["value"] for o in returning.get("options", ()))):
            level.named.setdefault(name, row)
        return self._targets(returning.get("exprs", ()), level)

    def _targets(self, items: Iterable[Node], level: _Level, partly: bool = False) -> Columns:
        out: list[Named] = []
        for item in items:
            target = item["ResTarget"]
            value = target["val"]
            fields, star = _dotted(value)
            indirection = value.get("A_Indirection", {})
            if "A_Star" in next(reversed(indirection.get("indirection", ())), {}):
                # (r).*
                fields, more = _dotted(indirection["arg"])
                star = len(fields) == 1 and not more and not _is_column(fields[0], level)
                if not star:
                    return tuple(out) if partly else None
            if star:
                for columns in self._star(fields, level):
                    if columns is None:
                        return tuple(out) if partly else None
                    out += columns
            else:
                out.append((target.get("name") or label(value), self._origin(value, level)))
        return tuple(out)

    @staticmethod
    def _star(fields: tuple[str, ...], level: _Level) -> list[Columns]:
        if not fields:
            return level.items
        found = _row(fields[-1], level)
        return [found[1] if found is not None else None]

    def _origin(self, value: Node, level: _Level) -> Origin:
        fields, _ = _dotted(value)
        if len(fields) == 1:
            return _bare(fields[0], level)
        if fields:
            found = _row(fields[-2], level)
            return _column(fields[-1], found[1]) or NOWHERE if found is not None else NOWHERE
        cast = value.get("TypeCast")
        if cast is not None:
            inside = self._origin(cast["arg"], level)
            return inside if inside[1] and self._keeps(cast["typeName"], inside) else NOWHERE
        indirection = value.get("A_Indirection", {})
        parts = indirection.get("indirection", ())
        if len(parts) == 1 and "String" in parts[0]:
            # (r).column of a whole row is the column
            inner, _ = _dotted(indirection["arg"])
            found = _row(inner[0], level) if len(inner) == 1 and not _is_column(inner[0], level) else None
            if found is not None:
                return _column(parts[0]["String"]["sval"], found[1]) or NOWHERE
        return NOWHERE

    # -------------------------------------------------------------- FROM

    def _from(self, items: Iterable[Node], outer: _Level | None, ctes: _Ctes) -> _Level:
        level = _Level(outer)
        for item in items:
            columns, named = self._item(item, level, ctes)
            level.items.append(columns)
            level.named |= named
        return level

    def _item(self, item: Node, level: _Level, ctes: _Ctes) -> _Item:
        kind, node = next(iter(item.items()))
        match kind:
            case "RangeVar":
                return self._relation(node, ctes)
            case "RangeTableSample":
                return self._item(node["relation"], level, ctes)
            case "RangeSubselect":
                alias = node.get("alias", {})
                around = level if node.get("lateral") else level.outer
                columns = _renamed(self._query(node["subquery"], around, ctes), alias.get("colnames", ()))
                return columns, {alias["aliasname"]: (0, columns)} if alias else {}
            case "JoinExpr":
                return self._join(node, level, ctes)
            case "RangeFunction" if (names := self._functions(node)) is not None:
                given = tuple((n, NOWHERE) for n in names)
                alias = node.get("alias", {}).get("aliasname")
                return given, {alias: (0, given)} if alias else {}
            case _:
                name = node.get("alias", {}).get("aliasname")
                return None, {name: (0, None)} if name else {}

    def _relation(self, node: Node, ctes: _Ctes) -> _Item:
        alias = node.get("alias", {})
        name = node.get("relname", "")
        oid, columns = (0, ctes[name]) if "schemaname" not in node and name in ctes else self._facts(node)
        columns = _renamed(columns, alias.get("colnames", ()))
        return columns, {alias.get("aliasname", name): (oid, columns)}

    def _join(self, node: Node, level: _Level, ctes: _Ctes) -> _Item:
        left, named = self._item(node["larg"], level, ctes)
        inside = _Level(level.outer, [*level.items, left], level.named | named)
        right, more = self._item(node["rarg"], inside, ctes)
        named = named | more
        columns = _joined(node, left, right)
        if "join_using_alias" in node:
            named[node["join_using_alias"]["aliasname"]] = (0, None)
        if "alias" in node:
            columns = _renamed(columns, node["alias"].get("colnames", ()))
            # an alias on a join hides the names inside it
            named = {node["alias"]["aliasname"]: (0, columns)}
        return columns, named


def _joined(node: Node, left: Columns, right: Columns) -> Columns:
    """A join's columns: those that both sides share come first, and once."""
    if left is None or right is None:
        return None
    shared = [n["String"]["sval"] for n in node.get("usingClause", ())]
    if node.get("isNatural"):
        theirs = {n for n, _ in right}
        shared = [n for n, _ in left if n in theirs]
    merged = []
    for name in shared:
        first, second = _column(name, left) or NOWHERE, _column(name, right) or NOWHERE
        kept = {"JOIN_RIGHT": second, "JOIN_FULL": NOWHERE}.get(node.get("jointype", ""), first)
        merged.append((name, kept))
    return (*merged, *(c for c in (*left, *right) if c[0] not in shared))


# ------------------------------------------------------------------ names


def _bare(name: str, level: _Level | None) -> Origin:
    """A name without a qualifier: a column of any level, else a whole row of any level."""
    at = level
    while at is not None:
        for columns in at.items:
            found = _column(name, columns)
            if found is not None:
                return found
        if None in at.items:
            # a column of what is not known, perhaps
            return NOWHERE
        at = at.outer
    found_row = _row(name, level)
    return (found_row[0], 0) if found_row is not None and found_row[0] else NOWHERE


def _is_column(name: str, level: _Level | None) -> bool:
    while level is not None:
        if any(columns is None or _column(name, columns) is not None for columns in level.items):
            return True
        level = level.outer
    return False


def _row(alias: str, level: _Level | None) -> tuple[int, Columns] | None:
    while level is not None:
        if alias in level.named:
            return level.named[alias]
        level = level.outer
    return None


def _column(name: str, columns: Columns) -> Origin | None:
    return next((o for n, o in columns or () if n == name), None)


def _dotted(value: Node) -> tuple[tuple[str, ...], bool]:
    """The words of a column reference, and whether it ends in a star."""
    fields = value.get("ColumnRef", {}).get("fields", ())
    words = tuple(f["String"]["sval"] for f in fields if "String" in f)
    return words, len(words) != len(fields)


def _renamed(columns: Columns, names: Iterable[Node]) -> Columns:
    if columns is None:
        return None
    given = [n["String"]["sval"] for n in names]
    return tuple((given[i] if i < len(given) else n, o) for i, (n, o) in enumerate(columns))
