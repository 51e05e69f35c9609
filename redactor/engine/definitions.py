"""CREATE by ordinary requesters: tables, views, sequences, types, schemas, of what cannot tell of hidden data.

Temporary objects are the session's own, whatever they are filled with came through here. Lasting ones may be views
over data that the requester may see, sequences and types; anything else needs a policy role with may_ddl. What becomes
of them later is in `changes` and `upkeep`.
"""

from __future__ import annotations

from collections.abc import Iterable

from redactor.engine import altering, hiding
from redactor.engine.reading import Reading, reads
from redactor.engine.refusal import of_gap, of_kind, of_reading, of_write
from redactor.sql.grammar import Node, Statement
from redactor.sql.labels import walk
from redactor.sql.survey import RelationRef, Role, survey
from redactor.transitions import Make, Own, SchemaChanged

TABLE_PARTS = frozenset(
    {
        *("CreateStmt", "Constraint", "TableLikeClause", "PartitionSpec", "PartitionElem", "PartitionBoundSpec"),
        *("AlterTableStmt", "AlterTableCmd", "IndexStmt", "PartitionCmd", "CreateDomainStmt", "CompositeTypeStmt"),
        *("ReplicaIdentityStmt", "ATAlterConstraint", "CreateStatsStmt", "StatsElem"),
    }
)
ASK = "Ask an owner whose policy role has may_ddl."


def check(reading: Reading, node: Node) -> list[RelationRef]:
    """Judges the functions, types and operators in a definition; gives the relations that it names."""
    found = survey(node, TABLE_PARTS)
    if found.unknown:
        raise of_gap(", ".join(sorted(found.unknown)))
    reading.mentions(found, {}, lasting=True)
    if any(f.name == "current_query" for f in found.functions):
        # a default is computed in the sessions of others: what they ask holds what they may see
        raise of_kind("current_query in a definition", "it would keep what others ask", "Leave it out.")
    return found.relations


def _place(reading: Reading, relation: Node) -> tuple[str, bool]:
    """The schema of a new relation, and whether it is temporary."""
    schema = relation.get("schemaname")
    if relation.get("relpersistence") == "t" or (schema or "").startswith("pg_temp"):
        return "pg_temp", True
    first = next((s for s in reading.context.path if s != "pg_catalog"), None)
    if schema is None and first is not None and first.startswith("pg_temp"):
        return "pg_temp", True
    return schema or reading.names.schema_of_new() or "public", False


def _make(
    reading: Reading,
    schema: str,
    name: str,
    kind: str,
    columns: tuple[str, ...] | None,
    temporary: bool,
    if_not_exists: bool = False,
) -> None:
    if temporary or not if_not_exists:
        # IF NOT EXISTS may find another's, which is then known once the catalog has been read again
        sized = kind == "view" and reading.sized()
        reading.transitions.append(Make(Own(schema, name, kind, columns, temporary, sized=sized)))
    if not temporary:
        reading.transitions.append(SchemaChanged())


_KEPT_ANEW = "CREATE MATERIALIZED VIEW"


def _unmasked(reading: Reading, before: int, temporary: bool, what: str) -> None:
    """Refuses to keep masked data for longer than the session: others would take it for the truth.

    What is hidden of PostgreSQL's own relations are figures, which are out of date as soon as they are kept.
    """
    if not temporary and reading.text.mark() != before and (what == _KEPT_ANEW or reading.masks_people):
        raise of_kind(what, "it would keep masked data for everyone", "Use CREATE TEMP TABLE AS.")


def select_into(reading: Reading, node: Node) -> None:
    """SELECT ... INTO."""
    relation = node["SelectStmt"]["intoClause"]["rel"]
    schema, temporary = _place(reading, relation)
    select = {k: v for k, v in node["SelectStmt"].items() if k != "intoClause"}
    before = reading.text.mark()
    reading.query({"SelectStmt": select}, alone=False, ordered=temporary, lasting=True)
    columns = reading.output_names({"SelectStmt": select})
    _unmasked(reading, before, temporary, "SELECT INTO")
    _make(reading, schema, relation["relname"], "table", columns, temporary)


def create_table_as(reading: Reading, node: Node, statement: Statement) -> None:
    """CREATE TABLE AS, CREATE MATERIALIZED VIEW."""
    into = node["into"]
    relation = into["rel"]
    schema, temporary = _place(reading, relation)
    view = node.get("objtype") == "OBJECT_MATVIEW"
    query = node["query"]
    before = reading.text.mark()
    columns: tuple[str, ...] | None = None
    if "ExecuteStmt" in query:
        from redactor.engine.statements import execute

        execute(reading, query["ExecuteStmt"], reading.again)
    else:
        reading.query(query, alone=False, ordered=temporary, lasting=True)
        columns = reading.output_names(query)
    _unmasked(reading, before, temporary, _KEPT_ANEW if view else "CREATE TABLE AS")
    named = [c["String"]["sval"] for c in into.get("colNames", ())]
    if named:
        columns = (*named, *(columns or ())[len(named) :])
    made = "materialized view" if view else "table"
    _make(reading, schema, relation["relname"], made, columns, temporary, bool(node.get("if_not_exists")))
    del statement


