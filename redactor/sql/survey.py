"""One walk over a statement's tree: which relations, functions, operators and types it names, and how.

Knows the shape of libpg_query's trees and nothing of any catalog. Invariant: every node of the tree is visited, and a
kind of node that is not on the list ends up in `unknown`, so that what is not understood can be refused. The names
gathered here are a superset of what the statement can refer to: a column is read only by its name, by a star, by a
whole row, by NATURAL JOIN or through a list of column aliases, and all five are recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from redactor.sql.grammar import Node


class Role(Enum):
    """What a statement does with a relation that it names."""

    READ = "read"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    MERGE = "merge"
    OTHER = "other"


@dataclass(frozen=True, slots=True, eq=False)
class RelationRef:
    """A relation named by a statement. `at` is the byte offset of its name; `sampled` by TABLESAMPLE."""

    node: Node
    catalog: str | None
    schema: str | None
    name: str
    role: Role
    at: int
    sampled: bool = False
    shown: str = ""

    @property
    def alias(self) -> str:
        """The name under which the statement's expressions know it. `shown`: one that it is given where its own is
        another's as well."""
        if self.shown:
            return self.shown
        alias = self.node.get("alias")
        return alias["aliasname"] if alias else self.name


class FunctionRef(NamedTuple):
    """A function called by name. `arguments` is their number; -1: any (a column-like call)."""

    schema: str | None
    name: str
    arguments: int
    node: Node
    at: int
    named: bool = False


class ColumnRefNode(NamedTuple):
    """A dotted name in an expression; `star` when it ends in one, which is then not among `fields`."""

    fields: tuple[str, ...]
    star: bool
    at: int


@dataclass(slots=True)
class Survey:
    """What one walk gathered."""

    relations: list[RelationRef] = field(default_factory=list)
    unnamed: dict[str, set[str | None]] = field(default_factory=dict)
    """The schemas of relations that stand without an alias, by the relation's name."""
    functions: list[FunctionRef] = field(default_factory=list)
    operators: set[tuple[str | None, str]] = field(default_factory=set)
    types: list[tuple[str | None, str]] = field(default_factory=list)
    columns: list[ColumnRefNode] = field(default_factory=list)
    qualified: list[ColumnRefNode] = field(default_factory=list)
    """Those of them that name a relation with its schema."""
    bare: set[str] = field(default_factory=set)
    """Names that stand alone, of columns or of whole rows."""
    dotted: dict[str, set[str]] = field(default_factory=dict)
    """The last words of names with dots, by the word before."""
    starred: set[str] = field(default_factory=set)
    """What stands before a star; empty: nothing does."""
    names: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    nested: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    natural: bool = False
    join_alias: bool = False
    into: Node | None = None
    groups: list[Node] = field(default_factory=list)
    selects: list[Node] = field(default_factory=list)
    """Every SELECT, VALUES and set operation, but for the arms of set operations."""
    arrays: list[Node] = field(default_factory=list)
    """Those of them that stand in ARRAY(...)."""
    sublinks: list[Node] = field(default_factory=list)
    """What has a query in an expression, each before those in it."""
    locks: bool = False
    collects: bool = False
    """Whether a subquery or an aggregate that is no function stands in an expression."""
    gathers: bool = False
    """Whether GROUPING SETS, or JSON made of many rows, stands anywhere."""
    untyped: bool = False
    """Whether XML, a part of a value, or an output that is a parameter and nothing else, stands anywhere."""


_MODIFYING = {"InsertStmt": Role.INSERT, "UpdateStmt": Role.UPDATE, "DeleteStmt": Role.DELETE, "MergeStmt": Role.MERGE}

