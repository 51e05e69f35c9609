"""The names that PostgreSQL gives to what a query does not name, and a walk over a tree.

Knows libpg_query's trees and PostgreSQL's FigureColname (parser/parse_target.c); must not know any catalog.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from redactor.sql.grammar import Node


def label(value: Node) -> str:
    """The name that PostgreSQL gives an unnamed output (FigureColname)."""
    kind = next(iter(value), "")
    node: Any = value.get(kind, {})
    match kind:
        case "ColumnRef":
            names = [f["String"]["sval"] for f in node["fields"] if "String" in f]
            return names[-1] if names else "?column?"
        case "FuncCall":
            return str(node["funcname"][-1]["String"]["sval"])
        case "TypeCast":
            inner = label(node["arg"])
            return inner if inner != "?column?" else str(node["typeName"]["names"][-1]["String"]["sval"])
        case "A_Indirection":
            last = [p["String"]["sval"] for p in node["indirection"] if "String" in p]
            return last[-1] if last else label(node["arg"])
        case "CollateClause":
            return label(node["arg"])
        case "CaseExpr":
            inner = label(node["defresult"]) if "defresult" in node else "?column?"
            return inner if inner != "?column?" else "case"
        case "A_ArrayExpr":
            return "array"
        case "CoalesceExpr":
            return "coalesce"
        case "MinMaxExpr":
            return "greatest" if node.get("op") == "IS_GREATEST" else "least"
        case "RowExpr":
            return "row"
        case "MergeSupportFunc":
            return "merge_action"
        case "SubLink":
            match node.get("subLinkType"):
                case "EXISTS_SUBLINK":
                    return "exists"
                case "ARRAY_SUBLINK":
                    return "array"
                case "EXPR_SUBLINK":
                    select = node["subselect"].get("SelectStmt", {})
                    first = next(iter(leftmost(select).get("targetList", ())), None)
                    if first is not None:
                        return first["ResTarget"].get("name") or label(first["ResTarget"]["val"])
            return "?column?"
        case "A_Expr":
            return "nullif" if node.get("kind") == "AEXPR_NULLIF" else "?column?"
        case "SQLValueFunction":
            return str(node.get("op", "")).removeprefix("SVFOP_").removesuffix("_N").lower()
        case "XmlExpr":
            return str(node.get("op", "")).removeprefix("IS_").lower()
        case "GroupingFunc":
            return "grouping"
        case _:
            return "?column?"


def star_of(value: Node) -> tuple[str, ...] | None:
    """The qualifier of a bare star (empty for `*`); None for any other expression."""
    ref = value.get("ColumnRef")
    if ref is None or "A_Star" not in ref["fields"][-1]:
        return None
    return tuple(f["String"]["sval"] for f in ref["fields"][:-1])


def leftmost(select: Node) -> Node:
    while "larg" in select:
        select = select["larg"]
    return select


AGGREGATES = frozenset(
    {
        *("any_value", "array_agg", "avg", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or", "corr", "count"),
        *("covar_pop", "covar_samp", "cume_dist", "dense_rank", "every", "json_agg", "json_agg_strict", "max", "min"),
        *("json_object_agg", "json_object_agg_strict", "json_object_agg_unique", "json_object_agg_unique_strict"),
        *("jsonb_agg", "jsonb_agg_strict", "jsonb_object_agg", "jsonb_object_agg_strict", "mode", "percent_rank"),
        *("jsonb_object_agg_unique", "jsonb_object_agg_unique_strict", "percentile_cont", "percentile_disc"),
        *("range_agg", "range_intersect_agg", "rank", "regr_avgx", "regr_avgy", "regr_count", "regr_intercept"),
        *("regr_r2", "regr_slope", "regr_sxx", "regr_sxy", "regr_syy", "stddev", "stddev_pop", "stddev_samp"),
        *("string_agg", "sum", "var_pop", "var_samp", "variance", "xmlagg"),
    }
)
"""PostgreSQL's own aggregates, versions 13 to 18."""


def walk(node: Any) -> Iterator[tuple[str, Node]]:
    """Every wrapped node below, as (kind, fields), in no particular order."""
    stack = [node]
    while stack:
        item = stack.pop()
        if type(item) is list:
            # constants have nothing below them
            stack.extend(child for child in item if type(child) is not dict or "A_Const" not in child)
        elif type(item) is dict:
            for key, inner in item.items():
                if type(inner) is dict:
                    if key[0].isupper():
                        yield key, inner
                    stack.append(inner)
                elif type(inner) is list:
                    stack.append(inner)


def merges(items: list[Node]) -> bool:
    """Whether a join of a FROM clause gives one column for two of its sides': then a star is not all of both sides'."""
    stack = [*items]
    while stack:
        join = stack.pop().get("JoinExpr")
        if join is not None:
            if "usingClause" in join or join.get("isNatural"):
                return True
            stack += (join["larg"], join["rarg"])
    return False
