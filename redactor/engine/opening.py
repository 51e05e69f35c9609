"""Disclosure orders in the decision: what is open to a session that acts under one, and what such a session may send.

Knows a grant's openings and one statement; must not know the time, nor how many rows are left: both are asked for when
rows are about to leave. Invariants: an opened column shows its value in the rows that the order names and its mask in
all others; it may be put out as it is and do nothing else, so that neither a row that stays away nor an error tells
of a value that is not counted; one statement reads one opened relation, once, so that no row holds two people's data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from redactor.catalog import Catalog, Column, Relation
from redactor.engine import hiding
from redactor.engine.refusal import REFUSED, Refused
from redactor.model import ColumnName, Grant, Opening, Problem, RuleHit
from redactor.protection import Clearance, Cover, Shield
from redactor.sql.grammar import Node, Statement
from redactor.sql.labels import walk
from redactor.sql.quote import identifier, literal, qualified
from redactor.sql.survey import RelationRef, Role, Survey
from redactor.transitions import SetOrder

if TYPE_CHECKING:
    from redactor.engine.reading import Reading

SETTING = "redactor.disclosure_order"

_KINDS = frozenset(
    {
        *("SelectStmt", "VariableSetStmt", "VariableShowStmt", "TransactionStmt", "DiscardStmt", "DeallocateStmt"),
        *("ClosePortalStmt", "Empty"),
    }
)
"""What a session may send that acts under an order."""
_ENDING = _KINDS - {"SelectStmt"}
"""What it may send once the order counts no longer."""

_CLAUSES = frozenset(
    {"targetList", "fromClause", "whereClause", "sortClause", "limitCount", "limitOffset", "limitOption", "op"}
)

_INTEGERS = {"smallint": 1 << 15, "integer": 1 << 31, "bigint": 1 << 63}
_TEXTS = ("text", "character varying")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIMES = ("date", "timestamp without time zone", "timestamp with time zone")


def _hint() -> str:
    return "Put its columns out as they are, and choose rows by the key: SELECT ... FROM table WHERE key = ..."


# ------------------------------------------------------------------ the setting


def change(reading: Reading, value: str | None, local: bool) -> None:
    """SET redactor.disclosure_order: to an order that is in force for the login; RESET, and an empty text: to none."""
    if not value:
        reading.transitions.append(SetOrder(None, local))
        return
    context = reading.context
    grant = next((g for g in context.offered if g.id == value), None)
    if grant is None:
        # one text for what does not exist, is not approved, is over, or is another's
        why = f'no disclosure order of that number is in force for the login "{context.login}"'
        raise Refused(Problem(REFUSED, why, "", "redactor orders list shows which are."), (RuleHit("order", why),))
    if reading.speaks:
        why = "a login that asks on behalf of others does not act under a disclosure order"
        raise Refused(Problem(REFUSED, why, "", "An order names a person's own login."), (grant.hit,))
    found = problem(grant, reading.world.catalog)
    if found:
        why = f"the disclosure order does not fit the database: {found}"
        raise Refused(Problem(REFUSED, why, "", "The order has to be entered and approved anew."), (grant.hit,))
    reading.transitions.append(SetOrder(grant, local))


def problem(grant: Grant, catalog: Catalog) -> str:
    """Why the order's scope cannot be opened in a database; empty where it can."""
    for o in grant.openings:
        relation = catalog.relation(o.relation)
        if relation is None or relation.kind not in "rp" or relation.schema in ("pg_catalog", "information_schema"):
            return f"{o.relation} is no table there"
        columns = {c.name: c for c in relation.columns}
        for name in sorted((*o.columns, o.key, *((o.dated,) if o.dated else ()))):
            if name not in columns:
                return f"{o.relation} has no column {name}"
        fault = _key_fault(columns[o.key], o.keys)
        if fault:
            return f"{o.relation}.{o.key} {fault}"
        if o.dated and columns[o.dated].type.split("(")[0] not in _TIMES and _base(columns[o.dated]) not in _TIMES:
            return f"{o.relation}.{o.dated} holds no dates"
    return ""


def _base(column: Column) -> str:
    # timestamp(3) with time zone
    return re.sub(r"\(\d+\)", "", column.type)


def _key_fault(column: Column, keys: Iterable[str]) -> str:
    kind = _base(column)
    if kind in _INTEGERS:
        good = all(re.fullmatch(r"-?[0-9]{1,19}", k) and -_INTEGERS[kind] <= int(k) < _INTEGERS[kind] for k in keys)
    elif kind == "uuid":
        good = all(_UUID.fullmatch(k) for k in keys)
    elif kind in _TEXTS:
        good = all("\0" not in k for k in keys)
    else:
        return f"is of type {column.type}: a key is a number, a text or a uuid"
    return "" if good else f"is of type {column.type}, and not every id in the order is of it"


