"""To which query an aggregate belongs: that whose columns it is told of, which may be one around that in which it
stands (PostgreSQL docs, 4.2.7): `SELECT (SELECT array_agg(t.a)) FROM t` makes one row of all of t.

Knows a statement's tree and the columns of its relations; nothing of order. Invariant: an aggregate of which it is not
known stands in `unknown`, and is given to no query; what is given to one can be told of more of its columns where it
stands, by the names of their tables.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from redactor.engine.clauses import parts
from redactor.sql.grammar import Node
from redactor.sql.labels import label, leftmost, star_of, walk

_OF_EVERY_TABLE = frozenset({"tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"})
_GIVING: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("generate_series", "generate_subscripts", "regexp_split_to_table", "string_to_table"), ()),
    **dict.fromkeys(("jsonb_object_keys", "json_object_keys", "jsonb_path_query"), ()),
    **dict.fromkeys(("jsonb_array_elements", "jsonb_array_elements_text"), ("value",)),
    **dict.fromkeys(("json_array_elements", "json_array_elements_text"), ("value",)),
    **dict.fromkeys(("jsonb_each", "jsonb_each_text", "json_each", "json_each_text"), ("key", "value")),
}
"""The columns of what PostgreSQL's own functions give in FROM; none: one, by the name of the function or its alias."""


@dataclass(frozen=True, slots=True)
class Level:
    """One query that is being read. `columns`: what its FROM clause gives, all of it where `whole`; `aliases`: the
    names of what is read there."""

    select: Node
    aliases: frozenset[str]
    columns: frozenset[str]
    whole: bool


@dataclass(frozen=True, slots=True)
class Levels:
    """What was found. `given`: the calls of aggregates that belong to a query around their own, by its id; `moved`:
    their ids; `unknown`: (call, the queries that it may belong to)."""

    given: dict[int, list[Node]] = field(default_factory=dict)
    moved: set[int] = field(default_factory=set)
    unknown: list[tuple[Node, list[Node]]] = field(default_factory=list)


def is_aggregate(kind: str, node: Any, aggregates: Callable[[Node], bool]) -> bool:
    """Whether a node makes one value of many rows. `aggregates`: whether a call's function does."""
    if kind in ("JsonObjectAgg", "JsonArrayAgg", "GroupingFunc"):
        return True
    return kind == "FuncCall" and "over" not in node and aggregates(node)


def may_move(sublinks: list[Node], aggregates: Callable[[Node], bool]) -> bool:
    """Whether an aggregate stands in a query in an expression: no other belongs to a query around its own.
    `sublinks`: each before those in it."""
    within: set[int] = set()
    for sublink in sublinks:
        if id(sublink) not in within:
            for kind, inner in walk(sublink):
                if is_aggregate(kind, inner, aggregates):
                    return True
                within.add(id(inner))
    return False


