"""ALTER, RENAME, DROP, CREATE INDEX and STATISTICS by ordinary requesters: of what is their own, or where a role may.

Knows whose a relation is, and which tables the session has made. What may be done to a table that hides something is
for `altering` to say. Invariant: what is not the session's own is changed only by a role with may_ddl.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from redactor.catalog import Relation
from redactor.engine import altering, hiding
from redactor.engine.definitions import ASK, TABLE_PARTS, check, check_keys, ref_of
from redactor.engine.reading import Reading
from redactor.engine.refusal import of_kind
from redactor.sql.grammar import Node, Statement
from redactor.sql.survey import Role, survey
from redactor.transitions import Drop, Make, SchemaChanged

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


def index_of(reading: Reading, relation: Node, what: str) -> bool:
    """Whether a name is no relation's, and so an index's; raises where that is one of somebody else's table."""
    schema, name = relation.get("schemaname"), relation["relname"]
    if reading.names.relation(schema, name) is not None:
        return False
    for r in reading.world.catalog.relations.values():
        if r.schema == (schema or r.schema) and any(i.name == name for i in r.indexes) and not reading.may_ddl:
            raise of_kind(f"{what} of an index of {r.qualified}", "it is not the session's own", ASK)
    reading.transitions.append(SchemaChanged())
    return True


def must_be_own(reading: Reading, relation: Node, what: str) -> Relation | None:
    """The relation, where it is somebody else's; raises if such may not be changed."""
    found = reading.resolve(ref_of(relation, Role.OTHER), located=False)
    if found is not None and not reading.may_ddl:
        raise of_kind(f"{what} of {found.qualified}", "it is not the session's own", ASK)
    if found is not None:
        reading.transitions.append(SchemaChanged())
    return found


def create_index(reading: Reading, node: Node, statement: Statement) -> None:
    """CREATE INDEX on what the session made itself."""
    found = must_be_own(reading, node["relation"], "CREATE INDEX")
    if found is not None:
        altering.index(reading, found, node)
    check(reading, {k: v for k, v in node.items() if k != "relation"})
    del statement


def create_statistics(reading: Reading, node: Node, statement: Statement) -> None:
    """CREATE STATISTICS on what the session made itself, or on what hides nothing."""
    for item in node.get("relations", ()):
        found = must_be_own(reading, item["RangeVar"], "CREATE STATISTICS") if "RangeVar" in item else None
        if "RangeVar" not in item or (found is not None and not reading.world.shield(found).open):
            raise of_kind("CREATE STATISTICS", "what it counts could be protected", ASK)
    check(reading, {"exprs": node.get("exprs", [])})
    del statement


def alter_table(reading: Reading, node: Node, statement: Statement) -> None:
    """ALTER TABLE of what the session made itself, and ALTER INDEX."""
    relation = node["relation"]
    if node.get("objtype") == "OBJECT_INDEX" and index_of(reading, relation, "ALTER INDEX"):
        return
    if _absent(reading, node, relation):
        check(reading, {"cmds": node.get("cmds", [])})
        return
    found = must_be_own(reading, node["relation"], "ALTER TABLE")
    if found is not None and node.get("objtype") == "OBJECT_TYPE":
        altering.typed(node)
    elif found is not None:
        altering.judge(reading, found, node)
    check(reading, {"cmds": node.get("cmds", [])})
    _check_joined(reading, node)
    check_keys(reading, node)
    _forget_columns(reading, node["relation"])
    del statement


_JOINING = frozenset({"AT_AttachPartition", "AT_AddInherit", "AT_DetachPartition", "AT_DropInherit"})


def _check_joined(reading: Reading, node: Node) -> None:
    """A table that becomes a part of another is read through it: it must be the session's own, or hide nothing."""
    for command in (c["AlterTableCmd"] for c in node.get("cmds", ())):
        if command.get("subtype") not in _JOINING:
            continue
        for ref in survey({"def": command.get("def", {})}, TABLE_PARTS).relations:
            found = reading.resolve(ref, located=False)
            if found is not None and not (reading.may_ddl and reading.world.shield(found).open):
                raise of_kind(f"ALTER TABLE with {found.qualified}", "it is not the session's own", ASK)


def rename(reading: Reading, node: Node, statement: Statement) -> None:
    """ALTER ... RENAME of what the session made itself."""
    if "relation" not in node:
        raise of_kind("ALTER ... RENAME", "it is not the session's own", ASK)
    if node.get("renameType") == "OBJECT_INDEX" and index_of(reading, node["relation"], "ALTER INDEX"):
        return
    if _absent(reading, node, node["relation"]):
        return
    found = must_be_own(reading, node["relation"], "ALTER ... RENAME")
    if found is not None:
        altering.renamed(reading, found, node)
    own = reading.own(ref_of(node["relation"], Role.OTHER))
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
    own = reading.own(ref_of(relation, Role.OTHER))
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
        raise of_kind(f"DROP {name}", "what it protects or computes may guard protected data", ASK)
    lasting = False
    cascade = node.get("behavior") == "DROP_CASCADE"
    for item in node.get("objects", ()):
        words = words_of(item)
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


def words_of(item: Any) -> list[str]:
    if "List" in item:
        return [i["String"]["sval"] for i in item["List"]["items"] if "String" in i]
    if "TypeName" in item:
        return [i["String"]["sval"] for i in item["TypeName"]["names"]]
    return [item["String"]["sval"]] if "String" in item else []
