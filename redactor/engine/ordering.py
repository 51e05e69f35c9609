"""Order where none was asked for: so that which rows come first does not show how much room hidden values take.

Knows a statement's tree and tokens, and of each relation in it whether its rows lie where hidden values have them lie,
and what tells its rows apart. Adds ORDER BY, or more columns behind one, where the order of rows comes out: in the
query itself, where LIMIT or DISTINCT ON picks rows, in aggregates that keep an order. Invariant: rows are only sorted,
never more or fewer; a query in which no such relation is read stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from redactor.engine.clauses import (
    ENDS,
    SETS,
    distinct_on,
    end_of,
    groups,
    located,
    name_of,
    ordinals,
    parts,
    pinned,
    sorted_by,
    start_of,
)
from redactor.engine.levels import Levels, Reader, is_aggregate, may_move
from redactor.engine.reach import Reach
from redactor.engine.refusal import of_kind
from redactor.engine.text import Text
from redactor.engine.traits import ARRANGING, KEEPING, NUMBERING, PICKING, ROWWISE
from redactor.sql.grammar import Node
from redactor.sql.labels import label, walk
from redactor.sql.quote import identifier
from redactor.sql.survey import Survey

_ORDERED = frozenset({"text", "varchar", "int4", "int8", "numeric", "date", "bool", "timestamptz", "timestamp", "uuid"})


@dataclass(frozen=True, slots=True)
class Place:
    """A relation of a FROM clause. `keys`: expressions that tell its rows apart (empty: the text of a row does), each
    of a column in `keyed`; `sized`: its rows lie where hidden values have them lie; `settled`: they come in an order
    of their own; `columns`: the names of its columns; `primary`: those of its key; `inside`: it is a view with an
    ORDER BY of its own."""

    alias: str
    keys: tuple[str, ...]
    sized: bool
    settled: bool = False
    columns: frozenset[str] = frozenset()
    primary: tuple[str, ...] = ()
    inside: bool = False
    keyed: tuple[str, ...] = ()

    def narrowed(self, names: Collection[str]) -> Place:
        """Where no key tells its rows apart: ordered by those of its columns that a statement names, if any. Rows that
        are alike in these may come in any order, and to the others the requester may have no right."""
        if self.primary:
            return self
        keys = tuple([k for k, n in zip(self.keys, self.keyed, strict=True) if n in names])
        if not keys or len(keys) == len(self.keys):
            return self
        return Place(self.alias, keys, self.sized, self.settled, self.columns, (), self.inside)


def settle(
    text: Text,
    node: Node,
    found: Survey,
    places: Mapping[int, Place],
    aggregates: Callable[[Node], bool],
    comparable: Callable[[], bool],
) -> None:
    """Orders every query of a statement in which order comes out. `places` by the id of the relation's node;
    `comparable`: whether rows of subqueries can be compared as they are."""
    if not any(p.sized for p in places.values()):
        return
    heads = {id(node.get("SelectStmt"))}
    if "InsertStmt" in found.nested:
        # rows of a query that is inserted stay as they came
        heads |= {id(n.get("selectStmt", {}).get("SelectStmt")) for k, n in walk(node) if k == "InsertStmt"}
    # ARRAY(SELECT ...) keeps the order of its rows
    kept = {id(select) for select in found.arrays}
    collects = found.collects or any(aggregates(f.node) for f in found.functions)
    arranges = any(f.name in ARRANGING for f in found.functions)
    # of a statement that is one query and changes nothing, what it reads is what the query reads
    single = len(found.selects) == 1 and "SelectStmt" in node and not found.nested
    reach = None if single else Reach(node, places.keys(), {at for at, p in places.items() if p.sized})

    def row(alias: str) -> str:
        # whatever it is made of, a row has a text
        return f"ROW({identifier(alias)}.*)" + ("" if comparable() else "::pg_catalog.text")

    if reach is not None and reach.references:
        named = {id(n): n.get("alias", {}).get("aliasname", n["relname"]) for n in reach.references}
        places = {**places, **{at: Place(alias, (), True) for at, alias in named.items()}}
    levels = Levels()
    if reach is not None and may_move(found.sublinks, aggregates):
        levels = Reader(node, {at: p.columns for at, p in places.items()}, aggregates).found
    around = _Around(places, aggregates, collects, arranges, reach, row, levels)
    for _, selects in levels.unknown:
        if any(around.reads_sized(s) for s in selects):
            why = "which query it belongs to cannot be told"
            hint = "Write its columns with their table's name, and give each table a name of its own."
            raise of_kind("an aggregate in a subquery", why, hint)
    tops: set[int] = set()
    for select in found.selects:
        shown: Node | None = select
        if not (id(select) in heads or id(select) in kept or "limitCount" in select or "limitOffset" in select):
            continue
        while shown is not None and id(shown) not in tops:
            tops.add(id(shown))
            shown = _through(text, shown, around)
    asked: set[int] = set()
    if arranges:
        # an order that shows in an aggregate is settled where it was asked for
        below = {id(s): inner for s in found.selects if (inner := _sorted_below(text, s, around)) is not None}
        asked = set(below)
        tops |= {id(inner) for inner in below.values()}
    for select in found.selects:
        _level(text, select, around, id(select) in tops, id(select) in asked)


@dataclass(frozen=True, slots=True)
class _Around:
    """What of a statement matters to each of its queries. `collects`: it may call an aggregate; `arranges`: it calls
    what shows the order of its rows; `reach`: what each reads; None: there is one, which reads what the statement
    reads; `row`: how a row of an alias is compared with others; `levels`: aggregates that stand in another query than
    they belong to."""

    places: Mapping[int, Place]
    aggregates: Callable[[Node], bool]
    collects: bool
    arranges: bool
    reach: Reach | None
    row: Callable[[str], str]
    levels: Levels

    def reads_sized(self, select: Node) -> bool:
        """Whether a query reads anything whose rows lie where hidden values have them lie."""
        return self.reach is None or self.reach.reads(select)

    def collected(self, select: Node) -> bool:
        """Whether a query makes one row of many, for all of them or for each group."""
        if select.keys() & {"groupClause", "havingClause"}:
            return True
        return self.collects and (
            id(select) in self.levels.given
            or any(_collects(t["ResTarget"]["val"], self) for t in select.get("targetList", ()))
        )


def _level(text: Text, select: Node, around: _Around, top: bool, asked: bool) -> None:
    """`top`: its order comes out; `asked`: its rows come in an order that was asked for below."""
    if select.get("limitOption") == "LIMIT_OPTION_WITH_TIES":
        # which rows there are is known, and more columns would make fewer of them ties
        return
    outermost = top or "limitCount" in select or "limitOffset" in select
    picks = any(select.get("distinctClause", ()))
    if "larg" in select:
        if outermost and around.reads_sized(select):
            _set_operation(text, select)
        return
    items = select.get("fromClause", [])
    # a condition may have PostgreSQL begin with what it reads
    if not items or "targetList" not in select or not around.reads_sized(select):
        return
    sources = list(_sources(items, around.places))
    keys = _keys(sources, around.row)
    known = len(sources) == 1 and isinstance(sources[0], Place) and sources[0].settled and "groupClause" not in select
    if around.arranges and not known:
        grouped = "groupClause" in select
        own = _grouped_columns(text, select, sources) if grouped else keys
        unnumbered = not grouped and (asked or around.collected(select))
        _aggregates(text, select, [] if asked else keys, [] if unnumbered else own, around.levels)
    if not (outermost or picks) or _ordered_below(text, select, sources, around):
        return
    collects = around.collected(select)
    plain = not (picks or collects or select.keys() & {"groupClause", "havingClause", "distinctClause"})
    if plain and len(sources) == 1 and isinstance(sources[0], Place) and _alone(select, sources[0]):
        return
    start = start_of(text, select)
    if start is None:
        return
    if "groupClause" in select:
        more = groups(text, select, start) if "distinctClause" not in select else ordinals(select)
    elif collects or "havingClause" in select:
        return
    elif picks:
        more = keys if "sortClause" in select else [*distinct_on(text, start), *keys]
    elif "distinctClause" in select:
        more = ordinals(select) or _starred(select, sources)
    else:
        unsorted = [s for s in sources if not (isinstance(s, Place) and _is_sorted(select, s, sources))]
        more = _keys(unsorted, around.row)
    _add(text, select, start, more)


def _through(text: Text, select: Node, around: _Around) -> Node | None:
    """The query that is all a query reads, and whose order shows through it: it has one of its own, or can be given
    one."""
    if select.keys() & {"sortClause", "groupClause", "distinctClause", "larg"}:
        return None
    inner = _read_alone(select, around)
    if inner is None or "larg" in inner:
        return None
    if "sortClause" in inner:
        return inner
    if around.collected(select) or around.collected(inner) or "distinctClause" in inner:
        return None
    if not inner.get("fromClause") or "targetList" not in inner or inner.get("limitOption") == "LIMIT_OPTION_WITH_TIES":
        return None
    return inner if start_of(text, inner) is not None else None


def _read_alone(select: Node, around: _Around) -> Node | None:
    """The one subquery, or WITH query, that a query reads."""
    items = select.get("fromClause", ())
    if len(items) != 1:
        return None
    inner: Node | None = items[0].get("RangeSubselect", {}).get("subquery", {}).get("SelectStmt")
    if "RangeVar" in items[0] and "schemaname" not in items[0]["RangeVar"]:
        named = around.reach.queries.get(items[0]["RangeVar"]["relname"], ()) if around.reach is not None else ()
        # of several of one name it is not known which
        inner = named[0].get("SelectStmt") if len(named) == 1 and id(items[0]["RangeVar"]) in around.places else None
    return inner


def _sorted_below(text: Text, select: Node, around: _Around) -> Node | None:
    """The query with an ORDER BY of its own in whose order rows come to a query, through others that hand them on."""
    seen: set[int] = set()
    inner = _read_alone(select, around)
    while inner is not None and id(inner) not in seen:
        seen.add(id(inner))
        if inner.get("limitOption") == "LIMIT_OPTION_WITH_TIES":
            return None
        if "sortClause" in inner:
            arm = inner
            while "larg" in arm:
                arm = arm["larg"]
            settled = "fromClause" in arm and "targetList" in arm and start_of(text, arm) is not None
            sets = any("GroupingSet" in g for g in inner.get("groupClause", ()))
            starred = "distinctClause" in inner and not ordinals(inner)
            return inner if settled and not sets and not starred else None
        if inner.keys() & {"larg", "groupClause", "distinctClause", "havingClause"} or around.collected(inner):
            return None
        inner = _read_alone(inner, around)
    return None


def _ordered_below(text: Text, select: Node, sources: list[Place | str], around: _Around) -> bool:
    """Whether the order comes from below: of a subquery, or of the one view that is read."""
    if _through(text, select, around) is not None:
        return True
    return len(sources) == 1 and isinstance(sources[0], Place) and sources[0].inside and "sortClause" not in select


def _sources(items: list[Node], places: Mapping[int, Place]) -> Iterator[Place | str]:
    """What a FROM clause names: relations that are known, and aliases of anything else."""
    for item in items:
        kind, inner = next(iter(item.items()))
        alias = inner.get("alias", {}).get("aliasname")
        if kind == "JoinExpr" and alias is None:
            yield from _sources([inner["larg"], inner["rarg"]], places)
        elif kind == "RangeTableSample":
            yield from _sources([inner["relation"]], places)
        elif kind == "RangeVar":
            yield places.get(id(inner)) or alias or inner["relname"]
        elif (name := alias or _unnamed(kind, inner)) is not None:
            yield name


def _unnamed(kind: str, item: Node) -> str | None:
    """The name that PostgreSQL gives what a FROM clause gives none; None where it gives none, either."""
    match kind:
        case "RangeFunction":
            return label(item["functions"][0]["List"]["items"][0])
        case "RangeTableFunc":
            return "xmltable"
        case "JsonTable":
            return "json_table"
        case _:
            return None


def _keys(sources: list[Place | str], row: Callable[[str], str]) -> list[str]:
    out: list[str] = []
    for s in sources:
        if isinstance(s, Place) and s.keys:
            out += s.keys
        else:
            out.append(row(s.alias if isinstance(s, Place) else s))
    return out


def _alone(select: Node, place: Place) -> bool:
    """Whether the rows of one relation come in a known order already, or at most one of them."""
    if place.settled and "sortClause" not in select:
        return True
    if place.primary and pinned(select.get("whereClause", {}), place.alias, place.primary):
        return True
    return bool(place.primary) and set(place.primary) <= sorted_by(select)


def _is_sorted(select: Node, place: Place, sources: list[Place | str]) -> bool:
    """Whether a query is sorted by a relation's key already."""
    if not place.primary or "sortClause" not in select:
        return False
    given = {name for name in sorted_by(select) if not name.isdigit()}
    if not given.issuperset(place.primary):
        return False
    others = {c for s in sources if isinstance(s, Place) and s is not place for c in s.columns}
    return others.isdisjoint(place.primary)