def create_view(reading: Reading, node: Node, statement: Statement) -> None:
    """CREATE VIEW. A lasting one only over what the requester may see, and never in another's place."""
    schema, temporary = _place(reading, node["view"])
    if node.get("replace") and not temporary and not reading.may_ddl:
        existing = reading.names.relation(schema, node["view"]["relname"])
        if existing is not None and existing.own is None:
            raise of_kind("CREATE OR REPLACE VIEW", "the view exists, and others rely on what it was reviewed as", ASK)
    before = reading.text.mark()
    reading.query(node["query"], alone=False, ordered=False, lasting=True)
    columns = reading.output_names(node["query"])
    if not temporary and reading.text.mark() != before:
        raise of_kind("CREATE VIEW", "it would give masked data to everyone", "Use CREATE TEMP VIEW.")
    named = [c["String"]["sval"] for c in node.get("aliases", ())]
    if named:
        columns = (*named, *(columns or ())[len(named) :])
    _make(reading, schema, node["view"]["relname"], "view", columns, temporary)
    del statement


def create_table(reading: Reading, node: Node, statement: Statement) -> None:
    """CREATE TABLE: the session's own, of columns and constraints that read nothing hidden."""
    relation = node["relation"]
    schema, temporary = _place(reading, relation)
    # the table that is made is not one that is read
    rest = {k: v for k, v in node.items() if k != "relation"}
    columns: list[str] | None = []
    _check_parents(reading, node.get("inhRelations", ()), "partbound" in node)
    likes, numbered = [], []
    for element in node.get("tableElts", ()):
        kind, inner = next(iter(element.items()))
        match kind:
            case "ColumnDef":
                if columns is not None:
                    columns.append(inner["colname"])
                if _numbered(inner):
                    numbered.append(inner["colname"])
            case "TableLikeClause":
                likes.append(inner)
                columns = None
            case _:
                pass
    for like in likes:
        _check_like(reading, like)
    check(reading, {"CreateStmt": {**rest, "inhRelations": [], "tableElts": _without_likes(node)}})
    check_keys(reading, node, relation)
    if node.get("inhRelations") or "ofTypename" in node:
        columns = None
    known = None if columns is None else tuple(columns)
    _make(reading, schema, relation["relname"], "table", known, temporary, bool(node.get("if_not_exists")))
    for column in numbered if temporary else ():
        # lasting ones are in the catalog soon
        _make(reading, schema, _sequence_name(relation["relname"], column), "sequence", None, True)
    del statement


def _numbered(column: Node) -> bool:
    """Whether a sequence is made for a column."""
    if any(c["Constraint"].get("contype") == "CONSTR_IDENTITY" for c in column.get("constraints", ())):
        return True
    names = column.get("typeName", {}).get("names", [])
    return bool(names) and names[-1]["String"]["sval"] in _SERIAL


_SERIAL = frozenset({"serial", "serial2", "serial4", "serial8", "smallserial", "bigserial"})


def _sequence_name(table: str, column: str) -> str:
    """What PostgreSQL calls the sequence of a column: the longer of both names is cut (makeObjectName)."""
    first, second = table.encode(), column.encode()
    while len(first) + len(second) > 63 - len("__seq"):
        first, second = (first[:-1], second) if len(first) > len(second) else (first, second[:-1])
    return f"{first.decode(errors='ignore')}_{second.decode(errors='ignore')}_seq"


def _without_likes(node: Node) -> list[Node]:
    return [e for e in node.get("tableElts", ()) if "TableLikeClause" not in e]


def ref_of(relation: Node, role: Role = Role.READ) -> RelationRef:
    return RelationRef(
        relation,
        relation.get("catalogname"),
        relation.get("schemaname"),
        relation["relname"],
        role,
        relation.get("location", 0),
    )


def _check_parents(reading: Reading, parents: Iterable[Node], partition: bool) -> None:
    for p in parents:
        parent = reading.resolve(ref_of(p["RangeVar"]), located=False)
        if parent is not None and not reading.may_ddl:
            raise of_kind("INHERITS and PARTITION OF", "the parent is not the session's own", ASK)
        if parent is not None and partition:
            altering.partitioned(reading, parent)


