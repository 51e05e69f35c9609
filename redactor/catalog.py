"""What exists upstream: relations, columns, keys, views, functions, types, roles. Immutable, one per database.

Knows the facts as pg_catalog gives them and nothing of policies, requesters or tags. A `Catalog` never changes: DDL
makes another. Names are as stored (already case-folded), types as `format_type` prints them with their schema.
`(oid, attnum)` pairs are those that RowDescription carries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from operator import attrgetter

from redactor.model import RelationName

UNREAD = "<locked>"
"""Stands for an expression over a relation that was locked. In no statement is it right: nobody can read it."""


@dataclass(frozen=True, slots=True)
class Column:
    """A live column (dropped ones are left out). `number` is attnum; `default` and `generated` are expressions."""

    name: str
    number: int
    type: str
    type_oid: int
    not_null: bool = False
    default: str | None = None
    generated: str | None = None
    identity: bool = False
    collation: str | None = None
    comment: str | None = None
    inherited: bool = False


@dataclass(frozen=True, slots=True)
class Constraint:
    """kind: p(rimary) u(nique) c(heck) f(oreign key) x (exclusion). `columns` are names; a CHECK has those it reads.

    `foreign` is the oid of the referenced relation, `foreign_columns` its columns; `on_delete`, `on_update` are
    pg_constraint's letters: a no action, r restrict, c cascade, n set null, d set default.
    """

    name: str
    kind: str
    columns: tuple[str, ...]
    definition: str
    foreign: int | None = None
    foreign_columns: tuple[str, ...] = ()
    on_delete: str = ""
    on_update: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """`columns`: plain key and included columns; `expressions` and `predicate` as pg_get_expr prints them.

    `included`: the columns that INCLUDE names. `nulls_equal`: NULLS NOT DISTINCT.
    """

    name: str
    oid: int
    unique: bool
    columns: tuple[str, ...]
    expressions: str | None = None
    predicate: str | None = None
    constraint: bool = False
    included: tuple[str, ...] = ()
    nulls_equal: bool = False


@dataclass(frozen=True, slots=True)
class Trigger:
    """A user's trigger that is enabled. `events` of insert, update, delete, truncate; `columns` of UPDATE OF."""

    name: str
    function: int
    events: frozenset[str]
    timing: str
    row: bool
    columns: tuple[str, ...] = ()
    condition: str | None = None
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RowPolicy:
    """A row-level security policy. command: * r a w d. `roles` by name; empty: public."""

    name: str
    command: str
    permissive: bool
    using: str | None
    check: str | None
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RewriteRule:
    """A rule other than a view's own ON SELECT. event: select, update, insert, delete."""

    name: str
    event: str
    instead: bool
    definition: str


@dataclass(frozen=True, slots=True)
class Statistics:
    """An extended statistics object (CREATE STATISTICS). `columns`: the plain ones; `definition`: all of it."""

    name: str
    columns: tuple[str, ...]
    definition: str