_PLAIN = frozenset(
    {
        *("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"),
        *("RangeVar", "RangeSubselect", "RangeFunction", "RangeTableSample", "RangeTableFunc", "RangeTableFuncCol"),
        *("JoinExpr", "ResTarget", "ColumnRef", "A_Const", "A_Expr", "A_ArrayExpr", "A_Indirection", "A_Indices"),
        *("A_Star", "BoolExpr", "NullTest", "BooleanTest", "CaseExpr", "CaseWhen", "CoalesceExpr", "MinMaxExpr"),
        *("SubLink", "FuncCall", "NamedArgExpr", "TypeCast", "TypeName", "CollateClause", "ParamRef", "RowExpr"),
        *("SQLValueFunction", "XmlExpr", "XmlSerialize", "GroupingFunc", "GroupingSet", "WindowDef", "SortBy"),
        *("LockingClause", "WithClause", "CommonTableExpr", "CTESearchClause", "CTECycleClause"),
        *("OnConflictClause", "InferClause", "IndexElem", "MultiAssignRef", "SetToDefault", "CurrentOfExpr"),
        *("MergeWhenClause", "MergeSupportFunc", "ReturningClause", "ReturningOption"),
        *("List", "String", "Integer", "Float", "Boolean", "BitString", "Alias", "DefElem", "ColumnDef"),
        *("JsonFuncExpr", "JsonTable", "JsonTableColumn", "JsonTablePathSpec", "JsonObjectConstructor"),
        *("JsonArrayConstructor", "JsonArrayQueryConstructor", "JsonAggConstructor", "JsonObjectAgg", "JsonArrayAgg"),
        *("JsonKeyValue", "JsonValueExpr", "JsonOutput", "JsonFormat", "JsonReturning", "JsonBehavior"),
        *("JsonIsPredicate", "JsonParseExpr", "JsonScalarExpr", "JsonSerializeExpr", "JsonArgument"),
    }
)

# Grammar that became a keyword only in a later PostgreSQL: on an older server the same text calls a function that
# anyone may have defined. Node -> (first server version that has it, the function's name there)
LATER = {
    "JsonObjectConstructor": (160000, "json_object"),
    "JsonArrayConstructor": (160000, "json_array"),
    "JsonArrayQueryConstructor": (160000, "json_array"),
    "JsonObjectAgg": (160000, "json_objectagg"),
    "JsonArrayAgg": (160000, "json_arrayagg"),
    "JsonParseExpr": (170000, "json"),
    "JsonScalarExpr": (170000, "json_scalar"),
    "JsonSerializeExpr": (170000, "json_serialize"),
    "JsonFuncExpr": (170000, ""),
    "JsonTable": (170000, "json_table"),
    "MergeSupportFunc": (170000, "merge_action"),
}
# what is not merely gone through; the others hold nothing of their own
_NOTED = frozenset(LATER) | {
    *("String", "Integer", "Float", "A_Star", "SetToDefault", "ParamRef", "RangeVar", "SelectStmt", "InsertStmt"),
    *("UpdateStmt", "DeleteStmt", "MergeStmt", "RangeTableSample", "FuncCall", "TypeName", "A_Expr", "CaseExpr"),
    *("SubLink", "GroupingFunc", "SortBy", "A_Indirection", "JoinExpr", "ResTarget", "IndexElem", "LockingClause"),
    *("MultiAssignRef", "Alias", "GroupingSet", "XmlExpr", "XmlSerialize", "RangeTableFunc"),
}
# what is compared without an operator's name in the text
_BETWEEN = frozenset({"AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN", "AEXPR_BETWEEN_SYM", "AEXPR_NOT_BETWEEN_SYM"})
_EQUALS = ({"String": {"sval": "="}},)
_JSON_FUNCTIONS = {"JSON_EXISTS_OP": "json_exists", "JSON_VALUE_OP": "json_value", "JSON_QUERY_OP": "json_query"}

Scope = frozenset[str]
_Stack = list[tuple[Node, Scope]]
_NO_CTES: Scope = frozenset()


def survey(node: Node, also: frozenset[str] = frozenset()) -> Survey:
    """Walks a statement. `also` are node kinds that the caller understands besides those of queries."""
    found = Survey()
    known = _PLAIN | also if also else _PLAIN
    stack: _Stack = [(node, _NO_CTES)]
    while stack:
        item, ctes = stack.pop()
        for key, value in item.items():
            kind = type(value)
            if kind is dict:
                if key in known:
                    if key == "ColumnRef":
                        _column(value, found)
                    elif key in _NOTED:
                        inner = _enter(key, value, ctes, found, stack)
                        if inner is not None:
                            stack.append((value, inner))
                    elif key != "A_Const":
                        stack.append((value, ctes))
                elif key[0].isupper():
                    found.unknown.add(key)
                elif key != "withClause":
                    _bare(key, value, ctes, found, stack)
            elif kind is list:
                if key == "groupClause":
                    found.groups.append(item)
                _each(value, ctes, stack)
    return found


