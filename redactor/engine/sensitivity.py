"""What of a query shows the order in which rows come to it, and can be given no ORDER BY that would settle it.

Knows a statement's tree and which columns hold floating-point numbers. Where it finds something, the relations whose
rows lie as hidden values have them lie are read through an ordered subquery (engine/hiding.py). Errs on the
side of yes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from redactor.engine.hiding import told_apart
from redactor.engine.traits import ALIKE, COUNTING_TIES, EXACT_CALLS, FLOATING, ROUNDING, TELLING
from redactor.engine.writing import joined
from redactor.protection import Shield
from redactor.sql.grammar import Node
from redactor.sql.labels import walk
from redactor.sql.survey import RelationRef, Role, Survey

if TYPE_CHECKING:
    from redactor.engine.reading import Reading

_ROWS_FRAME = 0x4
"""FRAMEOPTION_ROWS (nodes/parsenodes.h)."""
_EXACT_TYPES = frozenset({"int2", "int4", "int8", "numeric", "interval", "money"})
_EXACT = frozenset({"ColumnRef", "A_Const", "A_Expr", "CaseExpr", "CaseWhen", "CoalesceExpr", "NullTest", "BoolExpr"})


def shows_order(node: Node, found: Survey, exact: Callable[[str], bool], own_aggregate: Callable[[str], bool]) -> bool:
    """Whether an order would show. `exact`: whether a column of that name holds no floating-point numbers;
    `own_aggregate`: whether a function's name is an aggregate's that is not PostgreSQL's own."""
    return (
        found.gathers
        or _joins(node.get("SelectStmt", {}))
        or any(_select(s) for s in found.selects)
        or any("funcname" in f.node and _call(f.node, exact, own_aggregate) for f in found.functions)
    )


def _joins(select: Node) -> bool:
    """Whether it is a UNION ALL: it gives the rows of each part as they come. Of those within, what is around sorts."""
    if "larg" not in select:
        return False
    joins = select.get("op") == "SETOP_UNION" and bool(select.get("all", False))
    return joins or _joins(select["larg"]) or _joins(select["rarg"])


def _select(select: Node) -> bool:
    if select.get("limitOption") == "LIMIT_OPTION_WITH_TIES":
        return True
    if "larg" in select:
        return _select(select["larg"]) or _select(select["rarg"])
    targets = (t["ResTarget"]["val"].get("ColumnRef", {}) for t in select.get("targetList", ()))
    return "distinctClause" in select and any("A_Star" in f for t in targets for f in t.get("fields", ()))


def _call(call: Node, exact: Callable[[str], bool], own_aggregate: Callable[[str], bool]) -> bool:
    name = call["funcname"][-1]["String"]["sval"]
    if name in TELLING or name in FLOATING or own_aggregate(name):
        return True
    rounds = name in ROUNDING and not _is_exact(call.get("args", []), exact)
    window = call.get("over")
    if window is None:
        return rounds
    if window.keys() & {"name", "refname"}:
        return name not in ("rank", "dense_rank", "percent_rank", "cume_dist")
    if name in ALIKE:
        return False
    in_rows = bool(window.get("frameOptions", 0) & _ROWS_FRAME)
    return rounds or in_rows or (name in COUNTING_TIES and "orderClause" in window)


def _is_exact(arguments: Any, exact: Callable[[str], bool]) -> bool:
    """Whether what is summed up surely holds no floating-point numbers."""
    for kind, inner in walk(arguments):
        match kind:
            case "ColumnRef":
                last = inner["fields"][-1].get("String", {}).get("sval")
                if last is None or not exact(last):
                    return False
            case "TypeCast":
                if inner["typeName"]["names"][-1]["String"]["sval"] not in _EXACT_TYPES:
                    return False
            case "FuncCall":
                if inner["funcname"][-1]["String"]["sval"] not in EXACT_CALLS:
                    return False
            case "String" | "List":
                pass
            case _:
                if kind not in _EXACT:
                    return False
    return True


