"""What has to change in a database's grants for the second wall to stand, object by object.

Knows holdings and limits; must not know SQL. Invariants: no role is given what nobody gave it before, but for roles
that lose a grant which they had through PUBLIC or a group and may keep; a plan made of its own outcome is empty.
Owners and superusers are beyond grants: they are not in a plan, `holes` names them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from redactor.catalog import Catalog, Function, Relation
from redactor.wall.grants import (
    PUBLIC,
    WHOLE,
    Atom,
    Grant,
    Holdings,
    Object,
    clip,
    covered,
    held,
    meet,
    reach,
    reached_by,
    requesters,
)
from redactor.wall.limits import Limits


@dataclass(frozen=True, slots=True)
class Change:
    """One grantee's privileges of one kind on one object: from the grants as they are to what is to be held.

    `before`: all grants of that privilege to the grantee there. `after`: what it holds then, with whether it may be
    granted on; the owner grants it.
    """

    grantee: str
    privilege: str
    before: tuple[Grant, ...]
    after: Mapping[Atom, bool]

    @property
    def lost(self) -> tuple[str, ...]:
        """Columns that the grantee had and does not keep; the empty one stands for the whole relation."""
        had = {g.column for g in self.before}
        return tuple(sorted(c for c in had if Atom(self.privilege, c) not in self.after))


@dataclass(frozen=True, slots=True)
class Alteration:
    """All changes to one object. `hidden`: its columns that ordinary requesters may not read, for people to see."""

    target: Object
    owner: str
    changes: tuple[Change, ...]
    hidden: tuple[str, ...] = ()
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a person has to know before the wall is put up.

    kind: `works no longer`, `stays open`, `waiting for review`."""

    kind: str
    what: str


@dataclass(frozen=True, slots=True)
class Plan:
    """`alterations` in the order of the objects' names."""

    alterations: tuple[Alteration, ...]
    notes: tuple[Note, ...]

    def only(self, role: str) -> Plan:
        """The part that is about one role (`public`: PUBLIC). Grants that others need in exchange stay with it."""
        name = PUBLIC if role.lower() == "public" else role
        chosen = [a for a in self.alterations if any(c.grantee == name and c.lost for c in a.changes)]
        kept = []
        for a in chosen:
            mine = tuple(c for c in a.changes if c.grantee == name or not c.lost)
            kept.append(Alteration(a.target, a.owner, mine, a.hidden, a.closed))
        return Plan(tuple(kept), self.notes)


def make(limits: Limits, holdings: Holdings, groups: Iterable[str] = ()) -> Plan:
    """The plan for a database. `groups`: database roles by which the policy approves; grants go to them, not to each
    of their members, where all their members may have them and had them."""
    return _Planning(limits, holdings, frozenset(groups)).plan()


