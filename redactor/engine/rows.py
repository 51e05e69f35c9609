"""Whole rows keep their type: `SELECT r FROM residents r` describes a `residents`, not a record.

Knows a query's own FROM and select list. Must not matter to what is hidden: the row is that of the subquery which
stands for the relation, with or without its type. What is not surely such a row is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from redactor.engine.hiding import from_relations
from redactor.engine.text import Text
from redactor.protection import Shield, plain_type
from redactor.sql.grammar import Node
from redactor.sql.labels import walk
from redactor.sql.quote import qualified
from redactor.sql.survey import RelationRef

Sources = Mapping[str, tuple[str, ...] | None]
"""What a query's FROM gives names to, with the columns of each; None where these are not known."""


def keep_types(text: Text, node: Node, hidden: list[tuple[RelationRef, Shield]], sources: Sources) -> None:
    """Casts whole rows of hidden relations in a SELECT's own list, and as arguments there, to their relation's type."""
    select = node.get("SelectStmt", {})
    if set(select) & {"groupClause", "distinctClause", "valuesLists", "larg"}:
        return
    items = select.get("fromClause", [])
    # beyond an outer join the row may be missing, which is not the same as a row of nothing
    here = {id(n) for n in from_relations(items)} - set(_missing(items))
    types = {ref.alias: shield for ref, shield in hidden if id(ref.node) in here and _is_typed(ref, shield)}
    for reference in _rows(select.get("targetList", [])):
        name = reference["fields"][0]["String"]["sval"]
        shield = types.get(name)
        if shield is None or any(columns is None or name in columns for columns in sources.values()):
            continue
        first = text.at(reference["location"])
        end = text.tokens[text.name_end(first) - 1].end
        text.put(end, end, "::" + qualified(shield.relation.schema, shield.relation.name))


def _is_typed(ref: RelationRef, shield: Shield) -> bool:
    """Whether a row of masks can be one of the relation's type: a domain could refuse its mask."""
    types = {c.name: c.type for c in shield.relation.columns}
    return "colnames" not in ref.node.get("alias", {}) and all(
        c.type == plain_type(types[n]) for n, c in shield.covers.items()
    )


def _missing(items: list[Node]) -> Iterator[int]:
    """The relations that an outer join may give no row of."""
    for joined in (j for k, j in walk(items) if k == "JoinExpr"):
        kind = joined.get("jointype")
        if kind in ("JOIN_LEFT", "JOIN_FULL"):
            yield from map(id, from_relations([joined["rarg"]]))
        if kind in ("JOIN_RIGHT", "JOIN_FULL"):
            yield from map(id, from_relations([joined["larg"]]))


def _rows(items: list[Node]) -> Iterator[Node]:
    """Bare names that are a select item, or an argument of a function that is one."""
    stack = [t["ResTarget"]["val"] for t in items]
    while stack:
        value = stack.pop()
        if "FuncCall" in value:
            stack += value["FuncCall"].get("args", ())
        fields = value.get("ColumnRef", {}).get("fields", ())
        if len(fields) == 1 and "String" in fields[0]:
            yield value["ColumnRef"]
