"""COPY in both forms: out of a relation or a query, into a relation. Never to or from files or programs."""

from __future__ import annotations

from redactor.engine import hiding, writing
from redactor.engine.reading import Reading
from redactor.engine.refusal import of_gap, of_kind, of_use
from redactor.model import ColumnUse, Use
from redactor.protection import Shield
from redactor.sql.grammar import Node, Statement
from redactor.sql.quote import identifier, qualified
from redactor.sql.survey import RelationRef, Role, survey


def copy(reading: Reading, node: Node, statement: Statement) -> None:
    """COPY ... TO STDOUT, COPY ... FROM STDIN."""
    if node.get("is_program"):
        raise of_kind("COPY PROGRAM", "it runs a program on the server", "Use STDIN or STDOUT (psql: \\copy).")
    if node.get("filename"):
        raise of_kind("COPY with a file", "it reads or writes a file on the server", "Use STDIN or STDOUT.")
    if "query" in node:
        reading.query(node["query"], alone=False)
        return
    ref = RelationRef(
        node["relation"],
        node["relation"].get("catalogname"),
        node["relation"].get("schemaname"),
        node["relation"]["relname"],
        Role.INSERT if node.get("is_from") else Role.READ,
        node["relation"].get("location", 0),
    )
    if "whereClause" in node:
        found = survey(node["whereClause"])
        if found.unknown:
            raise of_gap(", ".join(sorted(found.unknown)))
        reading.mentions(found, {})
    relation = reading.resolve(ref, located=False)
    if relation is None:
        return
    shield = reading.world.shield(relation)
    hiding.refuse_closed(shield, read=not node.get("is_from"))
    listed = [a["String"]["sval"] for a in node.get("attlist", ())]
    if node.get("is_from"):
        given = listed or [c.name for c in relation.columns if c.generated is None]
        for cover in (shield.covers[name] for name in given if name in shield.covers):
            reading.note(ColumnUse(cover.column, Use.INSERT), cover.hits)
            if not cover.inserts or relation.kind not in "rp":
                raise of_use(cover.column, Use.WRITE, cover.hits)
        writing.check_hazards(reading, relation, "insert", given)
        return
    names = listed or [c.name for c in relation.columns if c.generated is None]
    told = shield.closed is not None or shield.ordered or shield.scattered or bool(shield.where)
    if not told and not any(n in shield.covers for n in names):
        return
    version = reading.world.catalog.version
    if relation.kind in ("v", "p", "f") or (relation.kind == "m" and version < 180000):
        # PostgreSQL copies tables, from 18 on also materialized views; of the others its own error says so
        if version >= 190000:
            raise of_gap(f"COPY of {relation.qualified}")
        return
    _masked(reading, node, statement, shield, names, ref)


def _masked(
    reading: Reading, node: Node, statement: Statement, shield: Shield, names: list[str], ref: RelationRef
) -> None:
    columns = []
    for name in names:
        cover = shield.covers.get(name)
        if cover is None:
            columns.append(identifier(name))
            continue
        if cover.expression is None:
            raise of_use(cover.column, Use.OUTPUT, cover.hits, cover.source)
        reading.note(ColumnUse(cover.column, Use.OUTPUT), cover.hits)
        columns.append(f"{cover.expression} AS {identifier(name)}")
    text = reading.text
    first = text.at(ref.at)
    after = text.name_end(first)
    if text.word(after) == "(":
        after = text.closing(after) + 1
    # COPY of a parent gives its own rows only
    name = qualified(shield.relation.schema, shield.relation.name)
    where = " WHERE false" if shield.closed is not None else f" WHERE {shield.where}" if shield.where else ""
    source = f"(SELECT {', '.join(columns)} FROM ONLY {name}{where}{hiding.order_of(shield)})"
    text.put(text.tokens[first].start, text.tokens[after - 1].end, source)
    del node, statement
