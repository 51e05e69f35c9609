"""CREATE, ALTER, DROP and their kin by ordinary requesters: what is their own, and what cannot tell of hidden data.

Temporary objects are the session's own, whatever they are filled with came through here. Lasting ones may be views
over data that the requester may see, sequences and types; anything else needs a policy role with may_ddl.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from redactor.catalog import Relation
from redactor.engine import altering, hiding
from redactor.engine.reading import Reading, reads
from redactor.engine.refusal import of_gap, of_kind, of_reading, of_write
from redactor.sql.grammar import Node, Statement
from redactor.sql.labels import walk
from redactor.sql.survey import RelationRef, Role, survey
from redactor.transitions import Drop, Make, Own, SchemaChanged

_TABLE_PARTS = frozenset(
    {
        *("CreateStmt", "Constraint", "TableLikeClause", "PartitionSpec", "PartitionElem", "PartitionBoundSpec"),
        *("AlterTableStmt", "AlterTableCmd", "IndexStmt", "PartitionCmd", "CreateDomainStmt", "CompositeTypeStmt"),
        *("ReplicaIdentityStmt", "ATAlterConstraint", "CreateStatsStmt", "StatsElem"),
    }
)
_ASK = "Ask an owner whose policy role has may_ddl."


def _check(reading: Reading, node: Node) -> list[RelationRef]:
    """Judges the functions, types and operators in a definition; gives the relations that it names."""
    found = survey(node, _TABLE_PARTS)
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
            raise of_kind("CREATE OR REPLACE VIEW", "the view exists, and others rely on what it was reviewed as", _ASK)
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
    _check(reading, {"CreateStmt": {**rest, "inhRelations": [], "tableElts": _without_likes(node)}})
    _check_keys(reading, node, relation)
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


def _ref(relation: Node, role: Role = Role.READ) -> RelationRef:
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
        parent = reading.resolve(_ref(p["RangeVar"]), located=False)
        if parent is not None and not reading.may_ddl:
            raise of_kind("INHERITS and PARTITION OF", "the parent is not the session's own", _ASK)
        if parent is not None and partition:
            altering.partitioned(reading, parent)


def _check_like(reading: Reading, like: Node) -> None:
    ref = _ref(like["relation"])
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


def _check_keys(reading: Reading, node: Node, made: Node | None = None) -> None:
    """A foreign key asks of every value whether it is there: none to hidden columns or rows. `made`: the new table."""
    for kind, constraint in walk(node):
        if kind != "Constraint" or "pktable" not in constraint:
            continue
        if made is not None and _is_itself(reading, constraint["pktable"], made):
            continue  # to the new table itself
        relation = reading.resolve(_ref(constraint["pktable"]), located=False)
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
    relation = reading.resolve(_ref(node["sequence"]), located=False)
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
    _check(reading, {"coldeflist": node.get("coldeflist", [])})
    _made_type(reading, node["typevar"].get("schemaname"), node["typevar"]["relname"])
    del statement


def create_domain(reading: Reading, node: Node, statement: Statement) -> None:
    """CREATE DOMAIN whose checks read nothing hidden."""
    _check(reading, {k: v for k, v in node.items() if k != "domainname"})
    _made_type(reading, *_type_name(node["domainname"]))
    del statement


_TELLS_NOTHING = frozenset(
    {"AT_DropColumn", "AT_DropConstraint", "AT_SetRelOptions", "AT_ResetRelOptions", "AT_ColumnDefault"}
)
"""What ALTER TABLE may do to a table that is not known: none of it looks at a row."""


def _absent(reading: Reading, node: Node, relation: Node) -> bool:
    """Whether a definition passes since what it changes IF EXISTS is not there, as far as is known."""
    if (
        not node.get("missing_ok")
        or reading.names.relation(relation.get("schemaname"), relation["relname"]) is not None
    ):
        return False
    told = [c["AlterTableCmd"] for c in node.get("cmds", ())]
    harmless = all(
        c.get("subtype") in _TELLS_NOTHING
        or (c.get("subtype") == "AT_AddColumn" and "constraints" not in c["def"]["ColumnDef"])
        for c in told
    )
    if harmless:
        reading.transitions.append(SchemaChanged())
    return harmless


def _index(reading: Reading, relation: Node, what: str) -> bool:
    """Whether a name is no relation's, and so an index's; raises where that is one of somebody else's table."""
    schema, name = relation.get("schemaname"), relation["relname"]
    if reading.names.relation(schema, name) is not None:
        return False
    for r in reading.world.catalog.relations.values():
        if r.schema == (schema or r.schema) and any(i.name == name for i in r.indexes) and not reading.may_ddl:
            raise of_kind(f"{what} of an index of {r.qualified}", "it is not the session's own", _ASK)
    reading.transitions.append(SchemaChanged())
    return True


