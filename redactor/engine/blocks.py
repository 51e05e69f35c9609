"""DO blocks: allowed where every statement in them is in the text, and each could be sent by itself as it is.

Knows PL/pgSQL's trees through `sql.plpgsql`; judges each embedded query or write with a reading of its own. Invariants:
nothing in a block is rewritten, so whatever would have to be is refused; nothing in it changes the session.
"""

from __future__ import annotations

from redactor.engine.reading import Reading
from redactor.engine.refusal import of_gap, of_kind
from redactor.engine.text import Text
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
    if _conversions_read(reading):
        # which type a variable has is not in the tree
        raise of_kind("DO", "a type or cast of this database reads protected data when a value is made", _ASK)
    for text in expressions:
        _judge_embedded(reading, text)


def _conversions_read(reading: Reading) -> bool:
    """Whether making a value of any type of the database, or casting to it, reads something hidden."""
    world = reading.world
    return any(world.type(t) for t in world.catalog.types.values()) or any(
        world.clearance.hidden(world.derivation.cast(c)) for c in world.catalog.casts
    )


def _judge_embedded(reading: Reading, text: str) -> None:
    source = text.encode("utf-8", "surrogatepass")
    (inner,) = grammar.parse(source)
    if inner.kind not in _EMBEDDED or any("intoClause" in n for k, n in walk(inner.node) if k == "SelectStmt"):
        raise of_kind(f"{inner.kind.removesuffix('Stmt')} in a DO block", "it is not a query or a write", _ASK)
    own = Reading(reading.world, reading.context, Text(source))
    own.query(inner.node, alone=False)
    for ref in survey(inner.node).relations:
        relation = own.resolve(ref)
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
