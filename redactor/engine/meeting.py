"""The order in which a write meets its rows, where hidden values decide it, and what of the write would show it.

Knows one UPDATE, DELETE or MERGE and its target. A table that is partitioned by a hidden column is met partition by
partition, one with hidden values of varying length as these make its rows lie; no ORDER BY can be put into a write.
Invariant: whatever a write that passes does to each row, and whatever it fails with, is the same in any order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redactor.catalog import Relation
from redactor.engine.clauses import pinned
from redactor.engine.refusal import of_kind
from redactor.engine.traits import COMPARING, COMPUTING, DIVIDING, MATCHING, PARTIAL, TELLING, TOTAL
from redactor.protection import Shield
from redactor.sql.grammar import Node
from redactor.sql.labels import walk

if TYPE_CHECKING:
    from redactor.engine.reading import Reading

_TEXTS = frozenset({"text", "varchar", "bpchar", "name"})
_FREE = frozenset({"text", "integer", "bigint", "smallint", "boolean", "date", "numeric", "jsonb", "json", "uuid"})
_STAYS = frozenset({"timestamp with time zone", "timestamp without time zone", "double precision", "real", "bytea"})
_BARE = frozenset({"A_Const", "ParamRef", "SetToDefault", "SQLValueFunction"})
_HINT = "Compute the values in a temporary table first, and join it by the key."


def check(reading: Reading, kind: str, statement: Node, relation: Relation, shield: Shield, alias: str) -> None:
    """Refuses an UPDATE, DELETE or MERGE in which the order of the target's rows would show."""
    if kind == "InsertStmt" or not (shield.ordered or reading.world.sized(relation)):
        return
    where = statement.get("whereClause", {})
    if "CurrentOfExpr" in where or (shield.primary and kind != "MergeStmt" and pinned(where, alias, shield.primary)):
        return
    for node in (n for k, n in walk(statement) if k == "FuncCall"):
        name = node["funcname"][-1]["String"]["sval"]
        if name in TELLING:
            raise of_kind(f"{name} in a write to {relation.qualified}", _because(shield), _HINT)
    if not shield.ordered:
        return
    for trigger in (t for r in (relation, *reading.world.derivation.children(relation)) for t in r.triggers):
        if trigger.row and trigger.events & {"insert", "update", "delete"} and not _declared(reading, trigger.function):
            raise of_kind(f"a write to {relation.qualified}", f"{_because(shield)}, and trigger {trigger.name} sees it")
    if _fallible(statement) + sum(_constrained(relation, t) for t in _set(kind, statement)) > 1:
        raise of_kind(f"this write to {relation.qualified}", f"{_because(shield)}, and so does what fails first", _HINT)


def _because(shield: Shield) -> str:
    if shield.ordered:
        return "the order in which it meets its rows shows in which partition they are"
    return "the order in which it meets its rows shows how much room their protected columns take"


def _declared(reading: Reading, function: int) -> bool:
    """Whether a trigger's function is PostgreSQL's own, or declared to tell nothing."""
    f = reading.world.catalog.functions.get(function)
    return f is None or reading.world.derivation.declares_safe(f)


def _fallible(statement: Node) -> int:
    """How many errors the expressions of a statement can end in, at least two where the text of one tells of a row."""
    count = 0
    for kind, node in walk(statement):
        match kind:
            case "FuncCall":
                name = node["funcname"][-1]["String"]["sval"]
                count += 0 if name in TOTAL else 1 if name in PARTIAL else 2
            case "TypeCast":
                words = [n["String"]["sval"] for n in node["typeName"].get("names", ())]
                count += 0 if _is_constant(node["arg"]) or (words[-1:] and words[-1] in _TEXTS) else 2
            case "A_Expr":
                count += _operator(node)
            case "SubLink":
                count += node.get("subLinkType") in ("EXPR_SUBLINK", "MULTIEXPR_SUBLINK")
            case "XmlExpr" | "XmlSerialize" | "JsonFuncExpr" | "JsonTable" | "RangeTableFunc" | "JsonParseExpr":
                count += 2
            case _:
                pass
    return count


def _operator(node: Node) -> int:
    if node.get("kind") not in ("AEXPR_OP", "AEXPR_OP_ANY", "AEXPR_OP_ALL", "AEXPR_SIMILAR"):
        return 0
    name = node["name"][-1]["String"]["sval"] if len(node.get("name", ())) == 1 else ""
    right = node.get("rexpr", {})
    if name in COMPARING:
        return 0
    if name in COMPUTING:
        return 0 if _is_constant({"A_Expr": node}) else 1
    if name in DIVIDING:
        return 1 if "A_Const" in right else 2
    return 0 if (name in MATCHING or node["kind"] == "AEXPR_SIMILAR") and _is_constant(right) else 2


def _is_constant(node: Node) -> bool:
    """Whether an expression is the same for all rows, so that all of them fail or none."""
    if node.keys() & _BARE:
        return True
    if "TypeCast" in node:
        return _is_constant(node["TypeCast"]["arg"])
    inner = node.get("A_Expr")
    if inner is not None and inner.get("kind") == "AEXPR_OP":
        return all(_is_constant(inner[side]) for side in ("lexpr", "rexpr") if side in inner)
    return False


def _set(kind: str, statement: Node) -> list[Node]:
    """What the write assigns: the items of SET."""
    if kind == "UpdateStmt":
        return list(statement.get("targetList", ()))
    whens = [w["MergeWhenClause"] for w in statement.get("mergeWhenClauses", ())]
    return [t for w in whens if w.get("commandType") == "CMD_UPDATE" for t in w.get("targetList", ())]


def _constrained(relation: Relation, item: Any) -> int:
    """In how many ways an assignment can fail for some rows and not for others."""
    target = item["ResTarget"]
    if _is_constant(target.get("val", {})):
        return 0
    column = relation.column(target["name"])
    if column is None:
        return 2
    named = [c for c in relation.constraints if column.name in c.columns]
    if any(c.kind == "f" for c in named):
        # its DETAIL names the value that is not there
        return 2
    plain = column.type in _FREE | _STAYS or column.type.removesuffix("[]") in _FREE
    return (not plain) + column.not_null + sum(c.kind == "c" for c in named)
