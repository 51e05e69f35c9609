"""The order of all rows that come out of a judged statement: what it reads, what it returns, how both are compared.

Knows a reading whose relations have been resolved. Must not decide which order: that is `ordering` for queries and
`returning` for writes. Invariant: a statement that reads nothing whose rows lie as hidden values have them lie stays.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from redactor.engine import ordering, returning
from redactor.engine.comparing import comparable
from redactor.engine.ordering import Place
from redactor.engine.refusal import of_kind
from redactor.protection import Shield
from redactor.sql.grammar import Node
from redactor.sql.labels import AGGREGATES
from redactor.sql.survey import RelationRef, Survey, takes_row
from redactor.transitions import Answer

_OF_AGGREGATES = frozenset({"agg_order", "agg_filter", "agg_distinct", "agg_star", "agg_within_group", "over"})
"""What a call has only where an aggregate, or a window function, is meant."""

if TYPE_CHECKING:
    from redactor.engine.reading import Reading


def arrange(
    reading: Reading, node: Node, found: Survey, hidden: list[tuple[RelationRef, Shield]], writes: bool
) -> bool:
    """Has the rows come in an order that tells nothing. Gives whether a write became a query by that."""
    if not any(reading.lies(ref) for ref in found.relations):
        return False
    places = _places(reading, found, hidden)
    word = returning.settle(reading, node, found, places) if writes else None
    known = cache(partial(comparable, reading, found))
    ordering.settle(reading.text, node, found, places, partial(_is_aggregate, reading), known)
    if word is not None:
        reading.transitions.append(Answer(word))
    return word is not None


def _places(reading: Reading, found: Survey, hidden: list[tuple[RelationRef, Shield]]) -> dict[int, Place]:
    aliases = {id(ref.node): ref.alias for ref, _ in hidden}
    out: dict[int, Place] = {}
    for ref in found.relations:
        relation = reading.resolve(ref)
        alias = aliases.get(id(ref.node), ref.alias)
        if relation is None:
            out[id(ref.node)] = Place(alias, (), reading.lies(ref))
        elif relation.schema not in ("pg_catalog", "information_schema"):
            place = reading.world.place(ref, alias, relation, id(ref.node) in aliases)
            out[id(ref.node)] = place if takes_row(found, ref, place.columns) else place.narrowed(found.names)
    return out


def _is_aggregate(reading: Reading, call: Node) -> bool:
    """Whether a call may be an aggregate's. Raises Refused where it may as well be another function's."""
    if "funcname" not in call:
        return False
    name = call["funcname"][-1]["String"]["sval"]
    named = reading.world.catalog.functions_named(name)
    if name not in AGGREGATES and not any(f.kind == "a" for f in named):
        return False
    if not call.keys() & _OF_AGGREGATES:
        count = len(call.get("args", ()))
        others = [f for f in named if f.kind == "f"]
        if any(f.variadic or len(f.arguments) - f.defaults <= count <= len(f.arguments) for f in others):
            why = "a function and an aggregate have that name, and which of the two is called cannot be told"
            hint = f"Where the aggregate is meant, say so: {name}(...) FILTER (WHERE true)."
            raise of_kind(f"a call of {name}", why, hint)
    return True
