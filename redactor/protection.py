"""What one kind of requester may not see of one database: a shield for every relation that hides something.

Knows a derivation, what people tagged, and a policy; must not know statements. A `Clearance` belongs to a set of
policy roles: all requesters with the same roles share it. Invariants: whatever derives from something hidden is
hidden; a stand-in for what cannot be read is hidden from everyone; the order in which shields are asked for does not
matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from redactor import insertion
from redactor.catalog import Column, Function, Relation
from redactor.derivation import ROWS, Derivation, rows_of
from redactor.model import ColumnName, RelationName, RuleHit
from redactor.policy import QUARANTINE, Policy, Ruling
from redactor.review import Review
from redactor.sql.masks import expression
from redactor.sql.quote import identifier, qualified
from redactor.sql.scopes import Taint, join
from redactor.tags import UNREVIEWED
from redactor.treatment import FilterRows, Mask, RefuseRead, Shaping, strictest, strictest_shaping

_NOTHING: frozenset[str] = frozenset()
_UNREVIEWED = frozenset((UNREVIEWED,))

NOT_REVIEWED = "nobody has reviewed it yet"
"""Why a relation is closed that is not in the catalog file."""
DERIVED = "derived"
"""The id under which a decision names what is hidden because it cannot be read, or because of what it derives from."""


@dataclass(frozen=True, slots=True)
class Cover:
    """How one column is hidden. `expression` stands in its place (None: reading it is refused); `source` names the
    tagged columns that it derives from; `refuses_shaping`: it may not decide which rows there are; `exact`: what stands
    in its place is of the very type of the column, domains included; `inserts`: a new row may have a value there."""

    column: ColumnName
    type: str
    expression: str | None
    refuses_shaping: bool
    hits: tuple[RuleHit, ...]
    source: tuple[ColumnName, ...]
    varies: bool = False
    exact: bool = True
    inserts: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    """Why a relation's very rows may not be read. `empty`: it is to look empty instead of being refused."""

    why: str
    hits: tuple[RuleHit, ...]
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Hazard:
    """Why a write would answer a question about hidden data."""

    why: str
    hits: tuple[RuleHit, ...]