def _collects(target: Node, around: _Around) -> bool:
    """Whether an output makes one value of many rows of its own query."""
    return any(
        is_aggregate(kind, inner, around.aggregates) and id(inner) not in around.levels.moved
        for kind, inner in parts(target)
    )


def _add(text: Text, select: Node, start: int, keys: list[str]) -> None:
    if not keys:
        return
    end = end_of(text, start, ENDS if "larg" in select else ENDS | SETS)
    if text.word(end) in SETS:
        # an arm without parentheses has no ORDER BY of its own
        return
    if "sortClause" in select:
        last = located(select["sortClause"][-1]["SortBy"]["node"])
        while text.word(end) == ")" and last is not None and text.tokens[end].start < last:
            # (SELECT ...) ORDER BY ... is one query
            end = end_of(text, end + 1, ENDS)
        known = sorted_by(select)
        grouped = "groupClause" in select
        keys = [k for k in keys if k not in known and not (grouped and k.split(".")[-1] in known)]
    if keys:
        at = text.tokens[end - 1].end
        text.put(at, at, (", " if "sortClause" in select else " ORDER BY ") + ", ".join(dict.fromkeys(keys)))


def _starred(select: Node, sources: list[Place | str]) -> list[str]:
    """Every output of one relation's stars by its number."""
    if len(sources) != 1 or not isinstance(sources[0], Place) or not sources[0].columns:
        return []
    width = len(sources[0].columns)
    fields = (t["ResTarget"]["val"].get("ColumnRef", {}).get("fields", ()) for t in select["targetList"])
    total = sum(width if any("A_Star" in f for f in named) else 1 for named in fields)
    return [str(i + 1) for i in range(total)]