def idle(grant: Grant | None, statement: Statement) -> Refused | None:
    """Why a statement may not be sent under the order that the session acts under."""
    if grant is None:
        return None
    kind = statement.kind
    if kind == "SelectStmt" and "intoClause" in statement.node[kind]:
        kind = "SELECT INTO"
    if grant.void:
        if kind in _ENDING:
            return None
        why = f"the disclosure order {grant.id} no longer counts: {grant.void}"
        return Refused(Problem(REFUSED, why, "", f"RESET {SETTING} to go on without it."), (grant.hit,))
    if kind in _KINDS:
        return None
    why = f"a session that acts under a disclosure order only reads, by SELECT: {kind.removesuffix('Stmt')} is refused"
    return Refused(Problem(REFUSED, why, "", f"RESET {SETTING} first."), (grant.hit,))


# ------------------------------------------------------------------ what is open


def shields(clearance: Clearance, grant: Grant, catalog: Catalog) -> dict[int, Shield]:
    """The shields of the relations that an order opens, by their oids; of no others."""
    if grant.void or problem(grant, catalog):
        return {}
    found = {}
    for o in grant.openings:
        relation = catalog.relation(o.relation)
        shield = None if relation is None else clearance.shield(relation)
        if relation is None or shield is None or shield.open:
            continue
        found[relation.oid] = (
            _columns(clearance, shield, o, grant) if shield.closed is None else _rows(clearance, relation, o, grant)
        )
    return found


def _columns(clearance: Clearance, shield: Shield, opening: Opening, grant: Grant) -> Shield:
    """A relation with hidden columns: those of the order are seen in its rows."""
    inside = _inside(shield.relation, opening)
    covers = dict(shield.covers)
    for name in opening.columns & covers.keys():
        c = covers[name]
        mask = c.expression or f"NULL::{c.type}"
        text = f"CASE WHEN {inside} THEN {identifier(name)}::{c.type} ELSE {mask} END"
        covers[name] = replace(c, expression=text, refuses_shaping=True, hits=(_hit(grant, c.column),), varies=True)
    return replace(shield, covers=covers)


def _rows(clearance: Clearance, relation: Relation, opening: Opening, grant: Grant) -> Shield:
    """A relation whose very rows are hidden: the order's rows are seen, and in these its columns and the key."""
    inside = _inside(relation, opening)
    covers = {}
    for c in relation.columns:
        name = ColumnName(relation.schema, relation.name, c.name)
        kind = clearance.mask_type(c)
        # an expression everywhere: a bare column would be named in the row description, and asked about there
        seen = c.name in opening.columns or c.name == opening.key
        text = f"CASE WHEN {inside} THEN {identifier(c.name)}::{kind} END" if seen else f"NULL::{kind}"
        covers[c.name] = Cover(name, kind, text, c.name != opening.key, (_hit(grant, name),), (name,), True)
    order = ", ".join(
        f"{identifier(c.name)}::pg_catalog.text" for c in relation.columns if c.name in opening.columns | {opening.key}
    )
    # OFFSET 0: conditions of the statement are evaluated in the order's rows only
    return Shield(relation, None, covers, where=f"{inside} ORDER BY {order} OFFSET 0")


def _hit(grant: Grant, column: ColumnName) -> RuleHit:
    return replace(grant.hit, columns=(column,))


def _inside(relation: Relation, opening: Opening) -> str:
    """The condition on a row that the order names it."""
    columns = {c.name: c for c in relation.columns}
    key = columns[opening.key]
    listed = "{" + ",".join('"' + re.sub(r'(["\\])', r"\\\1", k) + '"' for k in sorted(opening.keys)) + "}"
    name = identifier(opening.key)
    kind = _base(key)
    if kind in _TEXTS:
        # by its bytes, whatever the column's collation takes for equal
        name, kind = f'{name}::pg_catalog.text COLLATE pg_catalog."C"', "pg_catalog.text"
    elif kind == "uuid":
        kind = "pg_catalog.uuid"
    test = f"({name}) OPERATOR(pg_catalog.=) ANY ({literal(listed)}::{kind}[])"
    if opening.dated:
        column, dated = identifier(opening.dated), _base(columns[opening.dated])
        for operator, bound in ((">=", opening.since), ("<", opening.until)):
            if bound:
                test += f" AND {column} OPERATOR(pg_catalog.{operator}) {_moment(bound, dated)}"
    return f"({test})"