def order(
    reading: Reading, node: Node, found: Survey, hidden: list[tuple[RelationRef, Shield]]
) -> list[tuple[RelationRef, Shield]]:
    """Has every relation whose rows lie as hidden values have them lie read in order, where that order would show."""
    world = reading.world
    lying: dict[int, Shield] = {}
    for ref in found.relations:
        relation = reading.resolve(ref) if ref.role is Role.READ else None
        if relation is None or not world.sized(relation) or "ORDER BY" in (relation.definition or ""):
            continue
        shield = world.shield(relation)
        if not shield.ordered and shield.closed is None:
            lying[id(ref.node)] = shield
    exact, own_aggregate = partial(_is_exact_column, reading, found), partial(_is_aggregate, reading)
    if not lying or not (_picks(reading, node, found) or shows_order(node, found, exact, own_aggregate)):
        return hidden
    lying = {at: replace(shield, ordered=True, passable=True) for at, shield in lying.items()}
    known = {id(ref.node) for ref, _ in hidden}
    more = [r for r in found.relations if id(r.node) in lying and id(r.node) not in known]
    return [(r, lying.get(id(r.node), shield)) for r, shield in hidden] + [
        (told_apart(r, lying[id(r.node)], found), lying[id(r.node)]) for r in more
    ]


def _picks(reading: Reading, node: Node, found: Survey) -> bool:
    """Whether a write may find several rows for one of its target and take the first, or adds rows as a join gives
    them."""
    if not found.nested and next(iter(node)) not in ("UpdateStmt", "DeleteStmt", "MergeStmt"):
        return False
    refs = {id(r.node): r for r in found.relations}
    for kind, statement in walk(node):
        match kind:
            case "MergeStmt":
                whens = [w["MergeWhenClause"] for w in statement.get("mergeWhenClauses", ())]
                # of rows that match, a second one is an error
                if any(w.get("commandType") == "CMD_INSERT" for w in whens):
                    return True
            case "UpdateStmt" | "DeleteStmt":
                if kind == "DeleteStmt" and not statement.get("returningClause", {}).get("exprs"):
                    continue
                items = joined(kind, statement)
                if items and not (len(items) == 1 and _finds_one(reading, statement, items[0], refs)):
                    return True
            case _:
                pass
    return False


def _finds_one(reading: Reading, statement: Node, item: Node, refs: dict[int, RelationRef]) -> bool:
    """Whether a write's one source is a table whose key is given by each row of the target."""
    source, target = refs.get(id(item.get("RangeVar"))), refs[id(statement["relation"])]
    relation, written = (None if r is None else reading.resolve(r) for r in (source, target))
    if source is None or relation is None or written is None or "colnames" in source.node.get("alias", {}):
        return False
    key = reading.world.shield(relation).primary
    own, others = ({c.name for c in r.columns} for r in (relation, written))

    def names(value: Node, alias: str, columns: set[str]) -> str | None:
        fields = [f.get("String", {}).get("sval", "") for f in value.get("ColumnRef", {}).get("fields", ())]
        mine = fields[-2:-1] == [alias] or (len(fields) == 1 and fields[0] in columns)
        return fields[-1] if mine else None

    where = statement.get("whereClause", {})
    conditions = where["BoolExpr"]["args"] if where.get("BoolExpr", {}).get("boolop") == "AND_EXPR" else [where]
    given: set[str | None] = set()
    for test in (c.get("A_Expr", {}) for c in conditions):
        if test.get("kind") == "AEXPR_OP" and [n.get("String", {}).get("sval") for n in test["name"]] == ["="]:
            for one, other in ((test["lexpr"], test["rexpr"]), (test["rexpr"], test["lexpr"])):
                if other.keys() & {"A_Const", "ParamRef"} or names(other, target.alias, others - own):
                    given.add(names(one, source.alias, own - others))
    return bool(key) and given.issuperset(key)


def _is_aggregate(reading: Reading, name: str) -> bool:
    return any(f.kind == "a" for f in reading.world.catalog.functions_named(name))


def _is_exact_column(reading: Reading, found: Survey, name: str) -> bool:
    """Whether a name is a column's of a relation in the statement, and no such column holds floating-point numbers."""
    relations = [reading.resolve(ref) for ref in found.relations]
    types = [c.type for r in relations if r is not None for c in r.columns if c.name == name]
    return None not in relations and bool(types) and not any(t.startswith(("real", "double")) for t in types)