class _Planning:
    def __init__(self, limits: Limits, holdings: Holdings, groups: frozenset[str]) -> None:
        self.limits = limits
        self.holdings = holdings
        self.groups = groups
        self.catalog: Catalog = limits.catalog
        self.reached = reached_by(self.catalog)
        self.logins = requesters(self.catalog)
        owners = {r.owner for r in self.catalog.relations.values()} | set(holdings.owners.values())
        # roles nobody can log in as: nothing is taken from them, and their views go on working
        known = {o: r for o in owners if (r := self.catalog.roles.get(o)) is not None and not r.superuser}
        self.silent = tuple(sorted(o for o in known if not self.reached.get(o)))

    def plan(self) -> Plan:
        alterations = []
        for target in self.targets():
            found = self.alter(target)
            if found is not None:
                alterations.append(found)
        return Plan(tuple(alterations), tuple(self.notes(alterations)))

    def targets(self) -> list[Object]:
        system = ("pg_catalog", "information_schema")
        found: list[Object] = [
            r
            for r in self.catalog.relations.values()
            if r.kind in "rpvmfS" and r.schema not in system and r.extension is None
        ]
        found += [f for f in self.catalog.functions.values() if f.oid in self.holdings.owners]
        return sorted(found, key=lambda t: (isinstance(t, Function), t.schema, t.name, t.oid))

    # -------------------------------------------------------------- one object

    def alter(self, target: Object) -> Alteration | None:
        limited = {login: limit for login in self.logins if (limit := self.limits.of(login, target))}
        if not limited:
            return None
        owner = self.holdings.owner(target)
        grants = [g for g in self.holdings.on(target.oid) if g.grantee != owner]
        before = held(grants)
        after = {g: clip(atoms, self.limit(g, target)) for g, atoms in before.items()}
        self.give_back(target, owner, before, after)
        touched = self.touched(grants, before, after)
        if not touched:
            return None
        changes = []
        for grantee, privilege in sorted(touched):
            kept = {a: o for a, o in after.get(grantee, {}).items() if a.privilege == privilege}
            mine = tuple(g for g in grants if g.grantee == grantee and g.privilege == privilege)
            changes.append(Change(grantee, privilege, mine, kept))
        hidden: tuple[str, ...] = ()
        closed = False
        if isinstance(target, Relation):
            names = {c for login in limited for c in self.limits.hidden(login, target)}
            hidden = tuple(c.name for c in target.columns if c.name in names)
            closed = any(self.limits.clearance(login).shield(target).closed is not None for login in limited)
        return Alteration(target, owner, tuple(changes), hidden, closed)

    def limit(self, grantee: str, target: Object) -> Mapping[str, frozenset[str]]:
        """A login's own; of a group, what all who can use its grants may have. (Who can become a login is not
        helped by taking away what that login needs: that is a hole, and a membership to end.)"""
        role = self.catalog.roles.get(grantee)
        if grantee != PUBLIC and role is not None and role.can_login:
            return {} if role.superuser else self.limits.of(grantee, target)
        return meet(self.limits.of(login, target) for login in self.reached.get(grantee, ()))

    def give_back(
        self, target: Object, owner: str, before: Mapping[str, dict[Atom, bool]], after: dict[str, dict[Atom, bool]]
    ) -> None:
        """Grants by name what somebody had through another and may keep."""
        missing: dict[str, dict[Atom, bool]] = {}
        for role in (*self.logins, *self.silent):
            roles = reach(self.catalog, role)
            if owner in roles:
                continue
            had = {a: False for r in roles for a in before.get(r, ())}
            limit = self.limits.of(role, target) if role in self.logins else {}
            has = {a for r in roles for a in after.get(r, ())}
            lacks = {a: False for a in clip(had, limit) if not covered(a, has)}
            if lacks:
                missing[role] = lacks
        for group in sorted(self.groups):
            members = [m for m in self.reached.get(group, ()) if owner not in reach(self.catalog, m)]
            known = self.catalog.roles.get(group)
            if not members or known is None or known.can_login:
                continue
            common = set.intersection(*(set(missing.get(m, ())) for m in members))
            if common:
                after.setdefault(group, {}).update(dict.fromkeys(common, False))
                for m in members:
                    missing[m] = {a: o for a, o in missing[m].items() if a not in common}
        for role, atoms in missing.items():
            if atoms:
                after[role] = after.get(role, {}) | atoms

    @staticmethod
    def touched(
        grants: list[Grant], before: Mapping[str, Mapping[Atom, bool]], after: Mapping[str, Mapping[Atom, bool]]
    ) -> set[tuple[str, str]]:
        """The (grantee, privilege) that change, and those whose grants hang on one that does."""
        found = {
            (grantee, atom.privilege)
            for grantee in {*before, *after}
            for atom in {*before.get(grantee, {}), *after.get(grantee, {})}
            if (atom in before.get(grantee, {})) != (atom in after.get(grantee, {}))
        }
        while True:
            # a grant by somebody else than the owner goes with the grantor's own, and the other way round
            more = {
                (g.grantor, g.privilege) for g in grants if (g.grantee, g.privilege) in found and g.grantor in before
            }
            more |= {(g.grantee, g.privilege) for g in grants if (g.grantor, g.privilege) in found}
            if more <= found:
                return found
            found |= more

    # -------------------------------------------------------------- what people have to know

    def notes(self, alterations: list[Alteration]) -> Iterable[Note]:
        lost: dict[str, dict[int, set[str]]] = {}
        for a in alterations:
            for c in a.changes:
                if c.privilege == "SELECT" and c.lost:
                    lost.setdefault(c.grantee, {})[a.target.oid] = set(a.hidden)
                if c.privilege == "UPDATE" and c.lost and not c.after and isinstance(a.target, Relation):
                    who = c.grantee or "PUBLIC"
                    yield Note(
                        "works no longer",
                        f"SELECT ... FOR UPDATE or FOR SHARE of {a.target.qualified} by {who}: it takes UPDATE on a"
                        " column, and the proxy refuses every UPDATE that was granted there",
                    )
        yield from self._views(lost)
        yield from self._still_read()
        for login in self.logins:
            if self.limits.speaks(login):
                yield Note(
                    "stays open",
                    f"what any end user of {login} may see: the application asks for them all by that one login, and"
                    " only the proxy tells them apart",
                )
        if any(r.tokens for r in self.limits.engine.policy.roles.values()):
            yield Note(
                "works no longer",
                "what only a token of a person's own login approves: the database knows the login alone; approve"
                " those logins, or a database role that they are members of, in the policy",
            )

    def _views(self, lost: Mapping[str, Mapping[int, set[str]]]) -> Iterable[Note]:
        for view in sorted(self.catalog.relations.values(), key=lambda r: r.qualified):
            if view.kind not in "vm" or view.schema in ("pg_catalog", "information_schema"):
                continue
            names: dict[int, set[str]] = {}
            for oid, number in view.reads:
                base = self.catalog.relations.get(oid)
                if base is not None and oid != view.oid:
                    names.setdefault(oid, set()).update(c.name for c in base.columns if c.number == number)
            if view.security_invoker:
                needed = [
                    f"{base.qualified}.{n}"
                    for oid, read in names.items()
                    for base in (self.catalog.relations[oid],)
                    for n in sorted(read & {h for login in self.logins for h in self.limits.hidden(login, base)})
                ]
                if needed:
                    yield Note(
                        "works no longer",
                        f"view {view.qualified} (security_invoker) for ordinary requesters, even its open columns:"
                        f" it reads {', '.join(needed)}",
                    )
            elif any(read & lost.get(view.owner, {}).get(oid, set()) for oid, read in names.items()):
                yield Note(
                    "works no longer",
                    f"view {view.qualified} for anybody: it reads with the rights of its owner {view.owner}, who is"
                    " an ordinary requester; give it to another owner first",
                )

    def _still_read(self) -> Iterable[Note]:
        for relation in sorted(self.catalog.relations.values(), key=lambda r: r.qualified):
            if relation.kind not in "rpvmf" or relation.schema in ("pg_catalog", "information_schema"):
                continue
            names = sorted({n for login in self.logins for n in self.limits.still_read(login, relation)})
            if names:
                yield Note(
                    "stays open",
                    f"{relation.qualified} ({', '.join(names)}): the policy's treatment keeps a part of the value or"
                    " leaves rows out, and reads them for that; --strict takes them away, and what reads them then"
                    " fails",
                )


def whole(change: Change) -> bool:
    """Whether a change is about a grant on the whole object."""
    return any(g.column == WHOLE for g in change.before)
