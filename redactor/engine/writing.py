"""Writes as questions: what INSERT, UPDATE, DELETE and MERGE would tell of hidden data, and how RETURNING is masked.

A target cannot be hidden at the source, so its hidden columns are replaced where the statement names them; what
cannot be placed with certainty is refused. The engine reads the result once more: nothing may be left to replace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from redactor.catalog import Relation
from redactor.engine import meeting
from redactor.engine.refusal import of_kind, of_use, of_write
from redactor.engine.text import Text
from redactor.model import ColumnName, Use
from redactor.protection import Cover, Hazard, Shield
from redactor.sql.grammar import Node
from redactor.sql.labels import merges, walk
from redactor.sql.quote import identifier, qualified
from redactor.sql.survey import RelationRef, Role, Survey
from redactor.sql.values import given, inserted

if TYPE_CHECKING:
    from redactor.engine.reading import Reading

EVENTS = {
    Role.INSERT: ("insert",),
    Role.UPDATE: ("update",),
    Role.DELETE: ("delete",),
    Role.MERGE: ("insert", "update", "delete"),
}
_KINDS = {"InsertStmt": Role.INSERT, "UpdateStmt": Role.UPDATE, "DeleteStmt": Role.DELETE, "MergeStmt": Role.MERGE}


def judge(reading: Reading, node: Node, found: Survey) -> None:
    """Judges every data-modifying statement in a tree, and masks what its RETURNING gives."""
    targets = {id(r.node): r for r in found.relations if r.role in EVENTS}
    for kind, statement in _modifying(node):
        ref = targets[id(statement["relation"])]
        relation = reading.resolve(ref)
        if relation is None:
            continue
        shield = reading.world.shield(relation)
        _hazards(reading, kind, statement, relation)
        meeting.check(reading, kind, statement, relation, shield, ref.alias)
        if shield.ordered and "tableoid" in found.names:
            raise of_kind(f"tableoid of {relation.qualified}", "which partition a row is in is what is protected")
        if shield.ordered and "CurrentOfExpr" in statement.get("whereClause", {}):
            why = "which row a cursor comes to first is what is protected"
            raise of_kind(f"WHERE CURRENT OF in {relation.qualified}", why, "Name the row by its key.")
        if shield.covers:
            _mask(reading, kind, statement, ref, shield)
            if "ctid" in found.names:
                raise of_kind(f"ctid of {relation.qualified}", "where a row lies depends on protected columns")


def _modifying(node: Node) -> Iterator[tuple[str, Node]]:
    for kind, inner in walk(node):
        if kind in _KINDS:
            yield kind, inner


# ------------------------------------------------------------------ hazards


def _hazards(reading: Reading, kind: str, statement: Node, relation: Relation) -> None:
    for event, columns in _events(kind, statement, relation):
        check_hazards(reading, relation, event, columns)


def check_hazards(reading: Reading, relation: Relation, event: str, columns: Iterable[str]) -> None:
    """Refuses a write of that kind that sets those columns, where its outcome depends on hidden data."""
    if relation.schema in ("pg_catalog", "information_schema"):
        raise of_kind(f"writing to {relation.qualified}", "system relations are not written to")
    if relation.kind == "v":
        _through_view(reading, relation, event, tuple(columns))
        return
    hazards = reading.world.clearance.hazards(relation, event)
    if hazards:
        for column in ("*", *columns):
            if column in hazards:
                _refuse(reading, relation, event, column, hazards[column])


def _refuse(reading: Reading, relation: Relation, event: str, column: str, hazard: Hazard) -> None:
    what = f"{event} of {relation.qualified}" + (f".{column}" if column != "*" else "")
    raise of_write(what, hazard.why, hazard.hits, "" if column == "*" else column)


def _events(kind: str, statement: Node, relation: Relation) -> Iterator[tuple[str, tuple[str, ...]]]:
    match kind:
        case "InsertStmt":
            yield "insert", _given(statement.get("cols", ()), inserted(statement), relation)
            conflict = statement.get("onConflictClause", {})
            if conflict.get("action") == "ONCONFLICT_UPDATE":
                yield "update", _set(conflict.get("targetList", ()))
        case "UpdateStmt":
            yield "update", _set(statement.get("targetList", ()))
        case "DeleteStmt":
            yield "delete", ()
        case _:
            for wrapped in statement.get("mergeWhenClauses", ()):
                when = wrapped["MergeWhenClause"]
                match when.get("commandType"):
                    case "CMD_INSERT":
                        yield "insert", _given(when.get("targetList", ()), [when.get("values", [])], relation)
                    case "CMD_UPDATE":
                        yield "update", _set(when.get("targetList", ()))
                    case "CMD_DELETE":
                        yield "delete", ()


def _given(targets: Iterable[Node], rows: list[list[Node]] | None, relation: Relation) -> tuple[str, ...]:
    """The columns to which a new row gives something else than NULL or DEFAULT."""
    names = _set(targets) or tuple(c.name for c in relation.columns)
    return tuple(n for at, n in enumerate(names) if given(rows, at))


def _set(targets: Iterable[Node]) -> tuple[str, ...]:
    return tuple(t["ResTarget"]["name"] for t in targets)


def _through_view(reading: Reading, view: Relation, event: str, columns: tuple[str, ...]) -> None:
    """An updatable view writes to the one relation below it."""
    if any(t.timing.lower() == "instead of" for t in view.triggers) or view.rules:
        hazards = reading.world.clearance.hazards(view, event)
        for h in hazards.values():
            raise of_write(f"{event} of {view.qualified}", h.why, h.hits)
        if any(r.event == event for r in view.rules):
            raise of_write(f"{event} of {view.qualified}", "a rule rewrites it", ())
    catalog = reading.world.catalog
    below = {catalog.relations[oid] for oid, _ in view.reads if oid in catalog.relations and oid != view.oid}
    for relation in below:
        outputs, _ = reading.world.derivation.view(view)
        names = {c.name: t for c, (_, t) in zip(view.columns, outputs, strict=False)}
        wanted = {c.name for name in columns for c in names.get(name, frozenset()) if c.of == relation.qualified}
        check_hazards(reading, relation, event, tuple(wanted))


# ------------------------------------------------------------------ the target's own columns


class _Target:
    """A target's names in the expressions of its statement."""

    def __init__(self, ref: RelationRef, shield: Shield, statement: Node) -> None:
        returning = statement.get("returningClause", {})
        self.shield = shield
        self.alias = ref.alias
        self.aliases = {ref.alias, "old", "new"} | {o["ReturningOption"]["value"] for o in returning.get("options", ())}
        if "onConflictClause" in statement:
            # the row that was to be inserted has hidden columns' defaults in it
            self.aliases.add("excluded")
        self.columns = {c.name for c in shield.relation.columns}

    def cover(self, name: str) -> Cover | None:
        return self.shield.covers.get(name)


