"""COPY in both forms: out of a relation or a query, into a relation. Never to or from files or programs."""

from __future__ import annotations

from redactor.engine import hiding, writing
from redactor.engine.reading import Reading
from redactor.engine.refusal import of_gap, of_kind, of_use
from redactor.model import ColumnUse, Use
from redactor.protection import Shield
from redactor.sql.grammar import Node, Statement
from redactor.sql.labels import walk
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
            reading.note([(ColumnUse(cover.column, Use.INSERT), cover.hits)])
            if not cover.inserts or relation.kind not in "rp":
                raise of_use(cover.column, Use.WRITE, cover.hits)
        writing.check_hazards(reading, relation, "insert", given)
        if "whereClause" in node:
            _judge_filter(node, shield, set(listed) - _defaulted(node, listed))
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


def _defaulted(node: Node, listed: list[str]) -> set[str]:
    """The columns whose default the data may ask for by a marker."""
    return set(listed) if any(o["DefElem"]["defname"] == "default" for o in node.get("options", ())) else set()


def _judge_filter(node: Node, shield: Shield, given: set[str]) -> None:
    """WHERE of COPY FROM sees the new row, with hidden defaults in it where the data gives no value."""
    own = {c.name for c in shield.relation.columns}
    for reference in (n for k, n in walk(node["whereClause"]) if k == "ColumnRef"):
        last = reference["fields"][-1].get("String", {}).get("sval", "")
        covers = [shield.covers[last]] if last in own & shield.covers.keys() else []
        if last not in own:
            covers = list(shield.covers.values())
        for cover in (c for c in covers if c.column.name not in given):
            raise of_use(cover.column, Use.PREDICATE, cover.hits, cover.source)


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
        reading.note([(ColumnUse(cover.column, Use.OUTPUT), cover.hits)])
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
