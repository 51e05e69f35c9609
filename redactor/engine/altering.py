"""What may be done to a table that hides something, by who may alter tables but not see what it hides.

Knows shields and the trees of ALTER TABLE and CREATE INDEX. Invariants: what looks at rows names open columns alone,
since its failing would answer; nothing passes that lifts a protection (a hidden column renamed, a foreign key or a
default dropped by which a column is hidden): statements of the same transaction are judged before the catalog is read
again.
"""

from __future__ import annotations

from collections.abc import Iterable

from redactor.catalog import Relation
from redactor.engine import hiding
from redactor.engine.reading import Reading
from redactor.engine.refusal import Refused, because, of_kind, of_write
from redactor.engine.world import World
from redactor.model import Problem, RuleHit
from redactor.protection import Cover, Shield
from redactor.sql.grammar import Node
from redactor.sql.labels import walk

_ASK = "Have it done by an approved owner."

_IDLE = frozenset(
    {
        *("AT_SetRelOptions", "AT_ResetRelOptions", "AT_DropNotNull", "AT_SetStatistics", "AT_SetStorage"),
        *("AT_SetCompression", "AT_SetOptions", "AT_ResetOptions", "AT_ClusterOn", "AT_DropCluster", "AT_ChangeOwner"),
        *("AT_ReplicaIdentity", "AT_DisableTrig", "AT_DisableTrigAll", "AT_DisableTrigUser", "AT_DisableRule"),
        *("AT_EnableRowSecurity", "AT_DisableRowSecurity", "AT_ForceRowSecurity", "AT_NoForceRowSecurity"),
        *("AT_AddIdentity", "AT_SetIdentity", "AT_DropIdentity", "AT_AddOf", "AT_DropOf", "AT_DropOids"),
    }
)
"""Looks at no row, and lifts nothing."""
_COPIED = frozenset({"AT_SetTableSpace", "AT_SetAccessMethod", "AT_SetLogged", "AT_SetUnLogged"})
"""Rows are copied as they are: it cannot fail over a value, but takes as long as there are rows."""
_JOINED = frozenset({"AT_AttachPartition", "AT_DetachPartition", "AT_DetachPartitionFinalize", "AT_DropInherit"})
_FIRING = frozenset(
    {
        *("AT_EnableTrig", "AT_EnableTrigAll", "AT_EnableTrigUser", "AT_EnableAlwaysTrig", "AT_EnableReplicaTrig"),
        *("AT_EnableRule", "AT_EnableAlwaysRule", "AT_EnableReplicaRule"),
    }
)
_PLAIN = frozenset({"CONSTR_NULL", "CONSTR_ATTR_NOT_DEFERRABLE", "CONSTR_ATTR_IMMEDIATE"})


def judge(reading: Reading, relation: Relation, node: Node) -> None:
    """ALTER TABLE of somebody else's. Raises `Refused`."""
    shield = reading.world.shield(relation)
    commands: list[Node] = [c["AlterTableCmd"] for c in node.get("cmds", ())]
    for c in commands:
        if c.get("subtype") in _FIRING:
            # what is disabled is not in the catalog: what it does is known once it has been enabled
            raise of_kind(f"ENABLE of a trigger or rule of {relation.qualified}", "what it reads is not known", _ASK)
    if shield.open:
        return
    columns = [c["def"]["ColumnDef"]["colname"] for c in commands if c.get("subtype") == "AT_AddColumn"]
    judged = _Altering(reading, shield, frozenset(columns))
    for c in commands:
        judged.command(c)


def index(reading: Reading, relation: Relation, node: Node) -> None:
    """CREATE INDEX on somebody else's: it is made of every row, and fails where one does not fit."""
    shield = reading.world.shield(relation)
    if not shield.open:
        judged = _Altering(reading, shield, frozenset())
        judged.scanned("CREATE INDEX")
        for key in ("indexParams", "indexIncludingParams"):
            judged.elements(node.get(key, ()), "an index")
        judged.names({"where": node.get("whereClause", {})}, "an index")


def typed(node: Node) -> None:
    """ALTER TYPE of a composite type: CASCADE changes the columns of tables that are made of it."""
    for c in (c["AlterTableCmd"] for c in node.get("cmds", ())):
        if c.get("behavior") == "DROP_CASCADE":
            raise of_kind("ALTER TYPE ... CASCADE", "tables that are made of it may hide some", _ASK)


def renamed(reading: Reading, relation: Relation, node: Node) -> None:
    """RENAME: names are how the rest of a transaction is judged."""
    shield = reading.world.shield(relation)
    if node.get("renameType") == "OBJECT_ATTRIBUTE" and node.get("behavior") == "DROP_CASCADE":
        raise of_kind("ALTER TYPE ... CASCADE", "tables that are made of it may hide some", _ASK)
    if shield.open or node.get("renameType") == "OBJECT_TABCONSTRAINT":
        return
    if node.get("renameType") in ("OBJECT_COLUMN", "OBJECT_ATTRIBUTE"):
        cover = shield.covers.get(node.get("subname", ""))
        if cover is None and shield.closed is None:
            return
    why = "it hides something from you, and its names are what tells what"
    raise of_kind(f"ALTER ... RENAME of {relation.qualified}", why, _ASK)