def _each(items: list[Any], ctes: Scope, stack: _Stack) -> None:
    for child in items:
        if type(child) is list:
            _each(child, ctes, stack)
        # constants name nothing; a long VALUES list is made of them
        elif type(child) is dict and "A_Const" not in child:
            stack.append((child, ctes))


def _bare(key: str, value: Node, ctes: Scope, found: Survey, stack: _Stack) -> None:
    """A struct that stands in a field without a wrapper naming its kind."""
    if "relpersistence" in value:
        _relation(value, ctes, Role.READ, found)
    elif "names" in value and "typemod" in value:
        _type(value, found)
        stack.append((value, ctes))
    elif "funcname" in value:
        _function(value, found)
        stack.append((value, ctes))
    elif "limitOption" in value or ("targetList" in value and ("op" in value or "valuesLists" in value)):
        stack.append((value, _with(value, ctes, stack)))
    else:
        if key == "alias":
            _alias(value, found)
        stack.append((value, ctes))


def _enter(kind: str, value: Node, ctes: Scope, found: Survey, stack: _Stack) -> Scope | None:
    """Notes what a wrapped node is; returns the CTEs visible to its children, or None when they need no visit."""
    # the commonest first
    match kind:
        case "String" | "Integer" | "Float" | "A_Star" | "SetToDefault" | "ParamRef":
            text = value.get("sval")
            if isinstance(text, str):
                found.names.add(text)
            return None
        case "ResTarget":
            if "name" in value:
                found.names.add(value["name"])
            if "ParamRef" in value.get("val", ()):
                found.untyped = True
        case "A_Expr":
            _operator(value.get("name", ()), found)
            if value.get("kind", "") in _BETWEEN:
                found.operators |= {(None, o) for o in ("<", "<=", ">", ">=")}
        case "RangeVar":
            _relation(value, ctes, Role.READ, found)
            return None
        case "SelectStmt":
            found.selects.append(value)
            if "intoClause" in value:
                found.into = value["intoClause"]
                value = {k: v for k, v in value.items() if k != "intoClause"}
                stack.append((value, _with(value, ctes, stack)))
                return None
            return _with(value, ctes, stack)
        case "FuncCall":
            _function(value, found)
        case "SortBy":
            _operator(value.get("useOp", ()), found)
        case "JoinExpr":
            found.natural |= bool(value.get("isNatural"))
            if value.get("isNatural") or "usingClause" in value:
                found.operators.add((None, "="))
            if "alias" in value:
                found.join_alias = True
        case "TypeName":
            _type(value, found)
        case "SubLink":
            found.collects = True
            found.sublinks.append(value)
            if value.get("subLinkType") == "ARRAY_SUBLINK" and "SelectStmt" in value["subselect"]:
                found.arrays.append(value["subselect"]["SelectStmt"])
            _operator(value.get("operName", ()) or _EQUALS, found)
        case "CaseExpr":
            if "arg" in value:
                found.operators.add((None, "="))
        case "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt":
            found.nested.add(kind)
            inner = _with(value, ctes, stack)
            _relation(value["relation"], _NO_CTES, _MODIFYING[kind], found)
            rest = {k: v for k, v in value.items() if k != "relation"}
            stack.append((rest, inner))
            return None
        case "RangeTableSample":
            inside = value.get("relation", {}).get("RangeVar")
            if inside is not None:
                _relation(inside, ctes, Role.READ, found, sampled=True)
            method = [n["String"]["sval"] for n in value.get("method", ())]
            found.functions.append(FunctionRef(None, method[-1], -1, value, value.get("location", 0)))
            stack.append(({k: v for k, v in value.items() if k not in ("relation", "method")}, ctes))
            return None
        case "GroupingFunc":
            found.collects = True
        case "JsonObjectAgg" | "JsonArrayAgg":
            found.collects = found.gathers = True
        case "JsonArrayQueryConstructor":
            found.gathers = True
            found.sublinks.append(value)
        case "GroupingSet":
            found.gathers = True
        case "XmlExpr" | "XmlSerialize" | "RangeTableFunc":
            found.untyped = True
        case "A_Indirection":
            found.untyped = True
            for part in value.get("indirection", ()):
                if "String" in part:
                    found.names.add(part["String"]["sval"])
                    found.attributes.add(part["String"]["sval"])
        case "IndexElem":
            if "name" in value:
                found.names.add(value["name"])
        case "LockingClause":
            found.locks = True
            return None
        case "MultiAssignRef":
            # the source stands once for each column that it gives; the first is enough
            if value.get("colno", 1) != 1:
                return None
        case "Alias":
            _alias(value, found)
        case _:
            pass
    if kind in LATER:
        name = LATER[kind][1] or _JSON_FUNCTIONS.get(value.get("op", ""), "json_exists")
        found.functions.append(FunctionRef(None, "\x00" + name, -1, value, value.get("location", 0)))
    return ctes


