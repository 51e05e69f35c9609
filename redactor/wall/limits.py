"""The most that a login may hold of a relation or function, so that the database by itself shows it nothing hidden.

Knows a judge's shields. Must not know what is granted. The rule: what the proxy would refuse in any case, or masks
without reading it, needs no privilege; everything else stays. So hidden columns lose SELECT, and UPDATE, since the
proxy lets nobody change what he may not see; of views also INSERT. A table's INSERT stays: a new row may have values
there, or NULL and DEFAULT written out, and no value comes out by it. Other privileges to write go only where the proxy
refuses every such write, because its outcome tells. TRIGGER goes because a trigger's function is handed whole rows,
REFERENCES because a foreign key asks whether a value is there. Where a function that runs as its caller writes to a
relation (a trigger that keeps a journal), the privileges to write stay: no value comes out by them.

Two treatments read what they hide, and their columns stay readable unless `strict`: masks that keep a part of the
value (a year, the last digits), and rows that are left out (`filter`).
"""

from __future__ import annotations

import re

from redactor.catalog import Catalog, Function, Relation
from redactor.derivation import ROWS
from redactor.engine import Engine
from redactor.model import Requester
from redactor.protection import Clearance, Shield
from redactor.wall.grants import Limit, meet

SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "xmax", "cmin", "cmax"})
"""What of a table without SELECT on the whole the proxy still hands on (ctid says where a row lies: it does not)."""

EVERYTHING = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN", "USAGE")
_NOTHING: frozenset[str] = frozenset()
_WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "USAGE"})
_WRITTEN = re.compile(r"""\b(?:into|update|delete\s+from)\s+(?:only\s+)?(?:"?\w+"?\s*\.\s*)?"?(\w+)""")
"""What a function's text writes to, and more (SELECT INTO a variable): too much here only keeps privileges to write."""
_EVENTS = {"insert": "INSERT", "update": "UPDATE", "delete": "DELETE"}
_FREE: Limit = {}


class Limits:
    """Limits under one judge. Logins with the same policy roles share theirs."""

    def __init__(self, engine: Engine, *, strict: bool = False) -> None:
        self.engine = engine
        self.strict = strict
        self._clearances: dict[str, Clearance] = {}
        self._known: dict[tuple[frozenset[str], int], Limit] = {}
        catalog = engine.catalog
        bodies = [f.body for f in catalog.functions.values() if not f.security_definer and f.extension is None]
        self._written = frozenset(w for body in bodies for w in _WRITTEN.findall(body.lower()))

    @property
    def catalog(self) -> Catalog:
        return self.engine.catalog

    def clearance(self, login: str) -> Clearance:
        """What a login may not see."""
        known = self._clearances.get(login)
        if known is None:
            catalog, policy = self.engine.catalog, self.engine.policy
            requester = Requester(login, catalog.database, catalog.groups_of(login))
            roles = self.engine.roles_of(requester)
            # the database cannot tell an application's end users apart: its login needs what any of them may see
            issuers = policy.speaks_for(login)
            roles |= {name for name, r in policy.roles.items() if any(t.issuer in issuers for t in r.tokens)}
            known = self.engine.world(roles).clearance
            self._clearances[login] = known
        return known

    def speaks(self, login: str) -> bool:
        """Whether an application asks by that login on behalf of people whom tokens name."""
        return bool(self.engine.policy.speaks_for(login))

    def approved(self, login: str) -> bool:
        """Whether nothing is hidden from a login."""
        return self.clearance(login).exempt

    def of(self, login: str, target: Relation | Function) -> Limit:
        """The limit on a login's privileges; empty: it may hold any."""
        clearance = self.clearance(login)
        key = (clearance.roles, target.oid)
        known = self._known.get(key)
        if known is None:
            if clearance.exempt:
                known = _FREE
            elif isinstance(target, Function):
                known = {"EXECUTE": _NOTHING} if clearance.function(target) else _FREE
            else:
                known = self._relation(clearance, target)
                if self.written_by_callers(target):
                    known = {p: c for p, c in known.items() if p not in _WRITES}
            self._known[key] = known
        return known

    def written_by_callers(self, relation: Relation) -> bool:
        """Whether a function with its caller's rights writes to the relation (or to the one that a sequence is of)."""
        owner = self.catalog.relations.get(relation.owned_by[0]) if relation.owned_by else None
        return (owner or relation).name.lower() in self._written

    def hidden(self, login: str, relation: Relation) -> tuple[str, ...]:
        """The columns whose values a login is not to get from the database itself, in order; all of a closed one."""
        allowed = self.of(login, relation).get("SELECT")
        return () if allowed is None else tuple(c.name for c in relation.columns if c.name not in allowed)

    def still_read(self, login: str, relation: Relation) -> tuple[str, ...]:
        """Hidden columns that the proxy's own statements read for that login: the wall cannot stand before them."""
        if self.strict or self.clearance(login).exempt:
            return ()
        shield = self.clearance(login).shield(relation)
        if shield.closed is not None:
            return tuple(c.name for c in relation.columns) if shield.closed.empty else ()
        return tuple(n for n, c in sorted(shield.covers.items()) if c.varies)

    def _relation(self, clearance: Clearance, relation: Relation) -> Limit:
        shield = clearance.shield(relation)
        if relation.kind == "S":
            return self._sequence(relation, shield, clearance)
        if shield.closed is not None:
            empty = shield.closed.empty and not self.strict
            return {p: _NOTHING for p in EVERYTHING if not (empty and p == "SELECT")}
        limit: dict[str, frozenset[str]] = {}
        names = frozenset(c.name for c in relation.columns)
        hidden = frozenset(n for n, c in shield.covers.items() if self.strict or not c.varies)
        if shield.covers:
            limit["UPDATE"] = names - shield.hidden
            if relation.kind not in "rp":
                limit["INSERT"] = limit["UPDATE"]
        if hidden:
            limit["SELECT"] = (names - hidden) | (SYSTEM_COLUMNS if relation.kind in "rpm" else _NOTHING)
            limit["REFERENCES"] = names - hidden
            limit["TRIGGER"] = _NOTHING
        return meet((limit, self._writes(clearance, relation)))

    def _writes(self, clearance: Clearance, relation: Relation) -> dict[str, frozenset[str]]:
        """Privileges for writes that the proxy refuses because their outcome tells."""
        limit: dict[str, frozenset[str]] = {}
        names = frozenset(c.name for c in relation.columns)
        below = [self.catalog.relations[oid] for oid, _ in relation.reads if oid in self.catalog.relations]
        for event, privilege in _EVENTS.items():
            hazards = clearance.hazards(relation, event)
            # a view is written through with its owner's privileges: nothing else would stop it
            through = relation.kind == "v" and any(ROWS in clearance.hazards(r, event) for r in below)
            if ROWS in hazards or through:
                limit[privilege] = _NOTHING
            elif event == "update" and hazards:
                limit[privilege] = names - frozenset(hazards)
        return limit

    def _sequence(self, relation: Relation, shield: Shield, clearance: Clearance) -> Limit:
        """USAGE on the sequence of a column stays where rows may still be written: their default asks for it."""
        if shield.closed is None:
            return _FREE
        owner = self.engine.catalog.relations.get(relation.owned_by[0]) if relation.owned_by else None
        if owner is not None and clearance.shield(owner).closed is None:
            return {"SELECT": _NOTHING, "UPDATE": _NOTHING}
        return {"SELECT": _NOTHING, "UPDATE": _NOTHING, "USAGE": _NOTHING}