def _check_like(reading: Reading, like: Node) -> None:
    ref = ref_of(like["relation"])
    if reading.names.relation(ref.schema, ref.name) is None and any(
        o.kind == "type" and o.name == ref.name and ref.schema in (None, o.schema) for o in reading.context.now.owns
    ):
        return
    relation = reading.resolve(ref, located=False)
    for c in relation.columns if relation is not None else ():
        made = reading.world.catalog.types.get(c.type_oid)
        why = reading.world.value(made) if made is not None else ()
        if made is not None and why:
            raise of_reading(f"type {made.schema}.{made.name}", reads(why), reading.world.clearance.hits(why))
    # defaults and generated columns of a shielded table may read what it hides
    if relation is not None and like.get("options") and not reading.world.shield(relation).open:
        raise of_kind(
            f"LIKE {relation.qualified} INCLUDING", "what it copies may read protected data", "Use LIKE alone."
        )


def _is_itself(reading: Reading, named: Node, made: Node) -> bool:
    """Whether a name in a new table's definition means that table."""
    schema, temporary = _place(reading, made)
    first = "pg_temp" if temporary else reading.names.schema_of_new()
    return bool(named["relname"] == made["relname"]) and (named.get("schemaname") or first) == schema


def check_keys(reading: Reading, node: Node, made: Node | None = None) -> None:
    """A foreign key asks of every value whether it is there: none to hidden columns or rows. `made`: the new table."""
    for kind, constraint in walk(node):
        if kind != "Constraint" or "pktable" not in constraint:
            continue
        if made is not None and _is_itself(reading, constraint["pktable"], made):
            continue  # to the new table itself
        relation = reading.resolve(ref_of(constraint["pktable"]), located=False)
        if relation is None:
            continue
        shield = reading.world.shield(relation)
        hiding.refuse_closed(shield)
        named = [a["String"]["sval"] for a in constraint.get("pk_attrs", ())]
        primary = next((c.columns for c in relation.constraints if c.kind == "p"), ())
        for name in named or primary:
            if name in shield.covers:
                cover = shield.covers[name]
                raise of_write(f"a foreign key to {cover.column}", "it would tell which values are there", cover.hits)


def create_sequence(reading: Reading, node: Node, statement: Statement) -> None:
    """CREATE SEQUENCE."""
    schema, temporary = _place(reading, node["sequence"])
    _make(reading, schema, node["sequence"]["relname"], "sequence", None, temporary, bool(node.get("if_not_exists")))
    del statement


def alter_sequence(reading: Reading, node: Node, statement: Statement) -> None:
    """ALTER SEQUENCE of one that counts nothing hidden."""
    relation = reading.resolve(ref_of(node["sequence"]), located=False)
    if relation is not None:
        hiding.refuse_closed(reading.world.shield(relation))
    del statement


def _type_name(parts: list[Node]) -> tuple[str | None, str]:
    words = [p["String"]["sval"] for p in parts]
    return (words[-2] if len(words) > 1 else None), words[-1]


def _made_type(reading: Reading, schema: str | None, name: str) -> None:
    temporary = (schema or "").startswith("pg_temp")
    _make(reading, "pg_temp" if temporary else schema or "public", name, "type", None, temporary)


def create_type(reading: Reading, node: Node, statement: Statement) -> None:
    """CREATE TYPE ... AS ENUM."""
    _made_type(reading, *_type_name(node["typeName"]))
    del statement


def alter_type(reading: Reading, node: Node, statement: Statement) -> None:
    """ALTER TYPE ... ADD VALUE, RENAME VALUE."""
    reading.transitions.append(SchemaChanged())
    del node, statement


def create_composite(reading: Reading, node: Node, statement: Statement) -> None:
    """CREATE TYPE ... AS (...)."""
    check(reading, {"coldeflist": node.get("coldeflist", [])})
    _made_type(reading, node["typevar"].get("schemaname"), node["typevar"]["relname"])
    del statement


def create_domain(reading: Reading, node: Node, statement: Statement) -> None:
    """CREATE DOMAIN whose checks read nothing hidden."""
    check(reading, {k: v for k, v in node.items() if k != "domainname"})
    _made_type(reading, *_type_name(node["domainname"]))
    del statement


def create_schema(reading: Reading, node: Node, statement: Statement) -> None:
    """CREATE SCHEMA: an empty one."""
    if node.get("schemaElts"):
        raise of_kind("CREATE SCHEMA with objects in it", "each is judged by itself", "Create the schema first.")
    reading.transitions.append(SchemaChanged())
    del statement


def create_range(reading: Reading, node: Node, statement: Statement) -> None:
    """CREATE TYPE ... AS RANGE, without functions of one's own."""
    for item in node.get("params", ()):
        option = item["DefElem"]
        if option["defname"] not in ("subtype", "subtype_opclass", "collation", "multirange_type_name"):
            raise of_kind(
                f"CREATE TYPE ... AS RANGE with {option['defname']}", "what that function reads is not known", ASK
            )
        if option["defname"] == "subtype":
            check(reading, option["arg"])
    _made_type(reading, *_type_name(node["typeName"]))
    del statement
