"""What keeps tables in order and is no query: GRANT, REINDEX, TRUNCATE, VACUUM, REFRESH, COMMENT.

Knows shields. Invariant: nothing that fails, takes notice or counts by rows that are hidden passes for who may not see
them.
"""

from __future__ import annotations

from redactor.engine import hiding
from redactor.engine.changes import index_of, words_of
from redactor.engine.definitions import ASK, ref_of
from redactor.engine.reading import Reading
from redactor.engine.refusal import of_kind, of_write
from redactor.sql.grammar import Node, Statement
from redactor.sql.survey import Role


def grant(reading: Reading, node: Node, statement: Statement) -> None:
    """GRANT and REVOKE on tables, views and sequences that the session made itself."""
    why = "it changes what others may read in the database"
    for item in node.get("objects", ()) or [{}]:
        relation = item.get("RangeVar")
        if relation is None or node.get("targtype") != "ACL_TARGET_OBJECT":
            raise of_kind("GRANT or REVOKE", why, "Ask an approved owner to run it.")
        found = reading.resolve(ref_of(relation, Role.OTHER), located=False)
        if found is not None:
            raise of_kind(f"GRANT or REVOKE on {found.qualified}", why, "Ask an approved owner to run it.")
    del statement


def reindex(reading: Reading, node: Node, statement: Statement) -> None:
    """REINDEX of what the session made itself."""
    kind, relation = node.get("kind"), node.get("relation")
    if relation is None or kind not in ("REINDEX_OBJECT_TABLE", "REINDEX_OBJECT_INDEX"):
        raise of_kind("REINDEX of a schema or database", "it reads other people's tables", ASK)
    if kind == "REINDEX_OBJECT_INDEX" and index_of(reading, relation, "REINDEX"):
        return
    found = reading.resolve(ref_of(relation, Role.OTHER), located=False)
    if found is not None and not (reading.may_ddl and reading.world.shield(found).open):
        raise of_kind(f"REINDEX of {found.qualified}", "its time and its failing could tell of what is in it", ASK)
    del statement


def truncate(reading: Reading, node: Node, statement: Statement) -> None:
    """TRUNCATE tells of no row; triggers on it may."""
    for item in node.get("relations", ()):
        relation = reading.resolve(ref_of(item["RangeVar"], Role.OTHER), located=False)
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
        found = reading.resolve(ref_of(relation, Role.OTHER), located=False)
        telling |= found is not None and not reading.world.shield(found).open and "verbose" in options
    if telling:
        raise of_kind("VERBOSE", "it tells how large protected relations are", "Leave VERBOSE out.")
    del statement


def refresh(reading: Reading, node: Node, statement: Statement) -> None:
    """REFRESH MATERIALIZED VIEW of one that hides nothing."""
    relation = reading.resolve(ref_of(node["relation"], Role.OTHER), located=False)
    if relation is not None and not reading.world.shield(relation).open:
        raise of_kind(f"REFRESH of {relation.qualified}", "its failing could tell of protected data")
    del statement


def comment(reading: Reading, node: Node, statement: Statement) -> None:
    """COMMENT ON what the session made itself; comments on others' objects may carry tags."""
    target = node.get("object", {})
    words = words_of(target) if isinstance(target, dict) else []
    if words and node.get("objtype") == "OBJECT_COLUMN":
        words = words[:-1]
    found = reading.names.relation(words[-2] if len(words) > 1 else None, words[-1]) if words else None
    if not reading.may_ddl and (found is None or found.own is None):
        raise of_kind("COMMENT", "it is not the session's own", ASK)
    del statement