def _mask(reading: Reading, kind: str, statement: Node, ref: RelationRef, shield: Shield) -> None:
    target = _Target(ref, shield, statement)
    others = _others(reading, kind, statement)
    returning = statement.get("returningClause", {}).get("exprs", [])
    inside: list[Any] = []
    match kind:
        case "InsertStmt":
            inside = [statement.get("onConflictClause", {})]
        case "UpdateStmt":
            inside = [statement.get("targetList", []), statement.get("whereClause", {})]
        case "DeleteStmt":
            inside = [statement.get("whereClause", {})]
        case _:
            inside = [statement.get("joinCondition", {}), statement.get("mergeWhenClauses", [])]
    for part in inside:
        _replace(reading, part, target, others)
    for item in returning:
        value = item["ResTarget"]["val"]
        star = _star_of(value)
        if star is not None and (not star or star[-1] in target.aliases):
            if not star:
                refuse_merged(joined(kind, statement))
            _expand(reading, item["ResTarget"], star, target, others, kind == "MergeStmt")
        else:
            _replace(reading, item["ResTarget"], target, others, returned=True)


def _others(reading: Reading, kind: str, statement: Node) -> dict[str, tuple[str, ...] | None]:
    """The other sources that the statement's expressions see: alias to column names, None where not known."""
    return reading.sources(joined(kind, statement), statement)


def joined(kind: str, statement: Node) -> list[Node]:
    """The FROM items that a write reads besides its target."""
    items: list[Node] = []
    match kind:
        case "UpdateStmt":
            items = statement.get("fromClause", [])
        case "DeleteStmt":
            items = statement.get("usingClause", [])
        case "MergeStmt":
            items = [statement["sourceRelation"]]
        case _:
            pass
    return items


def refuse_merged(items: list[Node]) -> None:
    """Refuses `RETURNING *` where a star is not all columns of all that is joined."""
    if merges(items):
        raise of_kind("RETURNING *", "a join with USING, or NATURAL, gives one column for two", "List the columns.")


def _star_of(value: Node) -> tuple[str, ...] | None:
    ref = value.get("ColumnRef")
    if ref is None or "A_Star" not in ref["fields"][-1]:
        return None
    return tuple(f["String"]["sval"] for f in ref["fields"][:-1])


def _masked(cover: Cover) -> str:
    # what depends on the value would have to name the column; a write shows nothing of it
    return f"NULL::{cover.type}" if cover.varies or cover.expression is None else cover.expression


