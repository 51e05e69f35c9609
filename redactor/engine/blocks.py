"""DO blocks: allowed where every statement in them is in the text, and each could be sent by itself as it is.

Knows PL/pgSQL's trees through `sql.plpgsql`; judges each embedded query or write with a reading of its own. Invariants:
nothing in a block is rewritten, so whatever would have to be is refused; nothing in it changes the session.
"""

from __future__ import annotations

from redactor.catalog import Catalog
from redactor.engine.reading import Reading
from redactor.engine.refusal import of_gap, of_kind
from redactor.engine.text import Text
from redactor.engine.world import World
from redactor.errors import RedactorError
from redactor.sql import grammar, plpgsql
from redactor.sql.grammar import Node, Statement
from redactor.sql.labels import walk
from redactor.sql.survey import survey

_ASK = "Send its statements by themselves, or ask an approved owner to run it."
_EMBEDDED = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})


def judge(reading: Reading, node: Node, statement: Statement) -> None:
    """DO."""
    del statement
    given = {a["DefElem"]["defname"]: a["DefElem"]["arg"]["String"]["sval"] for a in node.get("args", ())}
    if given.get("language", "plpgsql").lower() != "plpgsql":
        raise of_kind("DO in another language than plpgsql", "what its code will read cannot be told from here", _ASK)
    try:
        expressions = plpgsql.block(given["as"])
    except RedactorError:
        raise of_gap("this DO block") from None
    if expressions is None:
        why = "dynamic SQL, transaction control and what an error's details say cannot be judged from here"
        raise of_kind("this DO block", why, _ASK)
    telling = telling_names(reading.world)
    if telling:
        # a table of the session's own may have such a column
        telling |= {o.name for o in reading.context.now.owns}
    if telling is None or may_name(given["as"], telling):
        # which type a variable has is not in the tree
        raise of_kind("DO", "a type or cast of this database reads protected data when a value is made", _ASK)
    for text in expressions:
        _judge_embedded(reading, text, own_relations=not telling)


def telling_names(world: World) -> frozenset[str] | None:
    """The names of which a block must hold one to come by a value whose making or casting reads something hidden: of
    types, of relations with a column of one, of functions and operators that take or give one. None: no name is needed.
    """
    catalog = world.catalog
    casts = [c for c in catalog.casts if world.clearance.hidden(world.derivation.cast(c))]
    if any(_is_builtin(catalog, c.source) and _is_builtin(catalog, c.target) for c in casts):
        return None
    types = {t.oid: t.name for t in catalog.types.values() if world.value(t)}
    if not types:
        return frozenset()
    names = set(types.values())
    for r in catalog.relations.values():
        if any(c.type_oid in types for c in r.columns):
            names.add(r.name)
    telling = set()
    for f in catalog.functions.values():
        if not types.keys().isdisjoint((f.returns, *f.arguments, *f.all_arguments)):
            names.add(f.name)
            telling.add(f.oid)
    names.update(o.name for o in catalog.operators if o.function in telling or o.left in types or o.right in types)
    return frozenset(names)


def _is_builtin(catalog: Catalog, oid: int) -> bool:
    t = catalog.types.get(oid)
    return t is None or t.schema == "pg_catalog"


def may_name(body: str, names: frozenset[str]) -> bool:
    """Whether one of the names is anywhere in the text, in words, in strings and in comments too, however written: as
    part of another, with quotes, in escapes. A cursor may bring rows of what is named elsewhere.
    """
    if not names:
        return False
    text = body.lower()
    # the names of arrays' types are those of their elements, with _ before and [] behind
    spelt = {n.lower().lstrip("_").replace('"', '""') for n in names}
    return any(n in text for n in (*spelt, "u&", "refcursor", "fetch"))


def _judge_embedded(reading: Reading, text: str, own_relations: bool) -> None:
    source = text.encode("utf-8", "surrogatepass")
    (inner,) = grammar.parse(source)
    if inner.kind not in _EMBEDDED or any("intoClause" in n for k, n in walk(inner.node) if k == "SelectStmt"):
        raise of_kind(f"{inner.kind.removesuffix('Stmt')} in a DO block", "it is not a query or a write", _ASK)
    own = Reading(reading.world, reading.context, Text(source))
    own.query(inner.node, alone=False)
    for ref in survey(inner.node).relations:
        relation = own.resolve(ref)
        if relation is None and not own_relations:
            raise of_kind("the session's own relations in a DO block", "a type of theirs may read protected data", _ASK)
        if relation is not None and not reading.world.shield(relation).open:
            raise of_kind(
                f"{relation.qualified} in a DO block", "it has protected columns, and a block is not rewritten", _ASK
            )
    if own.text.edited or own.transitions:
        raise of_kind("this DO block", f"a statement in it would have to be rewritten: {text[:40]}", _ASK)
    reading.relations |= own.relations
    reading.functions |= own.functions
    for use in own.used:
        reading.used.append(use)
    reading.hits |= own.hits