class Reader:
    """Reads one statement. `columns_of`: by the id of a relation's node, its columns."""

    def __init__(
        self, node: Node, columns_of: Mapping[int, Collection[str]], aggregates: Callable[[Node], bool]
    ) -> None:
        self._columns_of = columns_of
        self._aggregates = aggregates
        self._named: dict[str, list[Node]] = {}
        self._reading: set[int] = set()
        self.found = Levels()
        for kind, inner in walk(node):
            if kind == "CommonTableExpr":
                self._named.setdefault(inner["ctename"], []).append(inner)
        self.read(node)

    def read(self, item: object, around: tuple[Level, ...] = ()) -> None:
        """Everything below a node."""
        if isinstance(item, list):
            for child in item:
                self.read(child, around)
        elif isinstance(item, dict):
            for kind, inner in item.items():
                if kind == "SelectStmt":
                    self._select(inner, around)
                    continue
                if around and is_aggregate(kind, inner, self._aggregates):
                    self._call(inner, around)
                if kind != "A_Const":
                    self.read(inner, around)

    def _select(self, select: Node, around: tuple[Level, ...]) -> None:
        for arm in ("larg", "rarg"):
            if arm in select:
                self._select(select[arm], around)
        items = select.get("fromClause", [])
        own = (*around, self._level(select, items))
        for clause, value in select.items():
            if clause in ("larg", "rarg"):
                continue
            if clause == "fromClause":
                self._from(value, around, own)
            else:
                self.read(value, around if clause == "withClause" else own)

    def _from(self, items: object, around: tuple[Level, ...], own: tuple[Level, ...]) -> None:
        """A subquery in FROM sees what stands beside it if it says LATERAL."""
        if isinstance(items, list):
            for item in items:
                self._from(item, around, own)
        elif isinstance(items, dict):
            for kind, inner in items.items():
                if kind == "RangeSubselect":
                    self.read(inner, own if inner.get("lateral") else around)
                elif kind == "JoinExpr":
                    self._from([inner["larg"], inner["rarg"]], around, own)
                    self.read(inner.get("quals"), own)
                else:
                    self.read(inner, own)

    # -------------------------------------------------------------- what a FROM clause gives

    def _level(self, select: Node, items: list[Node]) -> Level:
        aliases: set[str] = set()
        columns: set[str] = set()
        whole = True
        for item in items:
            whole &= self._source(item, aliases, columns)
        return Level(select, frozenset(aliases), frozenset(columns), whole)

    def _source(self, item: Node, aliases: set[str], columns: set[str]) -> bool:
        """Adds what a source is called and what it gives; says whether that is all."""
        kind, inner = next(iter(item.items()))
        alias = inner.get("alias", {})
        named = [c["String"]["sval"] for c in alias.get("colnames", ())]
        given: Collection[str] | None = None
        if "aliasname" in alias:
            aliases.add(alias["aliasname"])
        match kind:
            case "JoinExpr":
                below: set[str] = set()
                given = set()
                whole = [self._source(inner[side], below, given) for side in ("larg", "rarg")]
                aliases |= below if not alias else set()
                if "join_using_alias" in inner:
                    aliases.add(inner["join_using_alias"]["aliasname"])
                if not named:
                    columns |= given
                    return all(whole)
                given = None
            case "RangeTableSample":
                return self._source(inner["relation"], aliases, columns)
            case "RangeVar":
                if not alias:
                    aliases.add(inner["relname"])
                columns |= _OF_EVERY_TABLE
                known = self._columns_of.get(id(inner))
                if known:
                    columns |= {*named, *known}
                    return True
                bodies = self._named.get(inner["relname"], []) if "schemaname" not in inner else []
                given = self._of_with(bodies[0]) if len(bodies) == 1 else None
            case "RangeSubselect":
                given = self._outputs(inner["subquery"], bool(named))
            case "RangeFunction":
                # what a function gives may be a row of any columns
                call = inner["functions"][0]["List"]["items"][0]
                name = label(call)
                if not alias:
                    aliases.add(name)
                if "coldeflist" in inner:
                    given = [c["ColumnDef"]["colname"] for c in inner["coldeflist"]]
                elif name in _GIVING and len(inner["functions"]) == 1 and "FuncCall" in call:
                    given = [*(_GIVING[name] or (alias.get("aliasname", name),)), "ordinality"]
            case _:
                pass
        columns |= set(named)
        if given is None:
            return False
        columns |= set(list(given)[len(named) :])
        return True

    def _of_with(self, body: Node) -> list[str] | None:
        """The names of a WITH query's outputs."""
        if id(body) in self._reading or body.keys() & {"search_clause", "cycle_clause"}:
            return None
        self._reading.add(id(body))
        named = [c["String"]["sval"] for c in body.get("aliascolnames", ())]
        given = self._outputs(body["ctequery"], bool(named))
        self._reading.discard(id(body))
        return None if given is None else [*named, *given[len(named) :]]

    def _outputs(self, query: Node, renamed: bool) -> list[str] | None:
        """The names that a query gives its outputs; None where some are not known. `renamed`: their order counts."""
        select = query.get("SelectStmt")
        if select is None:
            return None
        select = leftmost(select)
        if "valuesLists" in select:
            return [f"column{i + 1}" for i in range(len(select["valuesLists"][0]["List"]["items"]))]
        out: list[str] = []
        targets = [t["ResTarget"] for t in select.get("targetList", ())]
        for target in targets:
            if star_of(target["val"]) is None:
                out.append(target.get("name") or label(target["val"]))
                continue
            level = self._level(select, select.get("fromClause", []))
            if renamed or not level.whole:
                return None
            out += level.columns
        return out

    # -------------------------------------------------------------- whose an aggregate is

    def _call(self, call: Node, around: tuple[Level, ...]) -> None:
        own = len(around) - 1
        least = most = -1
        for kind, inner in parts(call):
            if kind == "ColumnRef":
                could = list(_meant(inner["fields"], around))
                if could:
                    least, most = max(least, could[-1]), max(most, could[0])
        if least < 0 or least == own:
            return
        nearer = {a for level in around[least + 1 :] for a in level.aliases}
        if least == most and nearer.isdisjoint(around[least].aliases):
            self.found.given.setdefault(id(around[least].select), []).append(call)
            self.found.moved.add(id(call))
        else:
            self.found.unknown.append((call, [level.select for level in around[least : most + 1]]))


def _meant(fields: list[Node], around: tuple[Level, ...]) -> Iterator[int]:
    """The queries that a reference may mean, innermost first; the last is the first that surely has what it names."""
    words = [f["String"]["sval"] if "String" in f else "*" for f in fields]
    if len(words) > 1:
        yield from [i for i in range(len(around) - 1, -1, -1) if words[-2] in around[i].aliases][:1]
        return
    maybe: list[int] = []
    for i in range(len(around) - 1, -1, -1):
        if words[0] in around[i].columns:
            yield from (*maybe, i)
            return
        if not around[i].whole:
            maybe.append(i)
    rows = [i for i in range(len(around) - 1, -1, -1) if words[0] in around[i].aliases][:1]
    yield from sorted({*maybe, *rows}, reverse=True)
