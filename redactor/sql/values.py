"""What an INSERT gives: rows of values, and whether a value is one at all.

Knows trees. Must not look into literals: a text with others is answered by the same decision (engine.variants).
"""

from __future__ import annotations

from redactor.sql.grammar import Node


def inserted(node: Node) -> list[list[Node]] | None:
    """The rows of values of an INSERT, as expressions; None: they come from a query."""
    select = node.get("selectStmt", {}).get("SelectStmt", {})
    if "valuesLists" in select:
        return [row["List"]["items"] for row in select["valuesLists"]]
    return None if select else []


def given(rows: list[list[Node]] | None, at: int) -> bool:
    """Whether any row gives the column at that place something else than DEFAULT or a bare NULL."""
    return rows is None or any(at < len(row) and not _nothing(row[at]) for row in rows)


def _nothing(value: Node) -> bool:
    while "TypeCast" in value:
        value = value["TypeCast"]["arg"]
    constant = value.get("A_Const")
    # any other kind of dict is a literal that must not be looked into (engine.variants): NULL is none
    return "SetToDefault" in value or (type(constant) is dict and "isnull" in constant)
