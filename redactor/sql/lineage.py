"""Which columns decide what a query gives: lineage through scopes, subqueries, CTEs and set operations.

Knows, by a callback, what relations have which columns. It serves people: errors that
name the column, the log's list of columns, refusing what shapes rows; and it tells what a view derives from. Security
does not rest on it (hiding at the source does), so where a name cannot be resolved it errs towards more columns.

A taint is the set of (relation, column) that a value derives from. A query's outputs are (name, taint) in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from redactor.model import ColumnName, ColumnUse, Use
from redactor.sql.grammar import Node
from redactor.sql.labels import label, star_of
from redactor.sql.scopes import CLEAN, Output, Scope, Source, Taint, join, keyed, renamed
from redactor.sql.values import given, inserted

# Aggregates that compute something which hidden values would make silently wrong. Those that hand values on as they
# are (array_agg, json_agg, string_agg ...) give hidden ones like any other output
_COMPUTING = frozenset(
    {
        *("any_value", "avg", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or", "corr", "count", "covar_pop"),
        *("covar_samp", "every", "max", "min", "mode", "percentile_cont", "percentile_disc", "range_intersect_agg"),
        *("regr_count", "regr_avgx", "regr_avgy", "regr_slope", "regr_r2", "stddev", "stddev_pop", "stddev_samp"),
        *("sum", "var_pop", "var_samp", "variance", "rank", "dense_rank", "percent_rank", "cume_dist"),
    }
)


Columns = Callable[[Node], tuple[Output, ...] | None]
"""Given a RangeVar that is not a CTE: its columns with their taints, None where they are not known."""

Rows = Callable[[Node], Taint]
"""Given a RangeVar that is not a CTE: what stands for its very rows. Only in a view's or a function's analysis."""

Keys = Callable[[Node], tuple[str, ...]]
"""Given a RangeVar that is not a CTE: the columns of its primary key, none of them hidden; empty where it has none."""

Calls = Callable[[Node], Taint]
"""Given a FuncCall: what the function itself reads. Only in a view's or a function's analysis."""


class Lineage:
    """One statement's analysis. `uses` gathers how tainted columns shape rows; outputs are returned."""

    def __init__(
        self,
        columns: Columns,
        rows: Rows | None = None,
        calls: Calls | None = None,
        own: Callable[[Node], bool] | None = None,
        keys: Keys | None = None,
    ) -> None:
        self._keys = keys
        self._own = own
        self._columns = columns
        self._rows = rows
        self._calls = calls
        self.uses: dict[tuple[ColumnName, Use], None] = {}

    def _again(self) -> Lineage:
        return Lineage(self._columns, self._rows, self._calls, self._own, self._keys)

    @property
    def shaping(self) -> Taint:
        """All that decides which rows there are."""
        return frozenset(c for c, u in self.uses if u.shapes_rows)

    def column_uses(self) -> tuple[ColumnUse, ...]:
        """All uses, in the order in which they were met."""
        return tuple(ColumnUse(c, u) for c, u in self.uses)

    def use(self, taint: Taint, use: Use) -> None:
        """Notes that every column of a taint is used so."""
        for c in sorted(taint) if len(taint) > 1 else taint:
            self.uses[(c, use)] = None

    # -------------------------------------------------------------- queries

    def query(self, node: Node, outer: Scope | None, ctes: dict[str, tuple[Output, ...]]) -> tuple[Output, ...]:
        """The outputs of a SelectStmt, or of a data-modifying statement's RETURNING, given wrapped or bare."""
        for kind in ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"):
            if kind in node:
                return self.modify(kind, node[kind], outer, ctes)
        select = node.get("SelectStmt", node)
        ctes = self.with_clause(select.get("withClause"), outer, ctes)
        if "valuesLists" in select:
            return self._values(select, outer, ctes)
        if select.get("op", "SETOP_NONE") != "SETOP_NONE":
            return self._set_operation(select, outer, ctes)
        return self._select(select, outer, ctes)

    def with_clause(
        self, clause: Node | None, outer: Scope | None, ctes: dict[str, tuple[Output, ...]]
    ) -> dict[str, tuple[Output, ...]]:
        """The CTEs visible behind a WITH clause."""
        if clause is None:
            return ctes
        ctes = dict(ctes)
        for wrapped in clause["ctes"]:
            cte = wrapped["CommonTableExpr"]
            name = cte["ctename"]
            names = [n["String"]["sval"] for n in cte.get("aliascolnames", ())]
            inside = dict(ctes)
            if clause.get("recursive"):
                first = self._first_arm(cte["ctequery"])
                inside[name] = renamed(self._again().query(first, outer, inside), names)
                inside[name] = renamed(self._again().query(cte["ctequery"], outer, inside), names)
            outputs = renamed(self.query(cte["ctequery"], outer, inside), names)
            for clause_name, extras in (("search_clause", ("search_seq_column",)), ("cycle_clause", _CYCLE)):
                part = cte.get(clause_name)
                if part:
                    part = part.get("CTECycleClause", part.get("CTESearchClause", part))
                    outputs += tuple((part[e], CLEAN) for e in extras if e in part)
            ctes[name] = outputs
        return ctes

    @staticmethod
    def _first_arm(node: Node) -> Node:
        select = node.get("SelectStmt", node)
        return select["larg"] if isinstance(select, dict) and "larg" in select else node

    def _values(self, select: Node, outer: Scope | None, ctes: dict[str, tuple[Output, ...]]) -> tuple[Output, ...]:
        scope = Scope([], outer)
        rows = [[self.value(v, scope, ctes) for v in row["List"]["items"]] for row in select["valuesLists"]]
        width = max((len(r) for r in rows), default=0)
        outputs = tuple((f"column{i + 1}", join(r[i] for r in rows if i < len(r))) for i in range(width))
        self._order(select, Scope([], outer, list(outputs)), outputs, ctes)
        return outputs

    def _set_operation(
        self, select: Node, outer: Scope | None, ctes: dict[str, tuple[Output, ...]]
    ) -> tuple[Output, ...]:
        # a long chain of UNIONs leans to the left: go down it without recursion
        arms: list[Node] = []
        node = select
        distinct = False
        while node.get("op", "SETOP_NONE") != "SETOP_NONE" and "withClause" not in (node if node is not select else {}):
            if node is not select and ("sortClause" in node or "limitCount" in node):
                break
            arms.append(node["rarg"])
            distinct |= not (node["op"] == "SETOP_UNION" and node.get("all"))
            node = node["larg"]
        arms.append(node)
        sides = [self.query(arm, outer, ctes) for arm in reversed(arms)]
        first = sides[0]
        outputs = tuple(
            (name, join(side[i][1] for side in sides if i < len(side))) for i, (name, _) in enumerate(first)
        )
        if distinct:
            for _, taint in outputs:
                self.use(taint, Use.SET_OPERATION)
        self._order(select, Scope([], outer, list(outputs)), outputs, ctes)
        return outputs

    def _select(self, select: Node, outer: Scope | None, ctes: dict[str, tuple[Output, ...]]) -> tuple[Output, ...]:
        scope = Scope([], outer)
        for item in select.get("fromClause", ()):
            self.from_item(item, scope, ctes)
        self.use(self.value(select.get("whereClause"), scope, ctes), Use.PREDICATE)
        outputs = self.targets(select.get("targetList", ()), scope, ctes)
        scope.aliases = list(outputs)
        self._group(select, scope, outputs, ctes)
        self.use(self.value(select.get("havingClause"), scope, ctes), Use.PREDICATE)
        for w in select.get("windowClause", ()):
            self._window(w["WindowDef"], scope, ctes)
        if "distinctClause" in select:
            on = [d for d in select["distinctClause"] if d]
            for d in on:
                self._by(d, scope, outputs, ctes, Use.DISTINCT)
            if not on:
                self._distinct(select, scope, outputs)
        self._order(select, scope, outputs, ctes)
        return outputs

    def _group(
        self, select: Node, scope: Scope, outputs: tuple[Output, ...], ctes: dict[str, tuple[Output, ...]]
    ) -> None:
        """GROUP BY. Where a relation's whole key is grouped by, its other columns make no more groups."""
        groups = select.get("groupClause", ())
        if not any(s.key for s in scope.sources):
            for g in groups:
                self._by(g, scope, outputs, ctes, Use.GROUP)
            return
        origins = [self._origin(g, select, scope) for g in groups]
        whole = keyed(scope, origins) if not any("GroupingSet" in g for g in groups) else frozenset()
        for g, origin in zip(groups, origins, strict=True):
            if origin is not None and id(origin[0]) in whole:
                self.use(origin[0].taint_of(origin[1]) or CLEAN, Use.OUTPUT)
            else:
                self._by(g, scope, outputs, ctes, Use.GROUP)

    def _distinct(self, select: Node, scope: Scope, outputs: tuple[Output, ...]) -> None:
        """SELECT DISTINCT. Where a relation's whole key is in the list, its other columns make no row more distinct."""
        origins: list[tuple[Source, str] | None] = []
        for item in select.get("targetList", ()):
            value = item["ResTarget"]["val"]
            star = star_of(value)
            if star is None:
                origins.append(self._origin(value, {}, scope))
                continue
            for s in scope.sources if not star else filter(None, (scope.source(star[-1]),)):
                origins += [(s, n) for n, _ in s.columns] if s.columns is not None else [None]
        whole = keyed(scope, origins)
        for (_, taint), origin in zip(outputs, origins, strict=True):
            self.use(taint, Use.OUTPUT if origin is not None and id(origin[0]) in whole else Use.DISTINCT)

    @staticmethod
    def _origin(node: Node, select: Node, scope: Scope) -> tuple[Source, str] | None:
        """The one source, and its column, that a plain name or a number stands for; None where that is not certain."""
        at = node.get("A_Const", {}).get("ival", {}).get("ival", 0)
        targets = [t["ResTarget"]["val"] for t in select.get("targetList", ())]
        if 0 < at <= len(targets) and all(star_of(t) is None for t in targets):
            node = targets[at - 1]
        fields = [f["String"]["sval"] for f in node.get("ColumnRef", {}).get("fields", ()) if "String" in f]
        if not fields or len(fields) != len(node["ColumnRef"]["fields"]):
            return None
        if any(s.columns is None for s in scope.sources):
            return None
        qualifier = fields[-2] if len(fields) > 1 else None
        found = [
            s
            for s in scope.sources
            if s.taint_of(fields[-1]) is not None
            and qualifier in (None, s.alias)
            and (len(fields) < 3 or s.schema in (None, fields[-3]))
        ]
        return (found[0], fields[-1]) if len(found) == 1 else None

    def _order(
        self, select: Node, scope: Scope, outputs: tuple[Output, ...], ctes: dict[str, tuple[Output, ...]]
    ) -> None:
        for s in select.get("sortClause", ()):
            self._by(s["SortBy"]["node"], scope, outputs, ctes, Use.ORDER)
        for part in ("limitCount", "limitOffset"):
            self.use(self.value(select.get(part), scope, ctes), Use.LIMIT)

    def _by(
        self, node: Node, scope: Scope, outputs: tuple[Output, ...], ctes: dict[str, tuple[Output, ...]], use: Use
    ) -> None:
        """GROUP BY, ORDER BY, DISTINCT ON: a number or a name may be an output column."""
        if "GroupingSet" in node:
            for part in node["GroupingSet"].get("content", ()):
                self._by(part, scope, outputs, ctes, use)
            return
        if "RowExpr" in node:
            for part in node["RowExpr"].get("args", ()):
                self._by(part, scope, outputs, ctes, use)
            return
        constant = node.get("A_Const", {})
        if "ival" in constant:
            at = constant["ival"].get("ival", 0) - 1
            if 0 <= at < len(outputs):
                self.use(outputs[at][1], use)
            return
        fields = node.get("ColumnRef", {}).get("fields", ())
        if len(fields) == 1 and "String" in fields[0]:
            named = [t for n, t in outputs if n == fields[0]["String"]["sval"]]
            self.use(join(named), use)
            if named and use is not Use.GROUP:
                # ORDER BY and DISTINCT ON look among the outputs first, GROUP BY among the inputs
                return
        self.use(self.value(node, scope, ctes), use)

    def _window(self, window: Node, scope: Scope, ctes: dict[str, tuple[Output, ...]]) -> None:
        for p in window.get("partitionClause", ()):
            self.use(self.value(p, scope, ctes), Use.GROUP)
        for s in window.get("orderClause", ()):
            self.use(self.value(s["SortBy"]["node"], scope, ctes), Use.ORDER)
        for part in ("startOffset", "endOffset"):
            self.use(self.value(window.get(part), scope, ctes), Use.ORDER)

    def targets(self, items: Iterable[Node], scope: Scope, ctes: dict[str, tuple[Output, ...]]) -> tuple[Output, ...]:
        """The outputs of a target or RETURNING list, stars expanded."""
        outputs: list[Output] = []
        for item in items:
            target = item["ResTarget"]
            value = target["val"]
            star = star_of(value) if "ColumnRef" in value else None
            if star is not None:
                for s in scope.sources if not star else filter(None, (scope.source(star[-1]),)):
                    outputs += s.columns if s.columns is not None else (("?column?", s.rest),)
                continue
            outputs.append((target.get("name") or label(value), self.value(value, scope, ctes)))
        return tuple(outputs)

    # -------------------------------------------------------------- FROM

    def from_item(self, item: Node, scope: Scope, ctes: dict[str, tuple[Output, ...]]) -> list[Source]:
        """Adds what a FROM item gives to the scope; returns the sources that it added."""
        kind, node = next(iter(item.items()))
        match kind:
            case "RangeVar":
                added = [self.relation(node, ctes)]
            case "RangeTableSample":
                for a in node.get("args", ()):
                    self.use(self.value(a, scope, ctes), Use.LIMIT)
                return self.from_item(node["relation"], scope, ctes)
            case "RangeSubselect":
                around = Scope(scope.sources, scope.outer) if node.get("lateral") else scope.outer
                outputs = self.query(node["subquery"], around, ctes)
                alias = node.get("alias", {})
                added = [Source(alias.get("aliasname", ""), renamed(outputs, _colnames(alias)))]
            case "RangeFunction":
                added = [self._function(node, scope, ctes)]
            case "RangeTableFunc" | "JsonTable":
                taint = self.value({k: v for k, v in node.items() if k != "alias"}, scope, ctes)
                self.use(taint, Use.PREDICATE)
                added = [Source(node.get("alias", {}).get("aliasname", ""), None, taint)]
            case "JoinExpr":
                return self._join(node, scope, ctes)
            case _:
                added = []
        scope.sources.extend(added)
        return added

    def relation(self, node: Node, ctes: dict[str, tuple[Output, ...]]) -> Source:
        """The source that a RangeVar is."""
        alias = node.get("alias", {})
        name = node.get("relname", "")
        if "schemaname" not in node and name in ctes:
            columns: tuple[Output, ...] | None = ctes[name]
        else:
            columns = self._columns(node)
            if self._rows is not None:
                self.use(self._rows(node), Use.PREDICATE)
        if columns is not None:
            columns = renamed(columns, _colnames(alias))
        known = self._keys is not None and not _colnames(alias) and ("schemaname" in node or name not in ctes)
        key = self._keys(node) if self._keys is not None and known else ()
        return Source(alias.get("aliasname", name), columns, schema=node.get("schemaname"), key=key)

    def _function(self, node: Node, scope: Scope, ctes: dict[str, tuple[Output, ...]]) -> Source:
        calls = [f["List"]["items"][0] for f in node.get("functions", ())]
        taint: Taint = CLEAN
        for call in calls:
            taint |= self.value(call, scope, ctes)
        # how many rows a function gives may hang on its arguments
        self.use(taint, Use.PREDICATE)
        alias = node.get("alias", {})
        name = alias.get("aliasname") or next((label(c) for c in calls), "")
        named = _colnames(alias) or [c["ColumnDef"]["colname"] for c in node.get("coldeflist", ())]
        if named and (node.get("coldeflist") or len(calls) == 1):
            return (
                Source(name, None, taint)
                if not node.get("coldeflist")
                else Source(name, tuple((n, taint) for n in named))
            )
        return Source(name, None, taint)

    def _join(self, node: Node, scope: Scope, ctes: dict[str, tuple[Output, ...]]) -> list[Source]:
        left = self.from_item(node["larg"], scope, ctes)
        right = self.from_item(node["rarg"], scope, ctes)
        added = left + right
        if node.get("isNatural"):
            ours = {n for s in left for n, _ in s.columns or ()}
            common = [n for s in right for n, _ in s.columns or () if n in ours]
        else:
            common = [n["String"]["sval"] for n in node.get("usingClause", ())]
        for name in common:
            for s in added:
                self.use(s.taint_of(name) or CLEAN, Use.JOIN)
        self.use(self.value(node.get("quals"), Scope(scope.sources, scope.outer), ctes), Use.JOIN)
        if "join_using_alias" in node:
            alias = node["join_using_alias"]["aliasname"]
            merged = tuple((n, join(s.taint_of(n) or CLEAN for s in added)) for n in common)
            scope.sources.append(Source(alias, merged))
        if "alias" in node:
            columns: tuple[Output, ...] | None = ()
            for s in added:
                columns = None if columns is None or s.columns is None else columns + s.columns
            rest = join(s.rest for s in added)
            whole = Source(
                node["alias"]["aliasname"],
                None if columns is None else renamed(columns, _colnames(node["alias"])),
                rest,
            )
            # an alias on a join hides the names inside it
            for s in added:
                scope.sources.remove(s)
            scope.sources.append(whole)
            return [whole]
        return added

    # -------------------------------------------------------------- writes

    def modify(
        self, kind: str, node: Node, outer: Scope | None, ctes: dict[str, tuple[Output, ...]]
    ) -> tuple[Output, ...]:
        """The RETURNING outputs of a data-modifying statement; what it reads and writes goes to `uses`."""
        ctes = self.with_clause(node.get("withClause"), outer, ctes)
        target = self.relation(node["relation"], {})
        scope = Scope([target], outer)
        match kind:
            case "InsertStmt":
                self._insert(node, target, scope, outer, ctes)
            case "UpdateStmt":
                for item in node.get("fromClause", ()):
                    self.from_item(item, scope, ctes)
                self._assign(node.get("targetList", ()), target, scope, ctes, self._write(node))
                self.use(self.value(node.get("whereClause"), scope, ctes), Use.PREDICATE)
            case "DeleteStmt":
                for item in node.get("usingClause", ()):
                    self.from_item(item, scope, ctes)
                self.use(self.value(node.get("whereClause"), scope, ctes), Use.PREDICATE)
            case "MergeStmt":
                self._merge(node, target, scope, ctes)
        returning = node.get("returningClause", {})
        rows = Scope([*scope.sources], outer)
        for name in ("old", "new", *(o["ReturningOption"]["value"] for o in returning.get("options", ()))):
            rows.sources.append(Source(name, target.columns, target.rest))
        stars = self.targets(
            [t for t in returning.get("exprs", ()) if star_of(t["ResTarget"]["val"]) == ()], scope, ctes
        )
        others = [t for t in returning.get("exprs", ()) if star_of(t["ResTarget"]["val"]) != ()]
        return stars + self.targets(others, rows, ctes)

    def _insert(
        self, node: Node, target: Source, scope: Scope, outer: Scope | None, ctes: dict[str, tuple[Output, ...]]
    ) -> None:
        outputs = self.query(node["selectStmt"], outer, ctes) if "selectStmt" in node else ()
        for _, taint in outputs:
            self.use(taint, self._write(node))
        if "cols" in node:
            written = [c["ResTarget"]["name"] for c in node["cols"]]
        else:
            # a star may stand for any number
            unsure = any(n == "?column?" for n, _ in outputs)
            written = [n for n, _ in (target.columns or ())[: None if unsure else len(outputs)]]
        rows = inserted(node)
        for at, name in enumerate(written):
            own = target.taint_of(name)
            if own and given(rows, at):
                self.use(own, Use.INSERT)
        conflict = node.get("onConflictClause")
        if conflict:
            infer = conflict.get("infer", {})
            for e in infer.get("indexElems", ()):
                elem = e["IndexElem"]
                self.use(target.taint_of(elem["name"]) or CLEAN if "name" in elem else CLEAN, Use.PREDICATE)
                self.use(self.value(elem.get("expr"), scope, ctes), Use.PREDICATE)
            self.use(self.value(infer.get("whereClause"), scope, ctes), Use.PREDICATE)
            # what would have been inserted is the requester's own
            proposed = Source("excluded", tuple((n, CLEAN) for n, _ in target.columns) if target.columns else None)
            both = Scope([target, proposed], outer)
            self._assign(conflict.get("targetList", ()), target, both, ctes, self._write(node))
            self.use(self.value(conflict.get("whereClause"), both, ctes), Use.PREDICATE)

    def _write(self, node: Node) -> Use:
        """What filling the target is: a write, unless the target is the session's own."""
        return Use.OUTPUT if self._own is not None and self._own(node["relation"]) else Use.WRITE

    def _assign(
        self,
        items: Iterable[Node],
        target: Source,
        scope: Scope,
        ctes: dict[str, tuple[Output, ...]],
        use: Use = Use.WRITE,
    ) -> None:
        for item in items:
            t = item["ResTarget"]
            self.use(target.taint_of(t["name"]) or CLEAN, Use.WRITE)
            value = t.get("val", {})
            if "MultiAssignRef" in value:
                if value["MultiAssignRef"].get("colno", 1) != 1:
                    continue
                value = value["MultiAssignRef"]["source"]
            self.use(self.value(value, scope, ctes), use)

    def _merge(self, node: Node, target: Source, scope: Scope, ctes: dict[str, tuple[Output, ...]]) -> None:
        self.from_item(node["sourceRelation"], scope, ctes)
        self.use(self.value(node.get("joinCondition"), scope, ctes), Use.JOIN)
        for wrapped in node.get("mergeWhenClauses", ()):
            when = wrapped["MergeWhenClause"]
            self.use(self.value(when.get("condition"), scope, ctes), Use.PREDICATE)
            if when.get("commandType") == "CMD_UPDATE":
                self._assign(when.get("targetList", ()), target, scope, ctes, self._write(node))
            elif when.get("commandType") == "CMD_INSERT":
                names = [t["ResTarget"]["name"] for t in when.get("targetList", ())]
                values = when.get("values", ())
                for at, name in enumerate(names or [n for n, _ in (target.columns or ())[: len(values)]]):
                    taint = target.taint_of(name)
                    if taint and given([values], at):
                        self.use(taint, Use.INSERT)
                for v in values:
                    self.use(self.value(v, scope, ctes), Use.WRITE)

    # -------------------------------------------------------------- expressions

    def value(self, node: Any, scope: Scope, ctes: dict[str, tuple[Output, ...]]) -> Taint:
        """The taint of an expression. Goes through it without recursion, however deep; into subqueries with it."""
        if node is None:
            return CLEAN
        if type(node) is dict and "ColumnRef" in node:
            parts = node["ColumnRef"]["fields"]
            names = tuple([f["String"]["sval"] for f in parts if "String" in f])
            return scope.dotted(names, len(names) != len(parts))
        taint: set[ColumnName] = set()
        stack: list[Any] = [node]
        while stack:
            item = stack.pop()
            if type(item) is list:
                stack.extend(item)
                continue
            if type(item) is not dict:
                continue
            for key, inner in item.items():
                kind = type(inner)
                if kind is list:
                    stack += inner
                elif kind is not dict or key in _UNREAD:
                    continue
                elif key == "ColumnRef":
                    fields = tuple([f["String"]["sval"] for f in inner["fields"] if "String" in f])
                    taint |= scope.dotted(fields, len(fields) != len(inner["fields"]))
                elif key == "FuncCall":
                    taint |= self._call(inner, scope, ctes)
                elif key == "SubLink":
                    stack.append(inner.get("testexpr"))
                    taint |= self._sublink(inner["subselect"], inner["subLinkType"] != "EXISTS_SUBLINK", scope, ctes)
                elif key == "A_Indirection":
                    taint |= self._indirection(inner, scope, ctes, stack)
                elif key == "JsonArrayQueryConstructor":
                    taint |= self._sublink(inner["query"], True, scope, ctes)
                else:
                    stack.append(inner)
        return frozenset(taint)

    def _sublink(self, node: Node, valued: bool, scope: Scope, ctes: dict[str, tuple[Output, ...]]) -> Taint:
        """What a subquery in an expression gives. In a view's analysis its rows decide its value alone."""
        inside = self if self._rows is None else self._again()
        outputs = inside.query(node, scope, ctes)
        taint = join(t for _, t in outputs) if valued else CLEAN
        return taint if inside is self else taint | inside.shaping

    def _indirection(self, node: Node, scope: Scope, ctes: dict[str, tuple[Output, ...]], stack: list[Any]) -> Taint:
        """(row).column takes that column's taint alone."""
        stack.extend(p["A_Indices"] for p in node["indirection"] if "A_Indices" in p)
        first = node["indirection"][0]
        ref = node["arg"].get("ColumnRef")
        if ref is not None and "String" in first:
            fields = tuple(f["String"]["sval"] for f in ref["fields"] if "String" in f)
            if len(fields) == len(ref["fields"]) and scope.is_row(fields):
                source = scope.source(fields[0])
                taint = source.taint_of(first["String"]["sval"]) if source else None
                if taint is not None:
                    return taint
        return self.value(node["arg"], scope, ctes)

    def _call(self, call: Node, scope: Scope, ctes: dict[str, tuple[Output, ...]]) -> Taint:
        name = call["funcname"][-1]["String"]["sval"]
        args = call.get("args", ())
        taint = self.value(list(args), scope, ctes)
        if self._calls is not None:
            taint |= self._calls(call)
        for s in call.get("agg_order", ()):
            self.use(self.value(s["SortBy"]["node"], scope, ctes), Use.ORDER)
        self.use(self.value(call.get("agg_filter"), scope, ctes), Use.PREDICATE)
        if "over" in call:
            self._window(call["over"], scope, ctes)
        if (
            taint
            and name in _COMPUTING
            and not (name == "count" and not call.get("agg_distinct") and _rows(args, scope))
        ):
            self.use(taint, Use.AGGREGATE)
        elif taint and call.get("agg_distinct"):
            self.use(taint, Use.DISTINCT)
        return taint


_UNREAD = frozenset({"A_Const", "TypeName", "typeName", "ParamRef"})

_CYCLE = ("cycle_mark_column", "cycle_path_column")


def _rows(args: Iterable[Node], scope: Scope) -> bool:
    """Whether the arguments are whole rows of sources, whose being there no hidden column decides."""
    for a in args:
        ref = a.get("ColumnRef")
        if ref is None:
            return False
        fields = tuple(f["String"]["sval"] for f in ref["fields"] if "String" in f)
        if len(fields) == len(ref["fields"]) and not scope.is_row(fields):
            return False
    return True


def _colnames(alias: Node) -> list[str]:
    return [c["String"]["sval"] for c in alias.get("colnames", ())]