@dataclass(frozen=True, slots=True)
class Shield:
    """What a relation hides. `covers` by column name; `ordered`: the order of its rows tells of what is hidden;
    `where`: of a system relation, the condition on rows that may be seen; `passable`: it is read in order, but
    conditions may be tested before that, by an index perhaps."""

    relation: Relation
    closed: Closed | None = None
    covers: Mapping[str, Cover] = field(default_factory=dict)
    ordered: bool = False
    where: str = ""
    passable: bool = False

    open: bool = field(init=False, compare=False)
    """Whether nothing of it is hidden."""
    hidden: frozenset[str] = field(init=False, compare=False)
    """The names of its hidden columns."""
    names: frozenset[str] = field(init=False, compare=False)
    """The names of all its columns; empty where it is open."""
    primary: tuple[str, ...] = field(init=False, compare=False)
    """The primary key, where no part of it is hidden."""
    scattered: bool = field(init=False, compare=False)
    """Whether where its rows lie, and so the order in which they are met, depends on hidden values' length."""

    def __post_init__(self) -> None:
        def put(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        relation, covers = self.relation, self.covers
        is_open = self.closed is None and not covers and not self.ordered and not self.where
        put("open", is_open)
        put("hidden", frozenset(covers) if covers else _NOTHING)
        put("names", _NOTHING if is_open else frozenset(c.name for c in relation.columns))
        found = next((c.columns for c in relation.constraints if c.kind == "p"), ())
        put("primary", () if any(c in covers for c in found) else found)
        # of system relations figures are hidden, which are kept in fixed places
        # NULL takes no room, so a column has one length only where there is none
        filled = {c.name for c in relation.columns if c.not_null}
        fixed = _is_system(relation.schema) or all(c.type in _FIXED and n in filled for n, c in covers.items())
        put("scattered", not fixed)

    def key(self) -> tuple[str, ...]:
        """Columns that put its rows in an order of their own: the primary key, or all that are not hidden."""
        return self.primary or tuple(c.name for c in self.relation.columns if c.name not in self.covers)


class Clearance:
    """What requesters with certain policy roles may not see."""

    def __init__(
        self, derivation: Derivation, review: Review, policy: Policy, roles: frozenset[str], mask_key: str = ""
    ) -> None:
        self._mask_key = mask_key
        self._derivation = derivation
        self._review = review
        self._policy = policy
        self.roles = roles
        self._rulings: dict[ColumnName, Ruling | None] = {}
        self._rulings_of: dict[frozenset[str], Ruling | None] = {}
        self._shields: dict[int, Shield] = {}
        self._exempt: bool | None = None
        self._hazards: dict[tuple[int, str], Mapping[str, Hazard]] = {}

    # -------------------------------------------------------------- what is hidden

    def ruling(self, column: ColumnName) -> Ruling | None:
        """How a column, a relation's rows or a stand-in is hidden by itself; None: it is not."""
        if column in self._rulings:
            return self._rulings[column]
        self._rulings[column] = found = self._rule(column)
        return found

    def _rule(self, column: ColumnName) -> Ruling | None:
        if column.schema == "":
            hit = RuleHit(DERIVED, f"{column.relation} {column.name} cannot be analysed")
            return Ruling(RefuseRead(), Shaping.REFUSE, (hit,))
        if _is_system(column.schema):
            return None
        name = column.of
        relation = self._derivation.catalog.relation(name)
        tags = self._relation_tags(relation, name)
        if column.name != ROWS:
            reviewed = self._review.relations.get(name)
            own = None if reviewed is None else reviewed.columns.get(column.name)
            if own is not None:
                tags |= own
            elif relation is None or not (self._derives(relation) or relation.partition or relation.extension):
                tags |= _UNREVIEWED
        if not tags:
            return None
        if tags not in self._rulings_of:
            self._rulings_of[tags] = self._policy.ruling(tags, self.roles)
        return self._rulings_of[tags]

    def _relation_tags(self, relation: Relation | None, name: RelationName) -> frozenset[str]:
        """A relation's tags. What derives from others, belongs to an extension or is a part needs no review."""
        reviewed = self._review.relations.get(name)
        if reviewed is not None:
            return reviewed.tags
        if relation is not None and (self._derives(relation) or relation.extension is not None):
            return frozenset()
        if relation is not None and relation.partition:
            parents = [self._derivation.catalog.relations.get(p) for p in relation.parents]
            return frozenset().union(*(self._relation_tags(p, p.qualified) for p in parents if p is not None))
        return _UNREVIEWED

    @staticmethod
    def _derives(relation: Relation) -> bool:
        return relation.kind in ("v", "m", "S")

    def hidden(self, taint: Iterable[ColumnName]) -> tuple[ColumnName, ...]:
        """Those of a taint that are hidden, in order."""
        if isinstance(taint, frozenset) and len(taint) == 1:
            [only] = taint
            return () if self.ruling(only) is None else (only,)
        return tuple(sorted(c for c in taint if self.ruling(c) is not None))

    def hits(self, columns: Iterable[ColumnName]) -> tuple[RuleHit, ...]:
        """The rules that hide those columns, each once."""
        found: dict[str, RuleHit] = {}
        for c in columns:
            ruling = self.ruling(c)
            if ruling is not None:
                for h in ruling.hits:
                    known = found.get(h.rule)
                    names = (*(known.columns if known else ()), *((c,) if c.schema else ()))
                    found[h.rule] = RuleHit(h.rule, h.because, tuple(dict.fromkeys(names)))
        return tuple(found[k] for k in sorted(found))

    @property
    def exempt(self) -> bool:
        """Whether nothing in the database is hidden."""
        if self._exempt is None:
            # approved for every tag that is in use and by every rule: then also for what nobody has tagged yet
            tags = self._review.tags() | {t for r in self._policy.rules for t in r.tags}
            self._exempt = bool(self.roles) and self._policy.ruling(tags - {UNREVIEWED}, self.roles) is None
        return self._exempt

    # -------------------------------------------------------------- relations

    def shield(self, relation: Relation) -> Shield:
        """What a relation hides."""
        known = self._shields.get(relation.oid)
        if known is None:
            self._shields[relation.oid] = known = self._shield(relation)
        return known

    def _shield(self, relation: Relation) -> Shield:
        if _is_system(relation.schema):
            return Shield(relation)
        if relation.kind == "S":
            return self._sequence(relation)
        closed = self._closed(relation)
        if closed is not None:
            return Shield(relation, closed)
        covers: dict[str, Cover] = {}
        taints = self._derivation.columns(relation)
        for column in relation.columns:
            cover = self._cover(relation, column, taints.get(column.name, frozenset()))
            if cover is not None:
                covers[column.name] = cover
        return Shield(relation, None, covers, bool(self.hidden(self._derivation.order(relation))))

    def _closed(self, relation: Relation) -> Closed | None:
        why = self.hidden(self._derivation.rows(relation))
        if not why:
            return None
        own = rows_of(relation.qualified)
        treatments = [r.treatment for c in why if (r := self.ruling(c)) is not None]
        empty = why == (own,) and isinstance(strictest(treatments), FilterRows)
        if own in why or any(c.name == ROWS and c.of in {f.qualified for f in self._family(relation)} for c in why):
            text = "its very rows are protected"
            if any(h.rule == QUARANTINE for h in self.hits(c for c in why if c == own)):
                text = NOT_REVIEWED
        else:
            text = f"which rows it has depends on {_listed(why)}"
        return Closed(text, self.hits(why), empty)

    def _family(self, relation: Relation) -> tuple[Relation, ...]:
        return self._derivation.family(relation)

    def _cover(self, relation: Relation, column: Column, taint: Taint) -> Cover | None:
        why = self.hidden(taint)
        if not why:
            return None
        rulings = [r for c in why if (r := self.ruling(c)) is not None]
        name = ColumnName(relation.schema, relation.name, column.name)
        treatment = strictest(r.treatment for r in rulings)
        shaping = strictest_shaping(r.when_shaping for r in rulings)
        type_name = self.mask_type(column)
        text: str | None
        varies = False
        match treatment:
            case RefuseRead() if why == (name,) or any(self._refused(c) for c in why):
                text = None
            case Mask() as mask if why == (name,):
                text = expression(mask, column.name, type_name, self._mask_key)
                varies = mask.depends_on_value
            case _:
                # what only derives from something hidden keeps nothing of it
                text = f"NULL::{type_name}"
        exact = type_name == plain_type(column.type)
        made = self._derivation.types_of((column.type_oid,)) | self._derivation.conversions((column.type_oid,))
        asks = bool(self.hidden(made))
        if asks and (exact or text != f"NULL::{type_name}"):
            # what stands beside it would be made a value of its type, which asks
            return Cover(name, "pg_catalog.text", "NULL::pg_catalog.text", True, self.hits(why), why)
        if not exact and not asks and text == f"NULL::{type_name}":
            # a field of no row is NULL and of the domain, whose CHECK and NOT NULL are not asked
            text, exact = f"(NULL::{qualified(*relation.qualified)}).{identifier(column.name)}", True
        inserts = all(r.inserts for r in rulings)
        return Cover(name, type_name, text, shaping is Shaping.REFUSE, self.hits(why), why, varies, exact, inserts)

    def _refused(self, column: ColumnName) -> bool:
        ruling = self.ruling(column)
        return ruling is not None and isinstance(ruling.treatment, RefuseRead)

    def mask_type(self, column: Column) -> str:
        """The type that stands in for a column's: a domain's base, whose NULL no CHECK or NOT NULL can refuse."""
        t = self._derivation.catalog.types.get(column.type_oid)
        while t is not None and t.kind == "d" and t.base:
            base = self._derivation.catalog.types.get(t.base)
            if base is None:
                return plain_type(BUILTIN_TYPES.get(t.base, column.type))
            t = base
            if t.kind != "d":
                return qualified(t.schema, t.name)
        return plain_type(column.type)

    def _sequence(self, relation: Relation) -> Shield:
        """A sequence counts the rows of the table that it belongs to, and of those that take their numbers from it."""
        for owner, column in self._derivation.numbered(relation):
            shield = self.shield(owner)
            if shield.closed is not None:
                return Shield(relation, Closed(f"it counts rows of {owner.qualified}", shield.closed.hits))
            cover = shield.covers.get(column.name)
            if cover is not None:
                return Shield(relation, Closed(f"{relation.qualified} belongs to {cover.column}", cover.hits))
        return Shield(relation)

    def forbidden(self) -> frozenset[tuple[int, int]]:
        """What no RowDescription may name: (relation oid, attnum), and (oid, 0) for whole rows."""
        found: set[tuple[int, int]] = set()
        for r in self._derivation.catalog.relations.values():
            if not _user(r):
                continue
            shield = self.shield(r)
            if shield.open:
                continue
            found.add((r.oid, 0))
            for c in r.columns:
                cover = shield.covers.get(c.name)
                if shield.closed is not None or (cover is not None and not cover.varies):
                    found.add((r.oid, c.number))
        return frozenset(found)

    # -------------------------------------------------------------- functions

    def function(self, f: Function) -> tuple[ColumnName, ...]:
        """What a function reads that is hidden; empty: it may be called."""
        return self.hidden(self._derivation.function(f))

    # -------------------------------------------------------------- writes

    def hazards(self, relation: Relation, event: str) -> Mapping[str, Hazard]:
        """What makes a write of that kind (insert, update, delete) tell: by column that it sets, `*` for any.

        Constraints that compare hidden with open columns, triggers that read hidden data, foreign keys from tables
        that are hidden.
        """
        key = (relation.oid, event)
        known = self._hazards.get(key)
        if known is None:
            self._hazards[key] = known = self._find_hazards(relation, event)
        return known

    def _find_hazards(self, relation: Relation, event: str) -> dict[str, Hazard]:
        found: dict[str, Hazard] = {}

        def add(column: str, why: str, columns: Iterable[ColumnName]) -> None:
            found.setdefault(column, Hazard(why, self.hits(columns)))

        relations = [relation, *self._below(relation)]
        for r in relations:
            for trigger in r.triggers:
                if event not in trigger.events:
                    continue
                for why in self._trigger(r, trigger.name):
                    for column in trigger.columns or (ROWS,):
                        add(column, f"trigger {trigger.name} of {r.qualified} reads {_listed(why)}", why)
            if event in ("insert", "update"):
                self._evaluated(r, event, add)
            if event == "insert":
                for column, hazard in self._compared(r):
                    found.setdefault(column, hazard)
            if event in ("update", "delete"):
                for column, hazard in self._referrers(r, event):
                    found.setdefault(column, hazard)
            for rule in r.rules:
                if rule.event == event:
                    add(ROWS, f"rule {rule.name} of {r.qualified} rewrites it", ())
        return found

    def _below(self, relation: Relation) -> list[Relation]:
        out: list[Relation] = []
        for child in self._derivation.children(relation):
            out += [child, *self._below(child)]
        return out

    def _trigger(self, relation: Relation, name: str) -> list[tuple[ColumnName, ...]]:
        trigger = next(t for t in relation.triggers if t.name == name)
        reads = self._derivation.trigger(relation, trigger)
        bad = self.hidden(reads.told)
        hidden = self.shield(relation)
        for taint, targets in reads.flows:
            secret = self.hidden(taint)
            if secret and hidden.closed is None and not targets <= hidden.hidden:
                bad += secret
        return [bad] if bad else []

    def _evaluated(self, relation: Relation, event: str, add: _Add) -> None:
        """What the server computes of the new row and compares it with."""
        columns = self._derivation.columns(relation)
        own = {ColumnName(relation.schema, relation.name, c.name) for c in relation.columns}
        compared: list[tuple[str, Taint]] = []
        for c in relation.constraints:
            if c.kind == "c":
                compared.append((f"constraint {c.name}", self._derivation.check(relation, c)))
            elif c.kind in ("p", "u", "x"):
                compared.append((f"constraint {c.name}", join(columns.get(n, frozenset()) for n in c.columns)))
        for index in relation.indexes:
            texts = [t for t in (index.expressions, index.predicate) if t is not None]
            taint = join(self._derivation.expression(t, relation) for t in texts)
            if index.unique or texts:
                plain = join(columns.get(n, frozenset()) for n in index.columns)
                compared.append((f"index {index.name}", taint | plain if index.unique else taint - own))
        for column in relation.columns:
            if column.generated is not None:
                compared.append(
                    (f"generated column {column.name}", self._derivation.expression(column.generated, relation))
                )
            made = self._derivation.catalog.types.get(column.type_oid)
            if made is not None:
                taint = self._derivation.type(made)
                if self.hidden(taint):
                    add(column.name, f"type {made.schema}.{made.name} reads {_listed(self.hidden(taint))}", taint)
        for what, taint in compared:
            secret = self.hidden(taint)
            if not secret:
                continue
            # what is read elsewhere decides every row; what is read in the row decides it when a part of it changes
            foreign = self.hidden(c for c in taint if c not in own and not self._of_family(relation, c))
            if foreign:
                add(ROWS, f"{what} reads {_listed(foreign)}", foreign)
            if event == "update":
                for n in (c.name for c in taint if c in own):
                    add(n, f"{what} compares it with {_listed(secret)}", secret)

    def _compared(self, relation: Relation) -> Iterator[tuple[str, Hazard]]:
        """What a new row is compared with: unasked (`*`), or where it is given a value in that column."""
        covers = self.shield(relation).covers
        filled = insertion.filled(relation)
        for key in insertion.keys(relation, frozenset(covers)):
            secret = [covers[n].column for n in sorted(key.secret)]
            if not key.apart - filled:
                yield ROWS, Hazard(f"{key.what} compares it with {_listed(secret)}", self.hits(secret))
                continue
            hazard = Hazard(f"{key.what} compares it with what other rows have there", self.hits(secret))
            yield from ((n, hazard) for n in sorted(key.secret))
        for c in relation.constraints:
            other = self._derivation.catalog.relations.get(c.foreign or 0) if c.kind == "f" else None
            if other is None:
                continue
            shield = self.shield(other)
            secret = [shield.covers[n].column for n in c.foreign_columns if n in shield.covers]
            if shield.closed is not None or secret:
                hits = shield.closed.hits if shield.closed is not None else self.hits(secret)
                hazard = Hazard(f"foreign key {c.name} would tell of rows of {other.qualified}", hits)
                yield from ((n, hazard) for n in ((ROWS,) if filled.issuperset(c.columns) else c.columns))
        for n in sorted(self._derivation.places(relation) & covers.keys()):
            hazard = Hazard(f"{covers[n].column} decides in which partition the row lies", covers[n].hits)
            yield n, hazard

    def _of_family(self, relation: Relation, column: ColumnName) -> bool:
        """Whether a column is only named because the same value is also read, or referred to, elsewhere."""
        if column.schema == "" or column.name == ROWS:
            return False
        taints = self._derivation.columns(relation)
        return any(column in t for t in taints.values())

    def _referrers(self, relation: Relation, event: str) -> Iterator[tuple[str, Hazard]]:
        for other in self._derivation.referrers(relation):
            for key in other.constraints:
                if key.kind != "f" or key.foreign != relation.oid:
                    continue
                action = key.on_delete if event == "delete" else key.on_update
                shield = self.shield(other)
                secret = tuple(ColumnName(other.schema, other.name, c) for c in key.columns if c in shield.covers)
                columns = (ROWS,) if event == "delete" else key.foreign_columns
                if (shield.closed is not None or secret) and action in ("a", "r", ""):
                    hits = shield.closed.hits if shield.closed is not None else self.hits(secret)
                    hazard = Hazard(f"foreign key {key.name} would tell of rows of {other.qualified}", hits)
                    yield from ((column, hazard) for column in columns)
                elif action in ("c", "n", "d"):
                    follow = "delete" if event == "delete" and action == "c" else "update"
                    inner = self.hazards(other, follow) if other.oid != relation.oid else {}
                    for name in (ROWS,) if follow == "delete" else (ROWS, *key.columns):
                        if name in inner:
                            hazard = Hazard(f"{inner[name].why} (through foreign key {key.name})", inner[name].hits)
                            yield from ((column, hazard) for column in columns)


_Add = Callable[[str, str, Iterable[ColumnName]], None]

# oid -> name of base types that a domain may stand on, as format_type prints them (pg_type.dat; fixed for good)
BUILTIN_TYPES: dict[int, str] = {
    16: "boolean", 17: "bytea", 18: '"char"', 19: "name", 20: "bigint", 21: "smallint", 23: "integer", 25: "text",
    26: "oid", 114: "json", 142: "xml", 600: "point", 601: "lseg", 602: "path", 603: "box", 604: "polygon",
    650: "cidr", 700: "real", 701: "double precision", 718: "circle", 790: "money", 829: "macaddr", 869: "inet",
    1042: "character", 1043: "character varying", 1082: "date", 1083: "time without time zone",
    1114: "timestamp without time zone", 1184: "timestamp with time zone", 1186: "interval",
    1266: "time with time zone", 1560: "bit", 1562: "bit varying", 1700: "numeric", 2950: "uuid", 3614: "tsvector",
    3615: "tsquery", 3802: "jsonb", 4072: "jsonpath", 1009: "text[]", 1007: "integer[]", 1016: "bigint[]",
    1015: "character varying[]", 3807: "jsonb[]", 3904: "int4range", 3906: "numrange", 3908: "tsrange",
    3910: "tstzrange", 3912: "daterange", 3926: "int8range",
}  # fmt: skip


_FIXED = frozenset(
    {
        *("boolean", "smallint", "integer", "bigint", "real", "double precision", "pg_catalog.date", "pg_catalog.uuid"),
        *("timestamp without time zone", "timestamp with time zone"),
    }
)
"""Types whose values are all of one length."""

_BARE_TYPE = re.compile(r"([a-z_][a-z0-9_]*)((\[\])*)\Z")
# types that the grammar itself knows; any other bare name is looked up, and a temporary table may have it
_GRAMMAR_TYPES = frozenset(
    {"integer", "bigint", "smallint", "boolean", "real", "numeric", "interval", "bit", "character"}
)


def plain_type(name: str) -> str:
    """A type as format_type prints it, so that no search_path and no temporary object changes what it means."""
    found = _BARE_TYPE.match(name)
    if found is None or found.group(1) in _GRAMMAR_TYPES:
        return name
    return f"pg_catalog.{name}"


def _user(relation: Relation) -> bool:
    return not _is_system(relation.schema)


def _is_system(schema: str) -> bool:
    return schema in ("pg_catalog", "information_schema", "pg_toast")


def _listed(columns: Iterable[ColumnName]) -> str:
    """Columns for a sentence."""
    words = []
    for c in columns:
        if c.schema == "":
            words.append(f"{c.relation} {c.name}")
        elif c.name == ROWS:
            words.append(f"rows of {c.of}")
        else:
            words.append(str(c))
    return ", ".join(words[:5]) + (" ..." if len(words) > 5 else "")