def _expand(
    reading: Reading,
    item: Node,
    star: tuple[str, ...],
    target: _Target,
    others: dict[str, tuple[str, ...] | None],
    others_first: bool,
) -> None:
    qualifier = identifier(star[-1] if star else target.alias)
    parts = []
    for c in target.shield.relation.columns:
        cover = target.cover(c.name)
        name = identifier(c.name)
        parts.append(f"{qualifier}.{name}" if cover is None else f"{_masked(cover)} AS {name}")
    if not star:
        more = []
        for alias, columns in others.items():
            if columns is None:
                raise of_kind("RETURNING *", f"the columns of {alias} are not known", "List the columns.")
            more += [f"{identifier(alias)}.{identifier(c)}" for c in columns]
        # a MERGE gives its source's columns before its target's
        parts = more + parts if others_first else parts + more
    text = reading.text
    first = text.at(item["location"])
    after = first + 1 if not star else text.name_end(first)
    text.put(text.tokens[first].start, text.tokens[after - 1].end, ", ".join(parts))


def _replace(
    reading: Reading,
    node: Any,
    target: _Target,
    others: dict[str, tuple[str, ...] | None],
    returned: bool = False,
) -> None:
    """Puts masks in the place of the target's hidden columns, wherever they stand in an expression.

    `returned`: it is an item of RETURNING, where a whole row can be made of masks as well.
    """
    relation = target.shield.relation
    text = reading.text
    direct = node.get("val", {}).get("ColumnRef") if returned and "name" not in node else None
    for kind, ref in walk(node):
        if kind != "ColumnRef":
            continue
        fields = [f["String"]["sval"] for f in ref["fields"] if "String" in f]
        star = len(fields) != len(ref["fields"])
        hidden: Cover | None = None
        if star:
            if not fields or fields[-1] in target.aliases:
                raise of_use(_row(relation), Use.WHOLE_ROW, _all_hits(target))
            continue
        last = fields[-1]
        if len(fields) == 1:
            if last in target.aliases and last not in target.columns and not _surely(last, others):
                if returned and last == target.alias and not _elsewhere(last, others) and _is_exact(target):
                    _put(text, ref, _whole_row(target), last if ref is direct else "")
                    continue
                raise of_use(_row(relation), Use.WHOLE_ROW, _all_hits(target))
            hidden = target.cover(last)
            if hidden is not None and _elsewhere(last, others):
                raise of_kind(
                    f"the name {last}",
                    f"it may be {hidden.column}",
                    f"Write {target.alias}.{last} or the other's alias.",
                )
        else:
            owner = fields[-2]
            if owner == "excluded" and target.cover(last) is not None:
                raise of_use(target.shield.covers[last].column, Use.WRITE, target.shield.covers[last].hits)
            if owner in target.aliases:
                hidden = target.cover(last)
                if hidden is None and last not in target.columns:
                    raise of_use(_row(relation), Use.WHOLE_ROW, _all_hits(target))
            elif len(fields) == 2 and target.cover(owner) is not None:
                # a field of a composite column
                hidden = None
                raise of_use(target.shield.covers[owner].column, Use.OUTPUT, target.shield.covers[owner].hits)
        if hidden is None:
            continue
        mask = _masked(hidden)
        _put(text, ref, mask if ref is direct else f"({mask})", last if ref is direct else "")


def _put(text: Text, ref: Node, expression: str, label: str) -> None:
    """An expression in a name's place, under that label."""
    first = text.at(ref["location"])
    start, end = text.tokens[first].start, text.tokens[text.name_end(first) - 1].end
    text.put(start, end, f"{expression} AS {identifier(label)}" if label else expression)


def _is_exact(target: _Target) -> bool:
    """Whether a row of the target's columns and masks can be one of its type: a domain could refuse its mask."""
    return all(c.exact for c in target.shield.covers.values())


def _whole_row(target: _Target) -> str:
    relation = target.shield.relation
    alias = identifier(target.alias)
    parts = [
        f"{alias}.{identifier(c.name)}" if (cover := target.cover(c.name)) is None else _masked(cover)
        for c in relation.columns
    ]
    return f"ROW({', '.join(parts)})::{qualified(*relation.qualified)}"


def _elsewhere(name: str, others: dict[str, tuple[str, ...] | None]) -> bool:
    return any(columns is None or name in columns for columns in others.values())


def _surely(name: str, others: dict[str, tuple[str, ...] | None]) -> bool:
    """Whether the name is a column of another source; a function's columns are not known, so it may not be."""
    return any(columns is not None and name in columns for columns in others.values())


def _row(relation: Relation) -> ColumnName:
    return ColumnName(relation.schema, relation.name, "*")


def _all_hits(target: _Target) -> tuple[Any, ...]:
    return next(iter(target.shield.covers.values())).hits
