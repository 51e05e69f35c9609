"""All that decisions for one kind of requester look at: catalog, derivation, clearance, reviewed lists.

Knows how to ask them together; must not know statements. One `World` serves all requesters with the same roles; it
only ever adds to what it remembers, so it may be shared.
"""

from __future__ import annotations

from redactor.catalog import Catalog, Function, Relation, Type
from redactor.context import Context
from redactor.decision import Origin
from redactor.derivation import Derivation
from redactor.engine import hiding, opening
from redactor.engine.ordering import Place
from redactor.model import ColumnName, Grant, RelationName
from redactor.protection import Clearance, Cover, Shield, plain_type
from redactor.protection import Closed as ClosedRows
from redactor.sql.builtins import Builtins, Closed, Hidden, How, Open, Partial
from redactor.sql.names import Names
from redactor.sql.quote import identifier, literal
from redactor.sql.scopes import CLEAN, Columns, Output
from redactor.sql.survey import RelationRef

_SYSTEM = ("pg_catalog", "information_schema")
_BESIDES = frozenset({*_SYSTEM, "pg_toast"})

_PLACES = 4096

_STATISTICS = frozenset({2619, 2696, 2840, 2841, 3429, 3430, 3431, 3433, 2613, 2683})
"""pg_statistic, pg_statistic_ext_data and pg_largeobject with their TOAST tables and indexes; fixed for good in
PostgreSQL's catalog headers."""


