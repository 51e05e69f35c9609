"""What a new row is compared with: the keys of a table by which an INSERT's failing would tell of hidden columns.

Knows one relation and which of its columns are hidden; must not know policies, requesters or statements. Invariant: a
key is left out only if no hidden column can decide whether a new row is taken. A key holds a row apart from all others
where one of its values is NULL, so that the row is compared with none (PostgreSQL docs, 5.5.3 Unique Constraints).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from redactor.catalog import Index, Relation
from redactor.errors import RedactorError
from redactor.sql import grammar
from redactor.sql.grammar import Node
from redactor.sql.labels import walk

# functions that give NULL for a NULL; what is not here may give anything
_STRICT = frozenset(
    {
        *("abs", "btrim", "date_part", "date_trunc", "extract", "initcap", "left", "length", "lower", "ltrim", "md5"),
        *("replace", "reverse", "right", "rtrim", "split_part", "substr", "substring", "translate", "upper"),
    }
)
_OPERATORS = frozenset({"=", "<>", "<", ">", "<=", ">=", "~", "~*", "~~", "~~*", "+", "-", "*", "/", "%", "||"})
_FRESH = ("nextval(", "gen_random_uuid(", "uuid_generate_v1(", "uuid_generate_v4(", "uuidv4(", "uuidv7(")


@dataclass(frozen=True, slots=True)
class Key:
    """A key in which hidden columns (`secret`) have a part. `apart`: those whose NULL keeps a row from comparison."""

    what: str
    secret: frozenset[str]
    apart: frozenset[str]


def keys(relation: Relation, hidden: frozenset[str]) -> Iterator[Key]:
    """The unique and exclusion keys of a relation that compare hidden columns."""
    seen = set()
    for i in relation.indexes:
        if i.unique or i.constraint:
            seen.add(i.name)
            key = _of_index(i, relation, hidden)
            if key is not None and not any(_comes_first(k, i, relation, hidden) for k in relation.indexes):
                yield key
    for c in relation.constraints:
        if c.kind in ("p", "u", "x") and c.name not in seen:
            secret = hidden.intersection(c.columns)
            if secret:
                equal = "NULLS NOT DISTINCT" in c.definition
                yield Key(f"constraint {c.name}", secret, frozenset() if equal else secret)


def filled(relation: Relation) -> frozenset[str]:
    """The columns in which something stands that may stand elsewhere too when a statement does not name them."""
    return frozenset(
        c.name
        for c in relation.columns
        # what is drawn from a sequence, and the like, meets none that is there
        if c.generated is not None or (c.default is not None and not c.default.startswith(_FRESH))
    )


def _of_index(index: Index, relation: Relation, hidden: frozenset[str]) -> Key | None:
    names = frozenset(c.name for c in relation.columns)
    plain = hidden.intersection(index.columns).difference(index.included)
    expressions, predicate = _parsed(index.expressions), _parsed(index.predicate)
    if expressions is None or predicate is None:
        inside = hidden
    else:
        inside = frozenset(n for e in (*expressions, *predicate) for n in _named(e, names)) & hidden
    secret = plain | inside
    if not secret:
        return None
    apart: set[str] = set()
    if not index.nulls_equal:
        apart |= plain
        apart |= {n for n in inside for e in expressions or () if _strict(e, n)}
    apart |= {n for n in inside for e in predicate or () if _strict(e, n)}
    return Key(f"{'constraint' if index.constraint else 'unique index'} {index.name}", secret, frozenset(apart))


def _comes_first(other: Index, index: Index, relation: Relation, hidden: frozenset[str]) -> bool:
    """Whether a row that collides in an index has by then collided in another one, which compares nothing hidden.

    Indexes are checked in the order of their OIDs, those of deferrable constraints perhaps later.
    """
    theirs, ours = (frozenset(i.columns) - frozenset(i.included) for i in (other, index))
    deferrable = other.constraint and not any(
        c.name == other.name and "DEFERRABLE" not in c.definition for c in relation.constraints
    )
    return (
        other.unique
        and index.unique
        and other.oid < index.oid
        and not (other.expressions or other.predicate or deferrable or index.nulls_equal)
        and bool(theirs)
        and theirs <= ours
        and not theirs & hidden
    )


def _parsed(text: str | None) -> tuple[Node, ...] | None:
    """The expressions of a list; None: they cannot be read."""
    if text is None:
        return ()
    try:
        (statement,) = grammar.parse(b"SELECT " + text.encode())
        return tuple(t["ResTarget"]["val"] for t in statement.node["SelectStmt"]["targetList"])
    except (RedactorError, ValueError, KeyError):
        return None


def _named(expression: Node, names: frozenset[str]) -> frozenset[str]:
    """The columns that an expression names; all, where it takes a whole row."""
    fields = [ref["fields"][-1] for kind, ref in walk({"expression": expression}) if kind == "ColumnRef"]
    found = frozenset(str(f.get("String", {}).get("sval")) for f in fields)
    return found if found <= names else names


def _strict(node: Node, name: str) -> bool:
    """Whether an expression is surely NULL, or as a condition not true, where that column is NULL."""
    kind, inner = next(iter(node.items()))
    match kind:
        case "ColumnRef":
            return bool(inner["fields"][-1].get("String", {}).get("sval") == name)
        case "TypeCast" | "CollateClause":
            return _strict(inner["arg"], name)
        case "FuncCall":
            called = inner["funcname"][-1]["String"]["sval"]
            return called in _STRICT and any(_strict(a, name) for a in inner.get("args", ()))
        case "A_Expr":
            if inner.get("kind") not in ("AEXPR_OP", "AEXPR_OP_ANY", "AEXPR_IN", "AEXPR_LIKE", "AEXPR_ILIKE"):
                return False
            if inner["name"][-1]["String"]["sval"] not in _OPERATORS:
                return False
            return "lexpr" in inner and _strict(inner["lexpr"], name)
        case "NullTest":
            return inner.get("nulltesttype") == "IS_NOT_NULL" and _strict(inner["arg"], name)
        case "BoolExpr":
            return inner.get("boolop") == "AND_EXPR" and any(_strict(a, name) for a in inner["args"])
        case _:
            return False
