"""A name that is PostgreSQL's own function's and somebody's, too: which of them a call means.

Knows a reading and the functions that a call's name and number of arguments fit. Types of arguments are not computed:
where the others take what no value of PostgreSQL's own types is taken for, the call is written with the schema
pg_catalog, so that none of them can be called, whatever the arguments are. Invariant: a call that is passed as
PostgreSQL's own can reach no other, in whatever place it is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from redactor.catalog import Function
from redactor.sql.labels import walk
from redactor.sql.quote import identifier
from redactor.sql.survey import FunctionRef, Survey

if TYPE_CHECKING:
    from redactor.engine.reading import Reading

_APART = frozenset("cerm")
"""Kinds of types (pg_type.typtype) that nothing is converted to unasked: rows, enums, ranges, multiranges."""


def means_builtin(reading: Reading, ref: FunctionRef, fitting: list[Function], found: Survey) -> bool:
    """Whether PostgreSQL's own function is meant by a name that also `fitting` have, none of which may be called."""
    if not reading.rewrites or ref.schema is not None or not reading.names.builtin(None, ref.name):
        return False
    if "pg_catalog" in reading.context.path:
        # behind others, perhaps
        return False
    if not all(reading.world.function(f) and _takes_apart(reading, f, ref) for f in fitting):
        return False
    aliases = {r.alias for r in found.relations}
    if not aliases.isdisjoint(_bare_names(ref.node.get("args", []))):
        # a whole row, perhaps
        return False
    text = reading.text
    first = text.at(ref.at)
    if text.name_end(first) != first + 1:
        return False
    token = text.tokens[first]
    text.put_everywhere(token.start, token.end, f"pg_catalog.{identifier(ref.name)}")
    return True


def _takes_apart(reading: Reading, f: Function, ref: FunctionRef) -> bool:
    """Whether a function takes a row, an enum or a range of the database's own."""
    catalog = reading.world.catalog
    if f.kind == "a" or f.variadic or ref.named or ref.arguments < 0:
        return False
    taken = (t for oid in f.arguments[: ref.arguments] if (t := catalog.types.get(oid)) is not None)
    return any(
        t.kind in _APART
        and t.schema != "pg_catalog"
        and not any(c.target == t.oid and c.context == "i" for c in catalog.casts)
        for t in taken
    )


def _bare_names(node: Any) -> Iterator[str]:
    """The names of one part in an expression, which may be a column's or mean a whole row."""
    for kind, inner in walk(node):
        if kind == "ColumnRef" and len(inner["fields"]) == 1:
            yield inner["fields"][0].get("String", {}).get("sval", "")
