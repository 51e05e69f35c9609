"""Where the second wall does not stand: who can read what is hidden from him, and by which way.

Knows limits and holdings. Must not know how to close a hole beyond naming what would. Invariant: where this finds
nothing for a login, has_column_privilege says no for every hidden column of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from redactor.catalog import Function, Relation
from redactor.model import RelationName
from redactor.wall.grants import PUBLIC, Holdings, Object, clip, held, reach, requesters
from redactor.wall.limits import Limits

READS_ALL = "pg_read_all_data"
_SHOWS = frozenset({"SELECT", "TRIGGER", "EXECUTE"})
"""Privileges by which a value comes out; the others only ask questions."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A login's way to one object. `columns`: of a relation, those it can read there and should not.

    `through`: the role whose grant or ownership it is, `public` for PUBLIC. kind: `grant` (REVOKE closes it),
    `membership` (through a login that is approved, or that has more: only ending the membership closes it),
    `reads all` (pg_read_all_data), `owner`, `superuser`. `shows`: whether values come out by it.
    """

    login: str
    target: Object
    kind: str
    through: str
    privileges: tuple[str, ...]
    columns: tuple[str, ...] = ()
    shows: bool = True

    @property
    def path(self) -> str:
        """The way in words."""
        granted = ", ".join(self.privileges)
        member = f"member of {self.through}, which" if self.through not in (self.login, "public") else "itself"
        match self.kind:
            case "superuser":
                return "superuser"
            case "reads all":
                return f"member of {READS_ALL}"
            case "owner":
                return f"{member} owns it" if member != "itself" else "owns it"
            case _ if self.through == "public":
                return f"{granted} granted to PUBLIC"
            case _:
                return f"{member} is granted {granted}" if member != "itself" else f"granted {granted}"


def find(limits: Limits, holdings: Holdings) -> Iterator[Hole]:
    """Every hole in a database's wall, superusers' included, login by login."""
    catalog = limits.catalog
    functions = [f for f in catalog.functions.values() if f.oid in holdings.owners]
    system = ("pg_catalog", "information_schema")
    relations = [
        r for r in catalog.relations.values() if r.kind in "rpvmfS" and r.schema not in system and r.extension is None
    ]
    targets: list[Object] = [*sorted(relations, key=_qualified), *sorted(functions, key=_signature)]
    on = {t.oid: held(holdings.on(t.oid)) for t in targets}
    for login, role in sorted(catalog.roles.items()):
        if not role.can_login or limits.approved(login):
            continue
        roles = reach(catalog, login)
        for target in targets:
            limit = limits.of(login, target)
            if not limit:
                continue
            hidden = limits.hidden(login, target) if isinstance(target, Relation) else ()
            if role.superuser:
                yield Hole(login, target, "superuser", login, (), hidden)
                continue
            owner = holdings.owner(target)
            if owner in roles:
                yield Hole(login, target, "owner", owner, (), hidden)
            if READS_ALL in roles and hidden:
                yield Hole(login, target, "reads all", READS_ALL, ("SELECT",), hidden)
            for grantee in roles:
                atoms = on[target.oid].get(grantee, {})
                if not atoms or grantee == owner:
                    continue
                over = set(atoms) - set(clip(atoms, limit))
                if not over:
                    continue
                names = {a.column for a in over if a.privilege == "SELECT"}
                columns = (
                    hidden
                    if (names and "" in names) or any(a.privilege == "TRIGGER" for a in over)
                    else tuple(c for c in hidden if c in names)
                )
                other = catalog.roles.get(grantee)
                member = grantee not in (login, PUBLIC) and other is not None and other.can_login
                yield Hole(
                    login,
                    target,
                    "membership" if member else "grant",
                    grantee or "public",
                    tuple(sorted({a.privilege for a in over})),
                    columns,
                    any(a.privilege in _SHOWS for a in over),
                )


def _qualified(relation: Relation) -> RelationName:
    return relation.qualified


def _signature(function: Function) -> str:
    return function.signature


def logins(limits: Limits) -> tuple[str, ...]:
    """The logins that something is hidden from and that grants can bind."""
    return tuple(n for n in requesters(limits.catalog) if not limits.approved(n))