class World:
    """One kind of requester's view of one snapshot. `grant`: the disclosure order under which is asked."""

    def __init__(
        self,
        catalog: Catalog,
        derivation: Derivation,
        clearance: Clearance,
        builtins: Builtins,
        grant: Grant | None = None,
    ) -> None:
        self.grant = grant
        self.opened = {} if grant is None else opening.shields(clearance, grant, catalog)
        self.catalog = catalog
        self.derivation = derivation
        self.clearance = clearance
        self.builtins = builtins
        self._system: dict[int, Shield] = {}
        self._outputs: dict[int, tuple[Output, ...]] = {}
        self._origins: dict[int, tuple[tuple[str, Origin], ...]] = {}
        self.written: dict[int, tuple[str, str]] = {}
        """What `hiding` has written out of whole relations, by their oids."""
        self._figures: tuple[int, ...] | None = None
        self._sequences: tuple[int, ...] | None = None
        self._namesakes: dict[str, list[str]] | None = None
        self._types: dict[int, tuple[ColumnName, ...]] = {}
        self._sized: dict[int, bool] = {}
        self._places: dict[tuple[int, str, bool], Place] = {}
        self._names: tuple[object, Names] | None = None
        self.announced: dict[str, tuple[str, tuple[ColumnName, ...]]] | None = None
        """What code announces that is hidden, by channel (engine/listening.py), once somebody has asked."""

    def names(self, context: Context) -> Names:
        """What names mean in a context; the last one asked for is kept, as most sessions share one."""
        key = (context.login, context.now)
        if self._names is None or self._names[0] != key:
            self._names = (key, Names(self.catalog, context))
        return self._names[1]

    def shield(self, relation: Relation) -> Shield:
        """What a relation hides, system relations and those of extensions included."""
        if relation.schema in _SYSTEM:
            known = self._system.get(relation.oid)
            if known is None:
                verdict = self.builtins.relation(relation.schema, relation.name)
                self._system[relation.oid] = known = self._judged(relation, verdict)
            return known
        if relation.extension is not None:
            verdict_here = self.builtins.relation_of_extension(relation.extension, relation.name)
            if verdict_here is not None:
                return self._judged(relation, verdict_here)
        return self.opened.get(relation.oid) or self.clearance.shield(relation)

    def outputs(self, relation: Relation) -> tuple[Output, ...]:
        """What lineage sees of a relation: hidden columns carry their own name, the others nothing."""
        known = self._outputs.get(relation.oid)
        if known is None:
            covers = {} if relation.schema in _SYSTEM else self.shield(relation).covers
            known = Columns(
                (c.name, frozenset((covers[c.name].column,)) if c.name in covers else CLEAN) for c in relation.columns
            )
            self._outputs[relation.oid] = known
        return known

    def origins(self, relation: Relation) -> tuple[tuple[str, Origin], ...]:
        """A relation's columns, each with where RowDescription says that it comes from."""
        known = self._origins.get(relation.oid)
        if known is None:
            oid = relation.oid
            self._origins[oid] = known = tuple([(c.name, (oid, c.number)) for c in relation.columns])
        return known

    def _judged(self, relation: Relation, verdict: Open | Closed | Partial) -> Shield:
        match verdict:
            case Open():
                return Shield(relation)
            case Closed(because):
                return Shield(relation, ClosedRows(because, ()))
            case Partial(hidden):
                covers: dict[str, Cover] = {}
                wheres: list[str] = []
                for h in hidden:
                    self._hide(relation, h, covers, wheres)
                return Shield(relation, None, covers, where=" AND ".join(wheres))

    def _hide(self, relation: Relation, hidden: Hidden, covers: dict[str, Cover], wheres: list[str]) -> None:
        concerned = self._concerned(relation, hidden)
        if concerned is None:
            return
        if not hidden.columns:
            wheres.append(f"({concerned}) IS NOT TRUE")
        for c in relation.columns:
            if c.name in hidden.columns:
                name = ColumnName(relation.schema, relation.name, c.name)
                before = covers.get(c.name)
                shown = before.expression if before is not None and before.expression else identifier(c.name)
                text = f"CASE WHEN {concerned} THEN NULL::{plain_type(c.type)} ELSE {shown} END"
                covers[c.name] = Cover(name, c.type, text, False, (), (name,), True)

    def _concerned(self, relation: Relation, hidden: Hidden) -> str | None:
        """The condition on a system relation's row that it concerns something protected; None: none can."""
        keys = [identifier(k) for k in hidden.keys if relation.column(k) is not None]
        match hidden.how:
            case How.ALWAYS:
                return "true"
            case How.SESSION:
                others = f"{keys[0]} IS DISTINCT FROM pg_catalog.pg_backend_pid()"
                if relation.column("query") is None:
                    return others
                # what PostgreSQL itself says of other roles' sessions stays
                return f"{others} AND query IS DISTINCT FROM '<insufficient privilege>'"
            case How.RELATION:
                oids = self.figures
                toast = str(relation.qualified) == "pg_catalog.pg_class"
                parts = (
                    [f"{keys[0]}::pg_catalog.oid = ANY ('{{{','.join(map(str, oids))}}}'::pg_catalog.oid[])"]
                    if oids
                    else []
                )
                if toast and oids:
                    parts.append("relname LIKE 'pg\\_toast\\_%'")
                return " OR ".join(parts) if parts else None
            case How.PREDICATE:
                oids = self.figures
                if not oids:
                    return None
                protected = f"{keys[0]}::pg_catalog.oid = ANY ('{{{','.join(map(str, oids))}}}'::pg_catalog.oid[])"
                return f"{protected} AND (mode = 'SIReadLock' OR page IS NOT NULL)"
            case How.NAME:
                names = [r.qualified for r in self._protected()]
                if not names:
                    return None
                pairs = ", ".join(f"({literal(n.schema)}, {literal(n.name)})" for n in sorted(names))
                return f"({keys[0]}::pg_catalog.text, {keys[1]}::pg_catalog.text) IN ({pairs})"

    def _protected(self) -> list[Relation]:
        """User relations that hide anything, sequences included."""
        return [
            r
            for r in self.catalog.relations.values()
            if r.schema not in _BESIDES and r.kind != "c" and not self.clearance.shield(r).open
        ]

    @property
    def figures(self) -> tuple[int, ...]:
        """Oids of what has sizes and counts that tell: protected relations, their indexes, TOAST tables, sequences."""
        if self._figures is None:
            oids: set[int] = set()
            for r in self._protected():
                oids.add(r.oid)
                oids.update(i.oid for i in r.indexes)
                oids.update(r.toast)
            for r in self.catalog.relations.values():
                # how large the statistics are is a statistic, and so is how large their indexes are
                if r.schema == "pg_catalog" and isinstance(self.builtins.relation(r.schema, r.name), Closed):
                    oids.update((r.oid, *(i.oid for i in r.indexes), *r.toast))
            self._figures = tuple(sorted(oids | _STATISTICS)) if oids else ()
        return self._figures

    @property
    def sequences(self) -> tuple[int, ...]:
        """Oids of sequences that count what is protected."""
        if self._sequences is None:
            self._sequences = tuple(
                sorted(
                    r.oid for r in self._protected() if r.kind == "S" and self.clearance.shield(r).closed is not None
                )
            )
        return self._sequences

    def sized(self, relation: Relation) -> bool:
        """Whether hidden values decide how much room a relation, or what a view reads, takes on disk."""
        known = self._sized.get(relation.oid)
        if known is None:
            # a view that reads itself through a function ends here
            self._sized[relation.oid] = False
            self._sized[relation.oid] = known = self._find_sized(relation)
        return known

    def place(self, ref: RelationRef, alias: str, relation: Relation, substituted: bool) -> Place:
        """A relation under an alias, as the order of a query's rows depends on it."""
        if "colnames" in ref.node.get("alias", ()):
            return hiding.place_of(ref, alias, self.shield(relation), substituted, self.sized(relation))
        key = (relation.oid, alias, substituted)
        known = self._places.get(key)
        if known is None:
            known = hiding.place_of(ref, alias, self.shield(relation), substituted, self.sized(relation))
            if len(self._places) >= _PLACES:
                # aliases are the requesters' to choose
                self._places.clear()
            self._places[key] = known
        return known

    def _find_sized(self, relation: Relation) -> bool:
        if relation.schema in _SYSTEM:
            return False
        shield = self.shield(relation)
        if relation.kind != "v" and (shield.ordered or shield.scattered or shield.closed is not None):
            return True
        below = [self.catalog.relations[o] for o, _ in relation.reads if o in self.catalog.relations]
        if relation.kind != "v":
            # reading a table reads what inherits from it
            below = list(self.derivation.children(relation))
        return any(self.sized(r) for r in below)

    def has_protected_namesake(self, name: RelationName) -> bool:
        """Whether a relation of the same name in another schema hides anything."""
        if self._namesakes is None:
            self._namesakes = {}
            for r in self._protected():
                self._namesakes.setdefault(r.name, []).append(r.schema)
        return any(s != name.schema for s in self._namesakes.get(name.name, ()))

    def prepare(self) -> None:
        """Finds out what goes through the whole catalog."""
        _ = self.figures, self.sequences, self.clearance.exempt
        self.has_protected_namesake(RelationName("", ""))

    def function(self, f: Function) -> tuple[ColumnName, ...]:
        """What a function reads that is hidden; empty: it may be called."""
        return self.clearance.function(f)

    def value(self, t: Type) -> tuple[ColumnName, ...]:
        """What making a value of a type, or casting one at hand, reads that is hidden."""
        return self.type(t) or self.clearance.hidden(self.derivation.conversions((t.oid,)))

    def type(self, t: Type) -> tuple[ColumnName, ...]:
        """What making a value of a type reads that is hidden."""
        known = self._types.get(t.oid)
        if known is None:
            self._types[t.oid] = known = self.clearance.hidden(self.derivation.type(t))
        return known