def _with(value: Node, ctes: Scope, stack: _Stack) -> Scope:
    """The CTEs that a statement's own parts see; its WITH queries are pushed with what each of them sees."""
    clause = value.get("withClause")
    if clause is None:
        return ctes
    queries = [c["CommonTableExpr"] for c in clause["ctes"]]
    every = ctes | {q["ctename"] for q in queries}
    seen = ctes
    for q in queries:
        stack.append(({"ctequery": q["ctequery"]}, every if clause.get("recursive") else seen))
        for extra in ("search_clause", "cycle_clause"):
            if extra in q:
                stack.append((q[extra], every))
        seen = seen | {q["ctename"]}
    return every


def _relation(value: Node, ctes: Scope, role: Role, found: Survey, sampled: bool = False) -> None:
    name = value.get("relname", "")
    schema = value.get("schemaname")
    alias = value.get("alias")
    if alias is not None:
        _alias(alias, found)
    if schema is None and role is Role.READ and name in ctes:
        return
    ref = RelationRef(value, value.get("catalogname"), schema, name, role, value.get("location", 0), sampled)
    found.relations.append(ref)
    if alias is None:
        found.unnamed.setdefault(name, set()).add(schema)


def _alias(value: Node, found: Survey) -> None:
    for c in value.get("colnames", ()):
        if "String" in c:
            found.names.add(c["String"]["sval"])


def _column(value: Node, found: Survey) -> None:
    parts = value["fields"]
    fields = tuple([f["String"]["sval"] for f in parts if "String" in f])
    star = len(fields) != len(parts)
    found.names.update(fields)
    if star:
        found.starred.add(fields[-1] if fields else "")
    elif len(fields) == 1:
        found.bare.add(fields[0])
    else:
        found.dotted.setdefault(fields[-2], set()).add(fields[-1])
        found.attributes.add(fields[-1])
    column = ColumnRefNode(fields, star, value.get("location", 0))
    found.columns.append(column)
    if len(fields) + star > 2:
        found.qualified.append(column)


def _names(parts: Any) -> tuple[str | None, str]:
    words = [p["String"]["sval"] for p in parts]
    return (words[-2] if len(words) > 1 else None), words[-1]


def _function(value: Node, found: Survey) -> None:
    schema, name = _names(value["funcname"])
    args = value.get("args", ())
    count = -1 if value.get("func_variadic") else len(args)
    if value.get("agg_within_group"):
        count = -1
    named = any("NamedArgExpr" in a for a in args)
    found.functions.append(FunctionRef(schema, name, count, value, value.get("location", 0), named))


def _operator(parts: Any, found: Survey) -> None:
    if parts:
        found.operators.add(_names(parts))


def _type(value: Node, found: Survey) -> None:
    found.types.append(_names(value["names"]))


def exposes(found: Survey, ref: RelationRef, columns: frozenset[str], hidden: frozenset[str]) -> bool:
    """Whether the statement could read any of the `hidden` columns of a relation that has `columns`.

    Errs on the side of yes: a column alias list, NATURAL JOIN, an unqualified star, a star or whole row of a join, a
    name that also stands for something else.
    """
    return not hidden.isdisjoint(found.names) or takes_row(found, ref, columns)


def takes_row(found: Survey, ref: RelationRef, columns: frozenset[str]) -> bool:
    """Whether the statement could take columns of a relation without their names standing in it."""
    if found.natural:
        return True
    alias = ref.node.get("alias")
    if alias is not None and "colnames" in alias:
        return True
    name = ref.alias
    joined = found.join_alias
    if "" in found.starred or name in found.starred or name in found.bare:
        return True
    if joined and (found.starred or not found.bare <= columns):
        return True
    # not a column of it: functional notation, which hands the whole row on
    if joined:
        return any(not last <= columns for last in found.dotted.values())
    last = found.dotted.get(name)
    return last is not None and not last <= columns
