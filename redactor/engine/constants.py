"""Constants in a statement's tree, and the two shapes of set_config that say by themselves what they set.

Knows libpg_query's trees; decides nothing.
"""

from __future__ import annotations

from redactor.sql.grammar import Node


def constant(node: Node) -> str | None:
    """The text of a string constant, casts around it left out; None for anything else."""
    while "TypeCast" in node:
        node = node["TypeCast"]["arg"]
    value = node.get("A_Const", {}).get("sval")
    return value.get("sval", "") if isinstance(value, dict) else None


def boolean(node: Node) -> bool | None:
    while "TypeCast" in node:
        node = node["TypeCast"]["arg"]
    const = node.get("A_Const")
    if const is None:
        return None
    if "boolval" in const:
        return bool(const["boolval"].get("boolval", False))
    text = const.get("sval", {}).get("sval", "").lower()
    if text in ("t", "true", "on", "yes", "1"):
        return True
    if text in ("f", "false", "off", "no", "0"):
        return False
    return None


def picked_setting(argument: Node, node: Node) -> str | None:
    """The setting in `SELECT set_config(name, ...) FROM pg_settings WHERE name = '...'`, which pg_dump sends."""
    select = node.get("SelectStmt", {})
    tables = [f["RangeVar"]["relname"] for f in select.get("fromClause", ()) if "RangeVar" in f]
    where = select.get("whereClause", {}).get("A_Expr", {})
    operator = [n["String"]["sval"] for n in where.get("name", ())]
    if tables != ["pg_settings"] or operator != ["="] or len(select["fromClause"]) != 1:
        return None
    named = [f["String"]["sval"] for f in argument.get("ColumnRef", {}).get("fields", ()) if "String" in f]
    compared = where.get("lexpr", {}).get("ColumnRef", {}).get("fields", ())
    same = [f["String"]["sval"] for f in compared if "String" in f]
    return constant(where.get("rexpr", {})) if named[-1:] == ["name"] == same[-1:] else None


def only_settings(node: Node) -> bool:
    """Whether a SELECT is nothing but calls of set_config, which then happen once each, in their order."""
    select = node.get("SelectStmt", {})
    if not set(select) <= {"targetList", "limitOption", "op"}:
        return False
    calls = [t["ResTarget"]["val"].get("FuncCall") for t in select.get("targetList", ())]
    return all(c is not None and c["funcname"][-1]["String"]["sval"] == "set_config" for c in calls)
