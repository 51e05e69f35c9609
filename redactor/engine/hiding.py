"""Hiding at the source: a relation that a statement reads becomes a subquery that gives masks for hidden columns.

Knows shields and the text's tokens. Security rests here: whatever the statement does with the relation's name, it can
only see what the subquery gives. `FROM residents r` becomes
`FROM (SELECT resident_id, ..., NULL::text AS alien_number FROM public.residents r) r`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from redactor.catalog import Relation
from redactor.engine.ordering import Place
from redactor.engine.refusal import of_kind, of_reading
from redactor.engine.text import Text
from redactor.protection import NOT_REVIEWED, Shield
from redactor.sql.grammar import Node
from redactor.sql.quote import identifier, qualified
from redactor.sql.survey import RelationRef, Survey, takes_row

SYSTEM_COLUMNS = frozenset({"xmin", "xmax", "cmin", "cmax", "tableoid"})

# types without an order of their own; their text has one
_UNORDERED = ("json", "xml", "point", "box", "polygon", "circle", "line", "lseg", "path", "aclitem")


@dataclass(frozen=True, slots=True)
class Span:
    """Byte offsets of a relation expression: `start` to `end` with ONLY, alias and sample; its name; its alias with AS
    and a list of columns, empty where there is none."""

    start: int
    name: tuple[int, int]
    alias: tuple[int, int]
    end: int


def span_of(text: Text, ref: RelationRef) -> Span:
    """Where in the text a relation expression stands."""
    first = text.at(ref.at)
    after = text.name_end(first)
    start, name_start, name_end = first, text.tokens[first].start, text.tokens[after - 1].end
    end = after
    if not ref.node.get("inh", False):
        if text.word(first - 1) == "(" and text.word(first - 2) == "only":
            start, end = first - 2, after + 1
        elif text.word(first - 1) == "only":
            start = first - 1
    elif text.word(end) == "*":
        end += 1
    alias = ref.node.get("alias")
    alias_start = alias_end = text.tokens[end - 1].end
    if alias is not None:
        alias_start = text.tokens[end].start
        if text.word(end) == "as":
            end += 1
        end += 1
        if text.word(end) == "uescape":
            end += 2
        if "colnames" in alias:
            end = text.closing(end) + 1
        alias_end = text.tokens[end - 1].end
    if ref.sampled:
        end = text.closing(text.name_end(end + 1)) + 1
        if text.word(end) == "repeatable":
            end = text.closing(end + 1) + 1
    return Span(text.tokens[start].start, (name_start, name_end), (alias_start, alias_end), text.tokens[end - 1].end)


def source(
    shield: Shield, ref: RelationRef, found: Survey, starless: bool, written: dict[int, tuple[str, str]]
) -> tuple[str, str]:
    """What stands before and behind the relation expression, to make it a subquery.

    `starless`: no star will take what it gives, so that system columns can be handed on. `written`: whole relations'
    columns and what orders them, by oid, once they have been written out for the same requester.
    """
    renamed = _colnames(ref)
    alias = f"{identifier(ref.alias)} ({', '.join(map(identifier, renamed))})" if renamed else identifier(ref.alias)
    whole = takes_row(found, ref, shield.names or frozenset(c.name for c in shield.relation.columns))
    if not whole or shield.ordered or (starless and not SYSTEM_COLUMNS.isdisjoint(found.names)):
        listed, behind = _written(shield, found, starless, whole)
    else:
        oid = shield.relation.oid
        if oid not in written:
            written[oid] = _written(shield, found, False, True)
        listed, behind = written[oid]
    return f"(SELECT {listed} FROM ", f"{behind}) {alias}"


def _written(shield: Shield, found: Survey, starless: bool, whole: bool) -> tuple[str, str]:
    """A subquery's columns, and what stands behind its relation. `whole`: not just what the statement names."""
    relation = shield.relation
    columns: list[str] = []
    order: list[str] = []
    # what the statement does not take is left out: the requester may have no right to it
    wanted: set[str] | None = None if whole else found.names | set(shield.primary)
    for c in relation.columns:
        if wanted is not None and c.name not in wanted:
            continue
        cover = shield.covers.get(c.name)
        if cover is None:
            columns.append(identifier(c.name))
            if shield.ordered and (not shield.primary or c.name in shield.primary):
                # what is alike in all that the statement takes may come in any order
                order.append(_sortable(c.name, c.type))
            continue
        columns.append(f"{cover.expression or f'NULL::{cover.type}'} AS {identifier(c.name)}")
    if starless:
        taken = {c.name for c in relation.columns}
        # a concurrency token such as EF Core's: named, so it must be handed on
        columns += sorted(n for n in SYSTEM_COLUMNS & found.names if n not in taken and relation.kind in "rpm")
    columns = columns or ["true AS here"]
    where = " WHERE false" if shield.closed is not None else f" WHERE {shield.where}" if shield.where else ""
    # OFFSET 0 keeps conditions outside: which row fails one first would tell the order of partitions
    fence = "" if shield.passable else " OFFSET 0"
    return ", ".join(columns), where + (f" ORDER BY {', '.join(order)}{fence}" if order else "")


