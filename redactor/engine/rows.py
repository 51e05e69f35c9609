"""Whole rows keep their type: `SELECT r FROM residents r` describes a `residents`, not a record.

Knows the FROM and the select list of each SELECT in a statement. Must not matter to what is hidden: the row is that of
the subquery which stands for the relation, with or without its type. What is not surely such a row is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from redactor.engine.hiding import from_relations
from redactor.engine.text import Text
from redactor.protection import Shield
from redactor.sql.grammar import Node
from redactor.sql.labels import walk
from redactor.sql.quote import identifier, qualified
from redactor.sql.survey import RelationRef, Survey

Sources = Mapping[str, tuple[str, ...] | None]
"""What a query's FROM gives names to, with the columns of each; None where these are not known."""


def keep_types(
    text: Text,
    hidden: list[tuple[RelationRef, Shield]],
    found: Survey,
    sources: Callable[[Node], Sources],
) -> None:
    """Casts whole rows of hidden relations in select lists to their relation's type. `sources`: those of a SELECT."""
    named = {c.fields[0] for c in found.columns if len(c.fields) == 1 and not c.star}
    if named.isdisjoint(ref.alias for ref, _ in hidden):
        return
    for select in _selects(found):
        _keep_types(text, select, hidden, sources)


def expand_stars(text: Text, found: Survey, sources: Callable[[Node], Sources]) -> bool:
    """Writes the columns out for which stars stand, so that `SELECT xmin, *` gives no xmin by the star.

    False: not every star could be written out, and none was.
    """
    edits: list[tuple[int, int, str]] = []
    for select in _selects(found):
        targets = [t["ResTarget"]["val"].get("ColumnRef", {}) for t in select.get("targetList", [])]
        for star in (t for t in targets if "A_Star" in next(reversed(t.get("fields", ())), {})):
            qualifiers = [f["String"]["sval"] for f in star["fields"][:-1]]
            merged = any(
                k == "JoinExpr" and set(j) & {"usingClause", "isNatural", "alias"}
                for k, j in walk(select.get("fromClause", []))
            )
            known = sources(select)
            aliases = qualifiers or list(known)
            if merged or len(qualifiers) > 1 or any(known.get(a) is None for a in aliases):
                return False
            listed = [f"{identifier(a)}.{identifier(c)}" for a in aliases for c in known[a] or ()]
            first = text.at(star["location"])
            last = text.name_end(first) - 1 if qualifiers else first
            edits.append((text.tokens[first].start, text.tokens[last].end, ", ".join(listed)))
    if len(edits) != sum(c.star for c in found.columns):
        return False
    for edit in edits:
        text.put(*edit)
    return True


def _selects(found: Survey) -> Iterator[Node]:
    """Every SELECT of a statement, the arms of set operations among them."""
    stack = list(found.selects)
    while stack:
        select = stack.pop()
        if "larg" in select:
            stack += [select["larg"], select["rarg"]]
        else:
            yield select


def _keep_types(
    text: Text, select: Node, hidden: list[tuple[RelationRef, Shield]], sources: Callable[[Node], Sources]
) -> None:
    items = select.get("fromClause", [])
    here = {id(n) for n in from_relations(items)}
    missing = set(_missing(items))
    types = {ref.alias: (ref, shield) for ref, shield in hidden if id(ref.node) in here and _is_typed(ref, shield)}
    for wrapped in select.get("groupClause", []) + select.get("distinctClause", []):
        fields = wrapped.get("ColumnRef", {}).get("fields", ())
        if len(fields) == 1 and "String" in fields[0]:
            # what is grouped by must be written the same
            types.pop(fields[0]["String"]["sval"], None)
    if not types:
        return
    known = sources(select)
    for target in select.get("targetList", []):
        value = target["ResTarget"]["val"]
        alone = value.get("ColumnRef") if "name" not in target["ResTarget"] else None
        for reference in _rows(value):
            name = reference["fields"][0]["String"]["sval"]
            if name not in types or any(columns is None or name in columns for columns in known.values()):
                continue
            ref, shield = types[name]
            first = text.at(reference["location"])
            token, end = text.tokens[first], text.tokens[text.name_end(first) - 1].end
            cast = f"::{qualified(*shield.relation.qualified)}"
            if id(ref.node) not in missing:
                text.put(end, end, cast)
                continue
            # beyond an outer join the row may be missing, which is not the same as a row of nothing
            row = identifier(name)
            key = f"{row}.{identifier(shield.primary[0])} IS NOT NULL" if shield.primary else ""
            there = key or f"{row} IS DISTINCT FROM NULL"
            label = f" AS {row}" if reference is alone else ""
            text.put(token.start, end, f"(CASE WHEN {there} THEN {row}{cast} END){label}")


def _is_typed(ref: RelationRef, shield: Shield) -> bool:
    """Whether a row of masks can be one of the relation's type: a domain could refuse its mask."""
    return "colnames" not in ref.node.get("alias", {}) and all(c.exact for c in shield.covers.values())


def _missing(items: list[Node]) -> Iterator[int]:
    """The relations that an outer join may give no row of."""
    for joined in (j for k, j in walk(items) if k == "JoinExpr"):
        kind = joined.get("jointype")
        if kind in ("JOIN_LEFT", "JOIN_FULL"):
            yield from map(id, from_relations([joined["rarg"]]))
        if kind in ("JOIN_RIGHT", "JOIN_FULL"):
            yield from map(id, from_relations([joined["larg"]]))


def _rows(value: Node) -> Iterator[Node]:
    """Bare names in an expression, those in subqueries and those of which a field is taken left out."""
    stack: list[object] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack += item
        elif isinstance(item, dict):
            for key, inner in item.items():
                if key == "ColumnRef":
                    fields = inner["fields"]
                    if len(fields) == 1 and "String" in fields[0]:
                        yield inner
                elif key == "A_Indirection" and "ColumnRef" in inner.get("arg", {}):
                    stack.append(inner.get("indirection", []))
                elif key not in ("SubLink", "TypeName", "typeName") and isinstance(inner, dict | list):
                    stack.append(inner)