def _must_be_own(reading: Reading, relation: Node, what: str) -> Relation | None:
    """The relation, where it is somebody else's; raises if such may not be changed."""
    found = reading.resolve(_ref(relation, Role.OTHER), located=False)
    if found is not None and not reading.may_ddl:
        raise of_kind(f"{what} of {found.qualified}", "it is not the session's own", _ASK)
    if found is not None:
        reading.transitions.append(SchemaChanged())
    return found


def create_index(reading: Reading, node: Node, statement: Statement) -> None:
    """CREATE INDEX on what the session made itself."""
    found = _must_be_own(reading, node["relation"], "CREATE INDEX")
    if found is not None:
        altering.index(reading, found, node)
    _check(reading, {k: v for k, v in node.items() if k != "relation"})
    del statement


def create_statistics(reading: Reading, node: Node, statement: Statement) -> None:
    """CREATE STATISTICS on what the session made itself, or on what hides nothing."""
    for item in node.get("relations", ()):
        found = _must_be_own(reading, item["RangeVar"], "CREATE STATISTICS") if "RangeVar" in item else None
        if "RangeVar" not in item or (found is not None and not reading.world.shield(found).open):
            raise of_kind("CREATE STATISTICS", "what it counts could be protected", _ASK)
    _check(reading, {"exprs": node.get("exprs", [])})
    del statement


def alter_table(reading: Reading, node: Node, statement: Statement) -> None:
    """ALTER TABLE of what the session made itself, and ALTER INDEX."""
    relation = node["relation"]
    if node.get("objtype") == "OBJECT_INDEX" and _index(reading, relation, "ALTER INDEX"):
        return
    if _absent(reading, node, relation):
        _check(reading, {"cmds": node.get("cmds", [])})
        return
    found = _must_be_own(reading, node["relation"], "ALTER TABLE")
    if found is not None and node.get("objtype") == "OBJECT_TYPE":
        altering.typed(node)
    elif found is not None:
        altering.judge(reading, found, node)
    _check(reading, {"cmds": node.get("cmds", [])})
    _check_joined(reading, node)
    _check_keys(reading, node)
    _forget_columns(reading, node["relation"])
    del statement


_JOINING = frozenset({"AT_AttachPartition", "AT_AddInherit", "AT_DetachPartition", "AT_DropInherit"})


def _check_joined(reading: Reading, node: Node) -> None:
    """A table that becomes a part of another is read through it: it must be the session's own, or hide nothing."""
    for command in (c["AlterTableCmd"] for c in node.get("cmds", ())):
        if command.get("subtype") not in _JOINING:
            continue
        for ref in survey({"def": command.get("def", {})}, _TABLE_PARTS).relations:
            found = reading.resolve(ref, located=False)
            if found is not None and not (reading.may_ddl and reading.world.shield(found).open):
                raise of_kind(f"ALTER TABLE with {found.qualified}", "it is not the session's own", _ASK)


def rename(reading: Reading, node: Node, statement: Statement) -> None:
    """ALTER ... RENAME of what the session made itself."""
    if "relation" not in node:
        raise of_kind("ALTER ... RENAME", "it is not the session's own", _ASK)
    if node.get("renameType") == "OBJECT_INDEX" and _index(reading, node["relation"], "ALTER INDEX"):
        return
    if _absent(reading, node, node["relation"]):
        return
    found = _must_be_own(reading, node["relation"], "ALTER ... RENAME")
    if found is not None:
        altering.renamed(reading, found, node)
    own = reading.own(_ref(node["relation"], Role.OTHER))
    if node.get("renameType") == "OBJECT_TABCONSTRAINT":
        return
    if own is not None and node.get("renameType") != "OBJECT_COLUMN":
        reading.transitions += [
            Drop(own.schema, own.name),
            Make(replace(own, name=node["newname"])),
        ]
    else:
        _forget_columns(reading, node["relation"])
    del statement


def _forget_columns(reading: Reading, relation: Node) -> None:
    own = reading.own(_ref(relation, Role.OTHER))
    if own is not None:
        reading.transitions += [
            Drop(own.schema, own.name),
            Make(replace(own, columns=None)),
        ]


_DROPPABLE = frozenset(
    {
        *("OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_SEQUENCE", "OBJECT_TYPE", "OBJECT_DOMAIN"),
        *("OBJECT_INDEX", "OBJECT_SCHEMA"),
    }
)


def drop(reading: Reading, node: Node, statement: Statement) -> None:
    """DROP: the server asks whose it is; what it says of dependents are definitions."""
    kind = node.get("removeType", "")
    if kind not in _DROPPABLE and not reading.may_ddl:
        name = kind.removeprefix("OBJECT_").replace("_", " ")
        raise of_kind(f"DROP {name}", "what it protects or computes may guard protected data", _ASK)
    lasting = False
    cascade = node.get("behavior") == "DROP_CASCADE"
    for item in node.get("objects", ()):
        words = _words(item)
        if not words:
            continue
        schema = words[-2] if len(words) > 1 else None
        if kind in ("OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_SEQUENCE"):
            found = reading.names.relation(schema, words[-1])
            if cascade and (found is None or found.own is None):
                altering.dropped(reading, kind, words[-1], found.relation if found is not None else None)
            if found is not None and found.own is not None:
                reading.transitions.append(Drop(found.own.schema, words[-1]))
                lasting |= not found.own.temporary
                continue
            if found is not None and found.relation is not None:
                if found.relation.partition:
                    # what is missing afterwards was in it
                    hiding.refuse_closed(reading.world.shield(found.relation))
                reading.transitions.append(Drop(found.relation.schema, words[-1]))
        elif cascade:
            altering.dropped(reading, kind, words[-1], None)
        lasting = True
    if lasting:
        reading.transitions.append(SchemaChanged())
    del statement


