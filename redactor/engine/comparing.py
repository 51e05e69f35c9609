"""Whether the rows of subqueries can be compared as they are, or only by their text.

Knows one statement's tree and the types of the columns that it names. ORDER BY a row fails where one of its columns
has a type without an order (json, xml, point ...), and what type an expression has is not computed here: so a
statement in which anything else than the commonest stands is one whose rows are compared by their text. Errs on the
side of no.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from redactor.catalog import Column
from redactor.protection import BUILTIN_TYPES
from redactor.sql.survey import Survey, takes_row

if TYPE_CHECKING:
    from redactor.engine.reading import Reading

_TYPES = frozenset(
    {
        *("smallint", "integer", "bigint", "numeric", "real", "double precision", "money", "oid", "boolean", "uuid"),
        *("text", "character varying", "character", "name", "bytea", "date", "interval", "inet", "cidr", "jsonb"),
        *("timestamp without time zone", "timestamp with time zone", "time without time zone", "time with time zone"),
        *("int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange", "tsvector"),
    }
)
"""Types with an order, as format_type prints them."""
_CASTS = frozenset(
    {
        *("int2", "int4", "int8", "numeric", "float4", "float8", "money", "bool", "uuid", "text", "varchar", "bpchar"),
        *("date", "timestamp", "timestamptz", "time", "timetz", "interval", "bytea", "jsonb", "name"),
    }
)
_FUNCTIONS = frozenset(
    {
        *(
            "count",
            "sum",
            "avg",
            "min",
            "max",
            "bool_and",
            "bool_or",
            "every",
            "string_agg",
            "length",
            "lower",
            "upper",
        ),
        *("initcap", "btrim", "ltrim", "rtrim", "trim", "left", "right", "substring", "substr", "replace", "concat"),
        *("concat_ws", "abs", "round", "trunc", "floor", "ceil", "ceiling", "date_trunc", "date_part", "extract"),
        *("to_char", "to_date", "age", "now", "row_number", "rank", "dense_rank", "ntile", "generate_series"),
        *("split_part", "strpos", "md5", "greatest", "least", "char_length", "octet_length", "mod", "date_bin"),
        *("make_date", "unnest", "array_agg", "array_length", "cardinality", "array_to_string", "jsonb_build_object"),
        *("to_jsonb", "jsonb_agg", "lag", "lead", "first_value", "last_value", "coalesce", "nullif", "to_number"),
    }
)
"""Functions that give a value of a type with an order where they are given such."""
_TAKING = frozenset({"->", "#>"})


def comparable(reading: Reading, found: Survey) -> bool:
    """Whether every output of every query in a statement surely has a type with an order."""
    if (
        found.untyped
        or any(f.name not in _FUNCTIONS for f in found.functions)
        or any(o in _TAKING for _, o in found.operators)
    ):
        return False
    if any(name not in _CASTS for _, name in found.types):
        return False
    for ref in found.relations:
        relation = reading.resolve(ref)
        if relation is None:
            return False
        whole = takes_row(found, ref, frozenset(c.name for c in relation.columns))
        if any((whole or c.name in found.names) and not _has_order(reading, c) for c in relation.columns):
            return False
    return True


def _has_order(reading: Reading, column: Column) -> bool:
    base = column.type.removesuffix("[]").split("(")[0]
    if base in _TYPES:
        return True
    known = reading.world.catalog.types.get(column.type_oid)
    if known is not None and known.kind == "d":
        return BUILTIN_TYPES.get(known.base or 0, "").removesuffix("[]") in _TYPES
    return known is not None and known.kind == "e"