def _set_operation(text: Text, select: Node) -> None:
    """Orders a UNION, INTERSECT or EXCEPT by all that it gives."""
    arm = select
    alike = True
    while "larg" in arm:
        alike &= not (arm.get("all", False) and arm.get("op") == "SETOP_UNION")
        arm = arm["larg"]
    targets = [t["ResTarget"]["val"] for t in arm.get("targetList", ())]
    # only what UNION makes distinct surely has an order
    if not targets or not (alike or all(_is_plain(t) for t in targets)):
        return
    keys, start = ordinals(arm), start_of(text, arm)
    if start is None:
        return
    while text.word(start - 1) == "(" and text.word(text.closing(start - 1) + 1) in SETS:
        start -= 1
    _add(text, select, start, keys)


def _is_plain(target: Node) -> bool:
    """Whether an output surely has a type with an order."""
    named = target.get("TypeCast", {}).get("typeName", {})
    words = [n["String"]["sval"] for n in named.get("names", ())]
    return "A_Const" in target or (bool(words) and words[-1] in _ORDERED and "arrayBounds" not in named)


def _grouped_columns(text: Text, select: Node, sources: list[Place | str]) -> list[str]:
    """The columns that a query groups by, in one way or several, as they are written: what its windows can order by."""
    known = {c for s in sources if isinstance(s, Place) for c in s.columns}
    out, stack = [], list(reversed(select["groupClause"]))
    while stack:
        kind, inner = next(iter(stack.pop().items()))
        if kind in ("GroupingSet", "RowExpr"):
            stack += reversed(inner.get("content", inner.get("args", ())))
        elif kind == "ColumnRef":
            names = [f["String"]["sval"] for f in inner["fields"] if "String" in f]
            # a bare name that no relation has is that of an output, which a window does not know
            if len(names) == 2 or (len(names) == 1 and names[0] in known):
                first = text.at(inner["location"])
                out.append(text.written(text.tokens[first].start, text.tokens[text.name_end(first) - 1].end))
    return out