def partitioned(reading: Reading, relation: Relation) -> None:
    """CREATE TABLE ... PARTITION OF, INHERITS: a default partition is searched for rows of the new one."""
    shield = reading.world.shield(relation)
    if shield.ordered or shield.closed is not None:
        hiding.refuse_closed(shield)
        raise of_kind(f"PARTITION OF {relation.qualified}", "which partition a row is in is what is protected", _ASK)


def dropped(reading: Reading, kind: str, name: str, found: Relation | None) -> None:
    """DROP ... CASCADE: a foreign key or a default goes with it, and a column would no longer derive from it."""
    world = reading.world
    relations = world.catalog.relations.values()
    match kind:
        case "OBJECT_TABLE":
            safe = found is None or not _hides(world, (found,))
        case "OBJECT_VIEW" | "OBJECT_MATVIEW" | "OBJECT_SEQUENCE" | "OBJECT_TYPE" | "OBJECT_DOMAIN":
            safe = True  # what derives from it goes with it, or keeps what it derives from besides
        case "OBJECT_INDEX":
            safe = not _hides(world, [r for r in relations if any(i.name == name for i in r.indexes)], gone=False)
        case "OBJECT_SCHEMA":
            functions = (f for f in world.catalog.functions.values() if f.schema == name)
            safe = not _hides(world, [r for r in relations if r.schema == name])
            safe = safe and not any(world.function(f) for f in functions)
        case "OBJECT_FUNCTION" | "OBJECT_PROCEDURE" | "OBJECT_ROUTINE":
            safe = not any(world.function(f) for f in world.catalog.functions_named(name))
        case _:
            safe = False
    if not safe:
        what = f"DROP {kind.removeprefix('OBJECT_').replace('_', ' ')} ... CASCADE"
        raise of_kind(what, "what goes with it may be what hides a column", _ASK)


def _hides(world: World, relations: Iterable[Relation], gone: bool = True) -> bool:
    """Whether columns of others are hidden since they refer to these. `gone`: these are dropped themselves."""
    found = list(relations)
    dropped = {r.oid for r in found} if gone else set()
    return any(
        cover.source != (cover.column,)
        for r in found
        for other in world.derivation.referrers(r)
        if other.oid not in dropped
        for cover in world.shield(other).covers.values()
    )


