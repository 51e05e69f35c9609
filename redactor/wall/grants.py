"""Privileges as the database holds them, and sets of them as arithmetic.

Knows PostgreSQL's privileges (PostgreSQL docs, 5.8 Privileges) and who can use whose; must not know policies. A
privilege on a relation is an atom, `(privilege, column)`: the column `""` is the whole relation, which covers every
column, system columns and those to come included. PUBLIC is the role `""`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from redactor.catalog import Catalog, Function, Relation
from redactor.sql.quote import identifier

PUBLIC = ""
WHOLE = ""
BY_COLUMN = frozenset({"SELECT", "INSERT", "UPDATE", "REFERENCES"})
"""Privileges that can be granted on columns."""


class Atom(NamedTuple):
    """A privilege on a relation or function (`column` empty) or on one column of a relation."""

    privilege: str
    column: str = WHOLE


Atoms: TypeAlias = Mapping[Atom, bool]
"""Atoms held, each with whether it may be granted on."""

Limit: TypeAlias = Mapping[str, frozenset[str]]
"""For privileges that are limited, the columns that they may be held on; what it does not name is not limited."""


class Grant(NamedTuple):
    """One entry of an access control list."""

    object: int
    grantor: str
    grantee: str
    privilege: str
    column: str = WHOLE
    grantable: bool = False

    @property
    def atom(self) -> Atom:
        return Atom(self.privilege, self.column)


Object: TypeAlias = Relation | Function


@dataclass(frozen=True)
class Holdings:
    """Every grant on a database's relations and SECURITY DEFINER functions, the owners' own left out.

    `owners`: of functions, by oid (a relation knows its own).
    """

    grants: tuple[Grant, ...]
    owners: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        by_object: dict[int, list[Grant]] = {}
        for g in self.grants:
            by_object.setdefault(g.object, []).append(g)
        object.__setattr__(self, "_by_object", {k: tuple(v) for k, v in by_object.items()})

    _by_object: Mapping[int, tuple[Grant, ...]] = field(init=False, repr=False, compare=False)

    def on(self, oid: int) -> tuple[Grant, ...]:
        """The grants on one relation or function."""
        return self._by_object.get(oid, ())

    def owner(self, of: Object) -> str:
        return of.owner if isinstance(of, Relation) else self.owners.get(of.oid, "")


def held(grants: Iterable[Grant]) -> dict[str, dict[Atom, bool]]:
    """What each grantee holds, whoever granted it."""
    found: dict[str, dict[Atom, bool]] = {}
    for g in grants:
        mine = found.setdefault(g.grantee, {})
        mine[g.atom] = mine.get(g.atom, False) or g.grantable
    return found


def clip(atoms: Atoms, limit: Limit) -> dict[Atom, bool]:
    """The part of some atoms that a limit leaves: of a whole relation, the columns that it names."""
    left: dict[Atom, bool] = {}
    for atom, grantable in atoms.items():
        columns = limit.get(atom.privilege)
        if columns is None:
            kept: Iterable[Atom] = (atom,)
        elif atom.column == WHOLE:
            kept = (Atom(atom.privilege, c) for c in columns)
        else:
            kept = (atom,) if atom.column in columns else ()
        for a in kept:
            left[a] = left.get(a, False) or grantable
    return left


def meet(limits: Iterable[Limit]) -> dict[str, frozenset[str]]:
    """What every one of the limits leaves."""
    found: dict[str, frozenset[str]] = {}
    for limit in limits:
        for privilege, columns in limit.items():
            found[privilege] = found[privilege] & columns if privilege in found else columns
    return found


def covered(atom: Atom, by: Iterable[Atom]) -> bool:
    """Whether an atom is among others, or is a column of a relation that is held as a whole."""
    known = set(by)
    return atom in known or Atom(atom.privilege) in known


def reach(catalog: Catalog, login: str) -> tuple[str, ...]:
    """The roles whose grants a login can use: itself, those that it is a member of, PUBLIC."""
    return (login, *sorted(catalog.groups_of(login)), PUBLIC)


def holders(catalog: Catalog, login: str, role: str) -> tuple[str, ...]:
    """Of a login and its groups those that are members of a role themselves: where a REVOKE has to be aimed at."""

    def members(of: str) -> frozenset[str]:
        known = catalog.roles.get(of)
        return known.member_of if known is not None else frozenset()

    chain = (login, *sorted(catalog.groups_of(login)))
    return tuple(r for r in chain if role in members(r) and not any(role in members(m) for m in members(r)))


def revoke(catalog: Catalog, logins: Iterable[str], role: str) -> str:
    """The command that ends a membership, whichever groups it goes through."""
    found = dict.fromkeys(h for login in logins for h in holders(catalog, login, role))
    return f"REVOKE {identifier(role)} FROM {', '.join(map(identifier, found))};"


def requesters(catalog: Catalog) -> tuple[str, ...]:
    """Logins whom a grant can be taken from: superusers need none."""
    return tuple(sorted(n for n, r in catalog.roles.items() if r.can_login and not r.superuser))


def reached_by(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """For each role, PUBLIC included, the requesters that can use what is granted to it."""
    found: dict[str, list[str]] = {}
    for login in requesters(catalog):
        for role in reach(catalog, login):
            found.setdefault(role, []).append(login)
    return {k: tuple(v) for k, v in found.items()}