def _colnames(ref: RelationRef) -> list[str]:
    return [c["String"]["sval"] for c in ref.node.get("alias", {}).get("colnames", ())]


def _sortable(name: str, type_name: str) -> str:
    """A column in ORDER BY, by its text where its type has no order."""
    unordered = type_name.removesuffix("[]").split("(")[0] in _UNORDERED
    return identifier(name) + ("::pg_catalog.text" if unordered else "")


def order_of(shield: Shield) -> str:
    """ORDER BY for rows that lie as hidden columns have them lie; empty where they do not."""
    if not shield.scattered and not shield.ordered:
        return ""
    return " ORDER BY " + ", ".join(key_of(shield))


def key_of(shield: Shield) -> list[str]:
    """What puts a relation's rows in an order of their own: names of columns, by their text where they have none."""
    types = {c.name: c.type for c in shield.relation.columns}
    return [_sortable(n, types[n]) for n in shield.key()]


def place_of(ref: RelationRef, alias: str, shield: Shield, substituted: bool, sized: bool) -> Place:
    """A relation as the order of a query's rows depends on it. `substituted`: its subquery stands in its place."""
    relation = shield.relation
    renamed = dict(zip((c.name for c in relation.columns), _colnames(ref), strict=False))
    shown = {c.name: renamed.get(c.name, c.name) for c in relation.columns}
    names = shield.primary
    if not names and not substituted:
        # its rows' text would have hidden values in it
        names = shield.key()
    types = {c.name: c.type for c in relation.columns}
    keyed = tuple(shown[n] for n in names)
    keys = tuple(f"{identifier(alias)}.{_sortable(k, types[n])}" for n, k in zip(names, keyed, strict=True))
    primary = tuple(shown[n] for n in shield.primary)
    inside = relation.kind == "v" and "ORDER BY" in (relation.definition or "")
    return Place(alias, keys, sized, shield.ordered, frozenset(shown.values()), primary, inside, keyed)


def told_apart(ref: RelationRef, shield: Shield, found: Survey) -> RelationRef:
    """The reference under a name of its own, where a namesake in another schema stands in the same text."""
    if "alias" in ref.node:
        return ref
    schemas = found.unnamed.get(ref.name, ())
    return replace(ref, shown=str(shield.relation.qualified)) if any(s != ref.schema for s in schemas) else ref


def hide(
    text: Text,
    ref: RelationRef,
    shield: Shield,
    found: Survey,
    starless: bool,
    written: dict[int, tuple[str, str]],
) -> None:
    """Puts the subquery in the relation's place."""
    relation = shield.relation
    if ref.sampled:
        check_sample(text, ref, relation)
    span = span_of(text, ref)
    before, behind = source(shield, ref, found, starless, written)
    keyword = text.at(span.start) - 1
    if text.word(keyword) == "table":
        # TABLE residents
        text.put(text.tokens[keyword].start, text.tokens[keyword].end, "SELECT * FROM")
    text.put(span.start, span.start, before)
    text.put(*span.name, qualified(relation.schema, relation.name))
    if _colnames(ref):
        # inside, columns keep their own names: what hides them reads others by these
        text.put(*span.alias, "")
    text.put(span.end, span.end, behind)
    if "alias" not in ref.node:
        unqualify(text, ref, relation, found)


def unqualify(text: Text, ref: RelationRef, relation: Relation, found: Survey) -> None:
    """A subquery has no schema: `public.residents.name` becomes `residents.name`."""
    shown = "" if ref.alias == ref.name else identifier(ref.alias)
    for c in found.qualified:
        fields = c.fields if c.star else c.fields[:-1]
        if fields[-1] == ref.name and fields[-2] == relation.schema:
            first = text.at(c.at)
            skip = first
            for _ in range(len(fields) - 1):
                skip += 1
                if text.word(skip) == "uescape":
                    skip += 2
                skip += 1
            end = text.tokens[skip].start
            if shown:
                # the name too, up to the point behind it
                end = text.tokens[skip + 3 if text.word(skip + 1) == "uescape" else skip + 1].start
            text.put(text.tokens[first].start, end, shown)


def qualify(text: Text, ref: RelationRef, schema: str) -> None:
    """Writes the schema out, so that the server finds what was judged or nothing, and never a namesake."""
    if ref.schema is None:
        first = text.at(ref.at)
        after = text.name_end(first)
        text.suggest(text.tokens[first].start, text.tokens[after - 1].end, qualified(schema, ref.name))