def _aggregates(text: Text, select: Node, keys: list[str], windowed: list[str], levels: Levels) -> None:
    """ORDER BY within aggregates that keep the order of their rows, and (`windowed`) behind what numbers rows."""
    if not keys and not windowed:
        return
    for kind, inner in parts(*(select.get(clause, []) for clause in ("targetList", "havingClause", "sortClause"))):
        if kind == "FuncCall" and id(inner) not in levels.moved:
            _call(text, inner, windowed if "over" in inner else keys)
    for call in levels.given.get(id(select), ()):
        if "funcname" in call:
            _call(text, call, keys)


def _call(text: Text, call: Node, keys: list[str]) -> None:
    name = call["funcname"][-1]["String"]["sval"]
    if not keys:
        return
    opening = text.name_end(text.at(call["location"]))
    if "over" in call:
        if name in PICKING | KEEPING | NUMBERING and not call["over"].keys() & {"name", "refname"}:
            _window(text, name, call["over"], text.closing(opening) + 1, keys)
    elif name in KEEPING and not call.keys() & {"agg_distinct", "agg_within_group"}:
        at = text.tokens[text.closing(opening) - 1].end
        text.put(at, at, (", " if "agg_order" in call else " ORDER BY ") + ", ".join(keys))


def _window(text: Text, name: str, window: Node, begun: int, keys: list[str]) -> None:
    """An order for a window, where it changes neither its frame nor what is equal in it."""
    while text.word(begun) != "over":
        begun += 1
    frame = end_of(text, begun + 2, frozenset({"rows", "range", "groups"}))
    at = text.tokens[frame - 1].end
    if "orderClause" not in window and text.word(frame) == ")":
        whole = "" if name in NUMBERING else " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
        text.put(at, at, f" ORDER BY {', '.join(keys)}{whole}")
    elif text.word(frame) == "rows" or (text.word(frame) == ")" and name in ROWWISE):
        # RANGE and GROUPS count what is equal, and so does a frame that is not written
        given = {name_of(s["SortBy"]["node"]) for s in window.get("orderClause", ())}
        more = ", ".join(k for k in keys if k.split(".")[-1] not in given)
        if more:
            text.put(at, at, (", " if given else " ORDER BY ") + more)