def _moment(bound: str, kind: str) -> str:
    """A bound as a constant that no setting of the session gives another meaning."""
    at = datetime.fromisoformat(bound)
    if kind == "date":
        return f"DATE {literal(at.date().isoformat())}"
    plain = at.replace(tzinfo=None).isoformat(" ")
    if kind == "timestamp without time zone":
        return f"TIMESTAMP {literal(plain)}"
    offset = at.strftime("%z") or "+0000"
    return f"TIMESTAMP WITH TIME ZONE {literal(plain + offset[:3] + ':' + offset[3:5])}"


def rights(openings: Iterable[Opening], login: str) -> tuple[tuple[str, str], ...]:
    """GRANT and REVOKE of what the login needs to read there, where the second wall has taken it away."""
    made = []
    for o in openings:
        columns = ", ".join(identifier(c) for c in sorted({*o.columns, o.key, *filter(None, (o.dated,))}))
        name, whom = qualified(o.relation.schema, o.relation.name), identifier(login)
        made.append(
            (f"GRANT SELECT ({columns}) ON {name} TO {whom};", f"REVOKE SELECT ({columns}) ON {name} FROM {whom};")
        )
    return tuple(made)


# ------------------------------------------------------------------ what a statement may do with it


def check(reading: Reading, node: Node, found: Survey, hidden: list[tuple[RelationRef, Shield]]) -> None:
    """Refuses a statement that would do more with an opened relation than put its columns out, row by row."""
    grant = reading.world.grant
    if grant is None:
        return
    if any(r.role is not Role.READ for r in found.relations):
        raise _refused(grant, "only reads: what writes is refused")
    opened = [(ref, s) for ref, s in hidden if s.relation.oid in reading.world.opened]
    if not opened:
        return
    # also a reference that shows nothing hidden: it could be joined with the other
    names = [r for r in found.relations if _is_opened(reading, r)]
    if len(names) > 1:
        raise _refused(grant, "reads one opened table, once, in a statement")
    ref, shield = opened[0]
    select = node.get("SelectStmt", {})
    top = {id(n) for n in hiding.from_relations(select.get("fromClause", []))}
    if not set(select) <= _CLAUSES or id(ref.node) not in top or ref.sampled:
        raise _refused(grant, "reads an opened table in a plain SELECT, in its own FROM")
    if "colnames" in ref.node.get("alias", {}):
        raise _refused(grant, "does not rename the columns of an opened table")
    if shield.where and hiding.SYSTEM_COLUMNS & found.names - {c.name for c in shield.relation.columns}:
        raise _refused(grant, "reads no system columns of a table whose very rows are protected")
    covered = {n for n, c in shield.covers.items() if c.refuses_shaping or c.expression is None}
    plain = {id(t["ResTarget"]["val"].get("ColumnRef")) for t in select.get("targetList", ())}
    for kind, inner in walk(node):
        if kind == "ColumnRef" and _touches(inner, ref, covered, id(inner) in plain):
            raise _refused(grant, "puts opened columns out as they are, and does nothing else with them")
        if kind == "FuncCall" and "over" in inner:
            raise _refused(grant, "has no window functions")
    reading.grant = grant
    reading.hits.setdefault(grant.hit.rule, grant.hit)


def _is_opened(reading: Reading, ref: RelationRef) -> bool:
    relation = reading.resolve(ref)
    return relation is not None and relation.oid in reading.world.opened


def _touches(reference: Node, ref: RelationRef, covered: set[str], put_out: bool) -> bool:
    """Whether a name may stand for an opened column, or a row with one, other than as an output by itself."""
    fields = [f["String"]["sval"] for f in reference["fields"] if "String" in f]
    star = len(fields) != len(reference["fields"])
    if star:
        return not put_out and (not fields or fields[-1] == ref.alias)
    if fields[-1] == ref.alias:
        # a whole row, which may be handed to anything
        return True
    if fields[-1] not in covered and not (len(fields) > 1 and fields[-2] in covered):
        return False
    elsewhere = len(fields) > 1 and ref.alias not in fields[:-1]
    return not put_out and not elsewhere


def _refused(grant: Grant, what: str) -> Refused:
    message = f"a session that acts under a disclosure order {what}"
    return Refused(Problem(REFUSED, message, f"Order {grant.id}.", _hint()), (grant.hit,))


def alone(grant: Grant) -> Refused:
    """A text of several statements, one of which reads an opened relation."""
    return _refused(grant, "sends one statement at a time where it reads an opened table")