def complete_groups(text: Text, groups: list[Node], hidden: list[tuple[RelationRef, Shield]]) -> None:
    """GROUP BY a primary key lets other columns of the table stand ungrouped; a subquery has no key.

    So the columns that a query level uses of a hidden relation whose whole key it groups by are grouped by as well.
    `groups`: the query levels that have GROUP BY.
    """
    shields = {id(ref.node): (ref, shield) for ref, shield in hidden}
    for select in groups:
        if not select.get("fromClause"):
            continue
        grouped = [g["ColumnRef"] for g in select["groupClause"] if "ColumnRef" in g]
        if len(grouped) != len(select["groupClause"]):
            ordinals = _ordinals(select)
            if ordinals is None:
                continue
            grouped += ordinals
        names = {tuple(f["String"]["sval"] for f in g["fields"] if "String" in f)[-2:] for g in grouped}
        for item in from_relations(select["fromClause"]):
            if id(item) not in shields:
                continue
            ref, shield = shields[id(item)]
            key = next((c.columns for c in shield.relation.constraints if c.kind == "p"), ())
            alias = ref.alias
            if not key or not all(((alias, k) in names) or ((k,) in names) for k in key):
                continue
            own = {c.name for c in shield.relation.columns}
            used = _used(select, alias, own) - {n[-1] for n in names}
            if used:
                at = text.tokens[_group_start(text, select)].start
                listed = "".join(f"{identifier(alias)}.{identifier(u)}, " for u in sorted(used))
                text.put(at, at, listed)


def _group_start(text: Text, select: Node) -> int:
    """The token behind GROUP BY [DISTINCT]."""
    first = select["groupClause"][0]
    location = next(iter(first.values())).get("location", 0)
    i = text.at(location)
    while i > 0 and not (text.word(i - 1) == "by" and text.word(i - 2) == "group"):
        i -= 1
    return i + (text.word(i) in ("distinct", "all"))


def _ordinals(select: Node) -> list[Node] | None:
    """The column references that numbers in GROUP BY stand for; None where one stands for something else."""
    out = []
    targets = select.get("targetList", [])
    for g in select["groupClause"]:
        if "ColumnRef" in g:
            continue
        at = g.get("A_Const", {}).get("ival", {}).get("ival")
        if at is None:
            if "GroupingSet" in g:
                return None
            continue
        if any("A_Star" in t["ResTarget"]["val"].get("ColumnRef", {}).get("fields", [{}])[-1] for t in targets):
            return None
        if not 0 < at <= len(targets):
            return None
        value = targets[at - 1]["ResTarget"]["val"]
        if "ColumnRef" in value:
            out.append(value["ColumnRef"])
    return out


def from_relations(items: list[Node]) -> list[Node]:
    """The relations that a FROM clause names and whose columns the query sees under their alias."""
    out = []
    stack = list(items)
    while stack:
        kind, inner = next(iter(stack.pop().items()))
        if kind == "RangeVar":
            out.append(inner)
        elif kind == "JoinExpr" and "alias" not in inner:
            # an alias on a join hides the names inside it
            stack += [inner["larg"], inner["rarg"]]
        elif kind == "RangeTableSample":
            stack.append(inner["relation"])
    return out


def _used(select: Node, alias: str, own: set[str]) -> set[str]:
    """The columns of a relation that a query level names outside aggregates, stars included."""
    used: set[str] = set()
    parts = [select.get("targetList", []), select.get("havingClause", {}), select.get("sortClause", [])]
    stack: list[object] = list(parts)
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            for key, inner in item.items():
                if key == "ColumnRef":
                    fields = [f["String"]["sval"] for f in inner["fields"] if "String" in f]
                    star = len(fields) != len(inner["fields"])
                    if (star and (not fields or fields[-1] == alias)) or (fields == [alias] and alias not in own):
                        used |= own
                    elif not star and fields[-1] in own and (len(fields) == 1 or fields[-2] == alias):
                        used.add(fields[-1])
                elif isinstance(inner, dict | list) and key != "A_Const":
                    stack.append(inner)
    return used


def check_sample(text: Text, ref: RelationRef, relation: Relation) -> None:
    """How rows lie on disk depends on hidden columns: only a sample that does not look at that may be taken."""
    words = [text.word(i) for i in range(text.at(ref.at), text.at(span_of(text, ref).end))]
    if "bernoulli" not in words or "repeatable" in words:
        raise of_kind(
            f"TABLESAMPLE of {relation.qualified}",
            "which rows it takes depends on how rows with protected columns lie on disk",
            "Use TABLESAMPLE BERNOULLI without REPEATABLE, or WHERE random() < fraction.",
        )


def refuse_closed(shield: Shield, read: bool = False) -> None:
    """A relation whose very rows are hidden is refused; only to be read may the policy have it look empty."""
    closed = shield.closed
    if closed is not None and not (read and closed.empty):
        hint = "Ask a data steward to review it in the catalog file." if closed.why == NOT_REVIEWED else ""
        raise of_reading(str(shield.relation.qualified), closed.why, closed.hits, hint)