class _Altering:
    """One statement about one shielded relation. `fresh`: the columns that it adds."""

    def __init__(self, reading: Reading, shield: Shield, fresh: frozenset[str]) -> None:
        self.reading = reading
        self.shield = shield
        self.of = str(shield.relation.qualified)
        self.known = (fresh | {c.name for c in shield.relation.columns}) - shield.hidden

    def command(self, c: Node) -> None:
        """One part of ALTER TABLE."""
        kind, name = c.get("subtype", ""), c.get("name", "")
        if kind in _IDLE:
            return
        if kind in _COPIED:
            self.scanned("ALTER TABLE")
            return
        if kind in _JOINED:
            partitioned(self.reading, self.shield.relation)
            return
        match kind:
            case "AT_DropColumn" | "AT_DropConstraint":
                relation = self.shield.relation
                if c.get("behavior") == "DROP_CASCADE" and _hides(self.reading.world, (relation,), gone=False):
                    raise of_kind(f"CASCADE of {self.of}", "what goes with it may be what hides a column", _ASK)
                for key in relation.constraints:
                    if kind == "AT_DropConstraint" and key.kind == "f" and key.name == name:
                        for column in key.columns:
                            self.lifted(column, "the foreign key")
            case "AT_ColumnDefault":
                self.lifted(name, "the default")
            case "AT_DropExpression":
                self.lifted(name, "the expression")
            case "AT_SetExpression":
                self.lifted(name, "the expression")
                self.scanned("ALTER TABLE")
                self.names(c.get("def", {}), "an expression")
            case "AT_AddColumn":
                self.added(c["def"]["ColumnDef"])
            case "AT_AddConstraint":
                self.constraint(c["def"]["Constraint"])
            case "AT_SetNotNull":
                self.scanned("SET NOT NULL")
                self.column(name, "SET NOT NULL")
            case "AT_AlterColumnType":
                self.scanned("ALTER COLUMN ... TYPE")
                self.column(name, "ALTER COLUMN ... TYPE")
                self.names({"using": c["def"]["ColumnDef"].get("raw_default", {})}, "USING")
            case "AT_ValidateConstraint":
                self.validated(name)
            case _:
                raise of_kind(f"this ALTER TABLE of {self.of}", "the table hides something from you", _ASK)

    def scanned(self, what: str) -> None:
        """Every row is looked at, those included that may not be seen."""
        shield = self.shield
        hiding.refuse_closed(shield)
        if shield.where:
            raise of_kind(f"{what} of {self.of}", "it looks at rows that are hidden", _ASK)

    def column(self, name: str, what: str) -> None:
        """Refuses what would compare, convert or count a hidden column's values."""
        cover = self.shield.covers.get(name)
        if cover is not None:
            raise of_write(
                f"{what} with {cover.column}", "whether it succeeds is an answer about its values", cover.hits
            )

    def names(self, node: Node, what: str) -> None:
        """Judges an expression over a row: it may name open columns, and nothing else that could be a row's."""
        for kind, inner in walk(node):
            if kind != "ColumnRef":
                continue
            last = inner["fields"][-1].get("String", {}).get("sval")
            if last in self.known:
                continue
            if last in self.shield.covers:
                self.column(last, what)
            raise of_kind(f"{what} over whole rows of {self.of}", "it hides columns from you", _ASK)

    def elements(self, items: Iterable[Node], what: str) -> None:
        """The columns and expressions of an index or an exclusion constraint."""
        for item in items:
            element = item["IndexElem"]
            if "name" in element:
                self.plain(element["name"], what)
            else:
                self.names({"expr": element.get("expr", {})}, what)

    def plain(self, name: str, what: str) -> None:
        """A column of a key."""
        self.column(name, what)
        if name not in self.known:
            raise of_kind(f"{what} on {name}", "it is no column that may be seen", _ASK)

    def added(self, column: Node) -> None:
        """ADD COLUMN: where rows are hidden, only what no row can refuse."""
        constraints: list[Node] = [c["Constraint"] for c in column.get("constraints", ())]
        if constraints:
            # IF NOT EXISTS, of one that is there
            self.column(column["colname"], "ADD COLUMN")
        if self.shield.closed is not None or self.shield.where:
            typed = column["typeName"]["names"]
            plain = len(typed) > 1 and typed[0]["String"]["sval"] == "pg_catalog"
            plain = plain or typed[-1]["String"]["sval"] in _BUILTIN
            told = [c for c in constraints if c["contype"] not in _PLAIN and not _constant(c)]
            if told or not plain:
                raise of_kind(f"ADD COLUMN to {self.of}", "whether it succeeds could tell of hidden rows", _ASK)
        for c in constraints:
            if c["contype"] in ("CONSTR_GENERATED", "CONSTR_CHECK"):
                self.names({"expr": c.get("raw_expr", {})}, "an expression")

    def constraint(self, c: Node) -> None:
        """ADD CONSTRAINT: it is checked in every row."""
        self.scanned("ADD CONSTRAINT")
        for key in ("keys", "including", "fk_attrs"):
            for item in c.get(key, ()):
                self.plain(item["String"]["sval"], "a constraint")
        for item in c.get("exclusions", ()):
            self.elements(item["List"]["items"][:1], "a constraint")
        for key in ("raw_expr", "where_clause"):
            self.names({"expr": c.get(key, {})}, "a constraint")
        if "indexname" in c:
            found = next((i for i in self.shield.relation.indexes if i.name == c["indexname"]), None)
            if found is None or found.expressions or found.predicate:
                raise of_kind("ADD CONSTRAINT ... USING INDEX", "which columns it has is not known", _ASK)
            for name in found.columns:
                self.plain(name, "a constraint")

    def validated(self, name: str) -> None:
        """VALIDATE CONSTRAINT: as if it were made."""
        self.scanned("VALIDATE CONSTRAINT")
        found = next((c for c in self.shield.relation.constraints if c.name == name), None)
        if found is None:
            raise of_kind("VALIDATE CONSTRAINT", "which columns it has is not known", _ASK)
        for column in found.columns:
            self.plain(column, "a constraint")
        if found.kind == "c":
            clearance = self.reading.world.clearance
            why = clearance.hidden(self.reading.world.derivation.check(self.shield.relation, found))
            if why:
                raise of_write(f"constraint {name} of {self.of}", "it reads what is hidden", clearance.hits(why))

    def lifted(self, name: str, what: str) -> None:
        """Refuses to take away that by which a column is hidden, while its values stay."""
        cover = self.shield.covers.get(name)
        if cover is not None and cover.source != (cover.column,):
            raise _lifting(cover, what)


def _lifting(cover: Cover, what: str) -> Refused:
    hits: tuple[RuleHit, ...] = cover.hits
    rules = ", ".join(h.rule for h in hits)
    message = f"{cover.column} is protected by what it derives from: {what} may not be changed"
    return Refused(Problem("42501", message + (f" (rule {rules})" if rules else ""), because(hits), _ASK), hits)


def _constant(constraint: Node) -> bool:
    """Whether it is a DEFAULT that cannot fail in one row and not in another."""
    value = constraint.get("raw_expr", {})
    while "TypeCast" in value:
        value = value["TypeCast"]["arg"]
    return constraint["contype"] == "CONSTR_DEFAULT" and ("A_Const" in value or "SQLValueFunction" in value)


_BUILTIN = frozenset({"text", "date", "uuid", "json", "jsonb", "bytea", "name", "inet", "xml", "money", "timestamptz"})