def _words(item: Any) -> list[str]:
    if "List" in item:
        return [i["String"]["sval"] for i in item["List"]["items"] if "String" in i]
    if "TypeName" in item:
        return [i["String"]["sval"] for i in item["TypeName"]["names"]]
    return [item["String"]["sval"]] if "String" in item else []


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
                f"CREATE TYPE ... AS RANGE with {option['defname']}", "what that function reads is not known", _ASK
            )
        if option["defname"] == "subtype":
            _check(reading, option["arg"])
    _made_type(reading, *_type_name(node["typeName"]))
    del statement


def grant(reading: Reading, node: Node, statement: Statement) -> None:
    """GRANT and REVOKE on tables, views and sequences that the session made itself."""
    why = "it changes what others may read in the database"
    for item in node.get("objects", ()) or [{}]:
        relation = item.get("RangeVar")
        if relation is None or node.get("targtype") != "ACL_TARGET_OBJECT":
            raise of_kind("GRANT or REVOKE", why, "Ask an approved owner to run it.")
        found = reading.resolve(_ref(relation, Role.OTHER), located=False)
        if found is not None:
            raise of_kind(f"GRANT or REVOKE on {found.qualified}", why, "Ask an approved owner to run it.")
    del statement


def reindex(reading: Reading, node: Node, statement: Statement) -> None:
    """REINDEX of what the session made itself."""
    kind, relation = node.get("kind"), node.get("relation")
    if relation is None or kind not in ("REINDEX_OBJECT_TABLE", "REINDEX_OBJECT_INDEX"):
        raise of_kind("REINDEX of a schema or database", "it reads other people's tables", _ASK)
    if kind == "REINDEX_OBJECT_INDEX" and _index(reading, relation, "REINDEX"):
        return
    found = reading.resolve(_ref(relation, Role.OTHER), located=False)
    if found is not None and not (reading.may_ddl and reading.world.shield(found).open):
        raise of_kind(f"REINDEX of {found.qualified}", "its time and its failing could tell of what is in it", _ASK)
    del statement


def truncate(reading: Reading, node: Node, statement: Statement) -> None:
    """TRUNCATE tells of no row; triggers on it may."""
    for item in node.get("relations", ()):
        relation = reading.resolve(_ref(item["RangeVar"], Role.OTHER), located=False)
        if relation is None:
            continue
        shield = reading.world.shield(relation)
        hiding.refuse_closed(shield)
        hazards = reading.world.clearance.hazards(relation, "truncate")
        for h in hazards.values():
            raise of_write(f"truncate of {relation.qualified}", h.why, h.hits)
    del statement


def vacuum(reading: Reading, node: Node, statement: Statement) -> None:
    """VACUUM and ANALYZE, without the figures that VERBOSE gives of protected relations."""
    options = {o["DefElem"]["defname"].lower() for o in node.get("options", ())}
    telling = not node.get("rels") and "verbose" in options
    for item in node.get("rels", ()):
        relation = item["VacuumRelation"].get("relation")
        if relation is None:
            continue
        found = reading.resolve(_ref(relation, Role.OTHER), located=False)
        telling |= found is not None and not reading.world.shield(found).open and "verbose" in options
    if telling:
        raise of_kind("VERBOSE", "it tells how large protected relations are", "Leave VERBOSE out.")
    del statement


def refresh(reading: Reading, node: Node, statement: Statement) -> None:
    """REFRESH MATERIALIZED VIEW of one that hides nothing."""
    relation = reading.resolve(_ref(node["relation"], Role.OTHER), located=False)
    if relation is not None and not reading.world.shield(relation).open:
        raise of_kind(f"REFRESH of {relation.qualified}", "its failing could tell of protected data")
    del statement


def comment(reading: Reading, node: Node, statement: Statement) -> None:
    """COMMENT ON what the session made itself; comments on others' objects may carry tags."""
    target = node.get("object", {})
    words = _words(target) if isinstance(target, dict) else []
    if words and node.get("objtype") == "OBJECT_COLUMN":
        words = words[:-1]
    found = reading.names.relation(words[-2] if len(words) > 1 else None, words[-1]) if words else None
    if not reading.may_ddl and (found is None or found.own is None):
        raise of_kind("COMMENT", "it is not the session's own", _ASK)
    del statement
