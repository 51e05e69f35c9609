"""What a name means in a session: search_path, the session's own objects, the catalog.

Knows PostgreSQL's rules of name resolution (docs, 5.10.3 The Schema Search Path). Must not know what is protected.
A schema that the requester has no USAGE on is skipped by the server; which those are is not known here, so a name
that more than one schema of the path could give says so (`others`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from redactor.catalog import Catalog, Function, Operator, Relation, Type
from redactor.context import Context
from redactor.model import RelationName
from redactor.signature import Malformed, split_name
from redactor.transitions import Own


@dataclass(frozen=True, slots=True)
class Found:
    """What a relation's name means: a relation of the catalog, or the session's own. `others`: later in the path."""

    relation: Relation | None = None
    own: Own | None = None
    others: tuple[Relation, ...] = ()


class Names:
    """Resolution of names in one context."""

    def __init__(self, catalog: Catalog, context: Context) -> None:
        self._catalog = catalog
        self._now = context.now
        self._login = context.login
        schemas: list[str] = []
        for s in context.path:
            name = context.user if s == "$user" else s
            if name in catalog.schemas or name in ("pg_temp", "pg_catalog") or self._made(name):
                schemas.append(name)
        if "pg_catalog" not in schemas:
            schemas.insert(0, "pg_catalog")
        self._function_schemas = [s for s in schemas if s != "pg_temp"]
        if "pg_temp" not in schemas:
            schemas.insert(0, "pg_temp")
        self._schemas = schemas

    def _made(self, schema: str) -> bool:
        return any(o.schema == schema for o in self._now.owns)

    def relation(self, schema: str | None, name: str) -> Found | None:
        """What a relation's name means; None: nothing that is known."""
        found: Found | None = None
        others: list[Relation] = []
        for s in self._schemas if schema is None else (schema,):
            here = self._in(s, name)
            if here is None:
                continue
            if found is None:
                found = here
            elif here.relation is not None:
                others.append(here.relation)
        if found is None or not others:
            return found
        return Found(found.relation, found.own, tuple(others))

    def _in(self, schema: str, name: str) -> Found | None:
        if schema.startswith("pg_temp"):
            schema = "pg_temp"
        for own in self._now.owns:
            if own.schema == schema and own.name == name and own.kind in _RELATIONS:
                known = None if own.temporary else self._catalog.relation(RelationName(schema, name))
                if known is None or (known.owner == self._login and self._alone(known)):
                    return Found(own=own)
                # somebody else's by now, or a part of what is
                return Found(known)
        if schema == "pg_temp" or (schema, name) in self._now.dropped:
            return None
        relation = self._catalog.relation(RelationName(schema, name))
        if relation is None:
            return None
        made = self._numbering(relation)
        return Found(relation) if made is None else Found(own=made)

    def _alone(self, relation: Relation) -> bool:
        """Whether it is no part of a relation of somebody else's, whose rows others may have put there."""
        parents = [self._catalog.relations.get(p) for p in relation.parents]
        return all(p is None or _is_own(self._in(p.schema, p.name)) for p in parents)

    def _numbering(self, relation: Relation) -> Own | None:
        """A sequence that numbers the rows of a table which the session has made: as much its own as the table is."""
        table = (
            self._catalog.relations.get(relation.owned_by[0]) if relation.kind == "S" and relation.owned_by else None
        )
        found = self._in(table.schema, table.name) if table is not None else None
        if found is None or found.own is None:
            return None
        return Own(relation.schema, relation.name, "sequence", None, False, found.own.maker)

    def schema_of_new(self) -> str | None:
        """The schema in which an unqualified CREATE makes its object: the first of the path that exists."""
        return next((s for s in self._schemas if s not in ("pg_temp", "pg_catalog")), None)

    def functions(self, schema: str | None, name: str) -> tuple[Function, ...]:
        """Every function that is not PostgreSQL's own and that the name could mean."""
        found = self._catalog.functions_named(name)
        if not found:
            return found
        schemas = self._function_schemas if schema is None else (schema,)
        return tuple(f for f in found if f.schema in schemas)

    def builtin(self, schema: str | None, name: str) -> bool:
        """Whether the name can be a function of pg_catalog."""
        return schema in (None, "pg_catalog") and name in self._catalog.builtin_functions

    def operators(self, schema: str | None, name: str) -> tuple[Operator, ...]:
        """Every operator that is not PostgreSQL's own and that the name could mean."""
        found = self._catalog.operators_named(name)
        if not found:
            return found
        schemas = self._function_schemas if schema is None else (schema,)
        return tuple(o for o in found if o.schema in schemas)

    def types(self, schema: str | None, name: str) -> tuple[Type, ...]:
        """Every type of the catalog outside pg_catalog that the name could mean, arrays by their element's name."""
        found = self._catalog.types_named(name)
        if not found:
            return found
        schemas = self._schemas if schema is None else (schema,)
        return tuple(t for t in found if t.schema in schemas)


def _is_own(found: Found | None) -> bool:
    return found is not None and found.own is not None


_RELATIONS = frozenset({"table", "view", "materialized view", "sequence"})


def split_identifiers(value: str, separator: str) -> list[str]:
    """A list of identifiers in a string, as search_path and regclass read it: folded unless quoted."""
    out: list[str] = []
    i = 0
    while i < len(value):
        while i < len(value) and value[i].isspace():
            i += 1
        if i >= len(value):
            break
        if value[i] == '"':
            j = i + 1
            word = ""
            while j < len(value):
                if value[j] == '"':
                    if value[j + 1 : j + 2] == '"':
                        word += '"'
                        j += 2
                        continue
                    break
                word += value[j]
                j += 1
            i = j + 1
        else:
            j = i
            while j < len(value) and value[j] != separator and not value[j].isspace():
                j += 1
            word = value[i:j].lower()
            i = j
        out.append(word)
        while i < len(value) and value[i].isspace():
            i += 1
        if i < len(value) and value[i] == separator:
            i += 1
    return out


_NEXT = re.compile(r"nextval\('((?:[^']|'')+)'::regclass\)")


def sequences_in(default: str | None) -> list[tuple[str, str]]:
    """The sequences that a default takes numbers from: schema (empty where none is written) and name."""
    out = []
    for text in _NEXT.findall(default) if default is not None and "nextval" in default else ():
        try:
            parts = split_name(text.replace("''", "'"))
        except Malformed:
            continue
        if parts:
            out.append((parts[-2] if len(parts) > 1 else "", parts[-1]))
    return out
