"""What descriptions of results need beyond relations: names of functions' columns, and casts that change nothing.

Knows a catalog and trees of FROM functions and casts. It serves drivers (RowDescription's tables, types of whole rows);
security must not rest on it. What is not certain is None, or False.
"""

from __future__ import annotations

from functools import partial

from redactor.catalog import Catalog, Function
from redactor.decision import Origin
from redactor.sql.grammar import Node
from redactor.sql.origins import FunctionNames, Keeps

Known = dict[str, tuple[str, ...] | None]

_SCALARS = frozenset(
    {
        *("generate_series", "generate_subscripts", "regexp_split_to_table", "string_to_table", "regexp_matches"),
        *("json_object_keys", "jsonb_object_keys", "jsonb_path_query"),
    }
)
"""Functions of PostgreSQL's own that give one column, which is named as their alias."""

_COLUMNS = {
    **dict.fromkeys(("json_array_elements", "jsonb_array_elements"), ("value",)),
    **dict.fromkeys(("json_array_elements_text", "jsonb_array_elements_text"), ("value",)),
    **dict.fromkeys(("json_each", "jsonb_each", "json_each_text", "jsonb_each_text"), ("key", "value")),
}
"""Functions of PostgreSQL's own whose columns have names of their own."""

_NAMES = {
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "bool": "boolean",
    "varchar": "character varying",
    "timestamptz": "timestamp with time zone",
    "timestamp": "timestamp without time zone",
    "timetz": "time with time zone",
    "time": "time without time zone",
    "varbit": "bit varying",
    **{
        n: n
        for n in ("text", "date", "numeric", "uuid", "json", "jsonb", "bytea", "oid", "name", "inet", "cidr", "xml")
    },
    **{n: n for n in ("tsvector", "daterange", "int4range", "int8range", "numrange", "tstzrange", "tsrange", "money")},
}
"""Types as the grammar names them, and as format_type prints them."""


def of(catalog: Catalog) -> tuple[FunctionNames, Keeps]:
    """What `Origins` asks besides relations."""
    return partial(function_columns, catalog), partial(is_own_type, catalog)


def completed(catalog: Catalog, select: Node, known: Known) -> Known:
    """What a SELECT's FROM gives names to, with the columns of functions that are known."""
    stack: list[Node] = list(select.get("fromClause", ()))
    while stack:
        kind, node = next(iter(stack.pop().items()))
        if kind == "JoinExpr":
            stack += [node["larg"], node["rarg"]]
        elif kind == "RangeFunction":
            name = node.get("alias", {}).get("aliasname")
            if name in known and known[name] is None:
                known = {**known, name: function_columns(catalog, node)}
    return known


def function_columns(catalog: Catalog, node: Node) -> tuple[str, ...] | None:
    """The names of the columns of a function in FROM (a RangeFunction), in order; None: not known."""
    calls = node.get("functions", ())
    if len(calls) != 1 or node.get("is_rowsfrom"):
        return None
    call = calls[0]["List"]["items"][0].get("FuncCall")
    if call is None:
        return None
    words = [w["String"]["sval"] for w in call["funcname"]]
    alias = node.get("alias", {})
    named = alias.get("aliasname") or words[-1]
    given = [c["ColumnDef"]["colname"] for c in node.get("coldeflist", ())]
    columns = tuple(given) or _gives(catalog, words, named)
    if columns is None:
        return None
    if node.get("ordinality"):
        columns = (*columns, "ordinality")
    renamed = [n["String"]["sval"] for n in alias.get("colnames", ())]
    return (*renamed, *columns[len(renamed) :])


def _gives(catalog: Catalog, words: list[str], alias: str) -> tuple[str, ...] | None:
    name = words[-1]
    theirs = catalog.functions_named(name)
    if name in catalog.builtin_functions:
        if theirs or (len(words) > 1 and words[0] != "pg_catalog"):
            return None
        return (alias,) if name in _SCALARS else _COLUMNS.get(name)
    found = {_columns_of(catalog, f, alias) for f in theirs if len(words) == 1 or f.schema == words[0]}
    return found.pop() if len(found) == 1 else None


def _columns_of(catalog: Catalog, f: Function, alias: str) -> tuple[str, ...] | None:
    out = [n for n, m in zip(f.argument_names, f.argument_modes, strict=False) if m in "tbo"]
    if out:
        return tuple(out) if all(out) else None
    t = catalog.types.get(f.returns)
    relation = catalog.relations.get(t.relation) if t is not None and t.relation else None
    if relation is not None:
        return tuple(c.name for c in relation.columns)
    return (alias,) if t is not None and t.kind in "bedrm" else None


def is_own_type(catalog: Catalog, name: Node, origin: Origin) -> bool:
    """Whether a cast to that type (a TypeName) leaves a column of that origin what it is, as far as PostgreSQL sees."""
    relation = catalog.relations.get(origin[0])
    column = next((c for c in relation.columns if c.number == origin[1]), None) if relation is not None else None
    if column is None or name.get("setof"):
        return False
    words = [w["String"]["sval"] for w in name.get("names", ())]
    array = "[]" if "arrayBounds" in name else ""
    numbers = [m.get("A_Const", {}).get("ival", {}).get("ival") for m in name.get("typmods", ())]
    if None in numbers:
        return False
    standard = _NAMES.get(words[-1])
    if standard is not None and words[:-1] in ([], ["pg_catalog"]):
        given = f"({','.join(map(str, numbers))})" if numbers else ""
        return column.type == standard + given + array
    # one of the same name in another schema is taken to be the same
    known = {t.oid for t in catalog.types_named(words[-1])}
    mine = catalog.types.get(column.type_oid)
    return mine is not None and not numbers and (mine.base if array and mine.array else mine.oid) in known