@dataclass(frozen=True, slots=True)
class Relation:
    """kind: pg_class.relkind (r table, p partitioned, v view, m materialized view, f foreign, S sequence,
    c composite type). `reads` are the (relation oid, attnum; 0: no particular column) that pg_depend says its view
    query, its rules and its row policies refer to. PostgreSQL leaves (relation, 0) out where any column of the same
    relation is named, so `SELECT r.a, r FROM r` shows as `a` alone: `reads` finds every relation, but only the
    definition shows a whole row."""

    oid: int
    schema: str
    name: str
    kind: str
    owner: str
    columns: tuple[Column, ...] = ()
    definition: str | None = None
    parents: tuple[int, ...] = ()
    partition: bool = False
    partition_key: str | None = None
    partition_columns: tuple[str, ...] = ()
    row_security: bool = False
    force_row_security: bool = False
    policies: tuple[RowPolicy, ...] = ()
    rules: tuple[RewriteRule, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    indexes: tuple[Index, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    owned_by: tuple[int, int] | None = None
    comment: str | None = None
    security_invoker: bool = False
    security_barrier: bool = False
    reads: frozenset[tuple[int, int]] = frozenset()
    extension: str | None = None
    statistics: tuple[Statistics, ...] = ()
    toast: tuple[int, ...] = ()
    """The oids of its TOAST table and of that one's index: their figures are this relation's."""

    @property
    def qualified(self) -> RelationName:
        """The relation's name with its schema."""
        return RelationName(self.schema, self.name)

    def column(self, name: str) -> Column | None:
        """The column of that name, or None."""
        return next((c for c in self.columns if c.name == name), None)


@dataclass(frozen=True, slots=True)
class Function:
    """prokind: f function, p procedure, a aggregate, w window. `arguments` are input type oids; `body` is prosrc,
    or for BEGIN ATOMIC what pg_get_function_sqlbody prints, with `atomic`. `reads` as for relations (BEGIN ATOMIC
    only). `parts`: for an aggregate, the functions it is made of. `settings`: SET clauses, name to value.
    """

    oid: int
    schema: str
    name: str
    kind: str
    language: str
    arguments: tuple[int, ...]
    argument_names: tuple[str, ...]
    argument_modes: str
    signature: str
    returns: int
    returns_set: bool
    volatility: str
    body: str
    atomic: bool = False
    security_definer: bool = False
    settings: tuple[tuple[str, str], ...] = ()
    extension: str | None = None
    defaults: int = 0
    variadic: bool = False
    parts: tuple[int, ...] = ()
    reads: frozenset[tuple[int, int]] = frozenset()
    all_arguments: tuple[int, ...] = ()
    """Type oids of all arguments, OUT and TABLE ones too, in the order of names and modes."""
    default_expressions: str | None = None
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Operator:
    """A user's or an extension's operator. `left` is 0 for a prefix operator."""

    oid: int
    schema: str
    name: str
    left: int
    right: int
    function: int
    extension: str | None = None


@dataclass(frozen=True, slots=True)
class Cast:
    """A cast by a function of a user's or an extension's. context: e explicit, a assignment, i implicit."""

    source: int
    target: int
    function: int
    context: str
    extension: str | None = None


@dataclass(frozen=True, slots=True)
class Type:
    """kind: typtype (b base, c composite, d domain, e enum, m multirange, p pseudo, r range). `base`: a domain's
    base type, an array's element type, a range's subtype, a multirange's range; 0: none. `checks`: a domain's CHECK
    expressions, `default` its DEFAULT. `relation`: the oid of the relation whose rows it describes, 0: none.
    `functions`: those that are not PostgreSQL's own among its input, output, receive, send, typmod, canonical and
    subtype-difference functions."""

    oid: int
    schema: str
    name: str
    kind: str
    base: int = 0
    checks: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    relation: int = 0
    extension: str | None = None
    array: bool = False
    default: str | None = None
    functions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Role:
    """A database role. `member_of`: every role it is a member of, directly or not, by name. `settings`: what ALTER
    ROLE SET / ALTER DATABASE SET gives its sessions in this database (lower-case name to value)."""

    name: str
    superuser: bool = False
    replication: bool = False
    bypass_rls: bool = False
    can_login: bool = True
    member_of: frozenset[str] = frozenset()
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Catalog:
    """One database as it was at one moment. `version` is server_version_num (150018)."""

    database: str
    version: int
    encoding: str
    relations: Mapping[int, Relation]
    functions: Mapping[int, Function]
    operators: tuple[Operator, ...] = ()
    casts: tuple[Cast, ...] = ()
    types: Mapping[int, Type] = field(default_factory=dict)
    roles: Mapping[str, Role] = field(default_factory=dict)
    schemas: frozenset[str] = frozenset()
    builtin_functions: frozenset[str] = frozenset()
    """Names of all functions in pg_catalog; their safety is judged by the reviewed list, not by facts."""
    builtin_names: Mapping[int, str] = field(default_factory=dict)
    """PostgreSQL's own functions by oid: what a user's operator, cast or aggregate over one of them is made of."""
    extensions: Mapping[str, str] = field(default_factory=dict)
    """Installed extensions, name to version."""
    locked: frozenset[int] = frozenset()
    """Relations that others had locked for themselves: expressions over them are UNREAD, views over them None."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {r.qualified: r for r in self.relations.values() if r.kind != "c"})
        by_name: dict[str, list[Function]] = {}
        for f in self.functions.values():
            by_name.setdefault(f.name, []).append(f)
        object.__setattr__(self, "_functions", {k: tuple(v) for k, v in by_name.items()})
        types: dict[str, list[Type]] = {}
        for t in self.types.values():
            types.setdefault(t.name, []).append(t)
        object.__setattr__(self, "_types", {k: tuple(v) for k, v in types.items()})
        operators: dict[str, list[Operator]] = {}
        for o in self.operators:
            operators.setdefault(o.name, []).append(o)
        object.__setattr__(self, "_operators", {k: tuple(v) for k, v in operators.items()})
        object.__setattr__(self, "_digests", {})

    _by_name: Mapping[RelationName, Relation] = field(init=False, repr=False, compare=False)
    _functions: Mapping[str, tuple[Function, ...]] = field(init=False, repr=False, compare=False)

    _types: Mapping[str, tuple[Type, ...]] = field(init=False, repr=False, compare=False)
    _operators: Mapping[str, tuple[Operator, ...]] = field(init=False, repr=False, compare=False)
    _digests: dict[str, dict[object, bytes]] = field(init=False, repr=False, compare=False)
    """By field and key: the digests that have been asked for."""

    def inherit(self, known: Catalog) -> None:
        """Takes over the digests of what is the other catalog's very object."""
        for name, found in known._digests.items():
            mine, theirs = getattr(self, name), getattr(known, name)
            self._digests[name] = {k: d for k, d in found.items() if k in mine and mine[k] is theirs[k]}

    def types_named(self, name: str) -> tuple[Type, ...]:
        """All types of that name that the catalog knows, in any schema."""
        return self._types.get(name, ())

    def operators_named(self, name: str) -> tuple[Operator, ...]:
        """All operators of that name that are not PostgreSQL's own, in any schema."""
        return self._operators.get(name, ())

    def relation(self, name: RelationName) -> Relation | None:
        """The relation of that qualified name, or None."""
        return self._by_name.get(name)

    def functions_named(self, name: str) -> tuple[Function, ...]:
        """All functions of that name that are not PostgreSQL's own, in any schema."""
        return self._functions.get(name, ())

    def groups_of(self, login: str) -> frozenset[str]:
        """The roles that a login is a member of, directly or not; itself left out."""
        role = self.roles.get(login)
        return role.member_of if role else frozenset()


_COLUMN = attrgetter(*(f.name for f in fields(Column)))


def digest(catalog: Catalog) -> str:
    """SHA-256 (64 hexadecimal digits) of every fact: equal for equal catalogs, in any process and on any machine."""
    total = hashlib.sha256()
    for f in fields(catalog):
        if not f.init:
            continue
        value = getattr(catalog, f.name)
        if not isinstance(value, Mapping):
            total.update(_digest((f.name, value)))
            continue
        found = catalog._digests.setdefault(f.name, {})
        for key in sorted(value):
            known = found.get(key)
            if known is None:
                found[key] = known = _digest((f.name, key, value[key]))
            total.update(known)
    return total.hexdigest()


def _digest(value: object) -> bytes:
    return hashlib.sha256(repr(_plain(value)).encode("utf-8", "surrogatepass")).digest()


def _plain(value: object) -> object:
    """The value in tuples, lists, strings and numbers alone, sets in order: its repr is the same everywhere."""
    if isinstance(value, Column):
        return _COLUMN(value)
    if isinstance(value, tuple):
        return tuple(_plain(v) for v in value)
    if isinstance(value, frozenset):
        return sorted(value)
    if is_dataclass(value) and not isinstance(value, type):
        return tuple(_plain(getattr(value, f.name)) for f in fields(value))
    return value
