"""What a PL/pgSQL function tells of: the queries and expressions in its body, followed as far as they are static.

Knows libpg_query's PL/pgSQL trees. Must not know what is protected. Dynamic SQL, and whatever the parser does not
read, is opaque. A trigger may put what it read into columns of the row that it returns: that tells nobody anything
that those columns did not already hold back, so such an assignment is the one flow that is followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from redactor.catalog import Function, Relation, Trigger
from redactor.errors import RedactorError
from redactor.model import ColumnName
from redactor.sql import grammar
from redactor.sql.grammar import Node
from redactor.sql.quote import identifier
from redactor.sql.scopes import CLEAN, Output, Scope, Source, Taint


class Reader(Protocol):
    """Who knows what texts read (redactor.derivation)."""

    def columns(self, relation: Relation) -> Mapping[str, Taint]: ...

    def statement(self, node: Node) -> Taint: ...

    def select(self, node: Node, outer: Scope) -> Taint: ...

    def outputs(self, node: Node, outer: Scope) -> tuple[Output, ...]: ...


# what PL/pgSQL statements are understood, besides the expressions in them
_KNOWN = frozenset(
    {
        *("PLpgSQL_stmt_block", "PLpgSQL_stmt_assign", "PLpgSQL_stmt_if", "PLpgSQL_if_elsif", "PLpgSQL_stmt_case"),
        *("PLpgSQL_case_when", "PLpgSQL_stmt_loop", "PLpgSQL_stmt_while", "PLpgSQL_stmt_fori", "PLpgSQL_stmt_fors"),
        *("PLpgSQL_stmt_foreach_a", "PLpgSQL_stmt_exit", "PLpgSQL_stmt_return", "PLpgSQL_stmt_return_next"),
        *("PLpgSQL_stmt_return_query", "PLpgSQL_stmt_raise", "PLpgSQL_raise_option", "PLpgSQL_stmt_assert"),
        *("PLpgSQL_stmt_execsql", "PLpgSQL_stmt_perform", "PLpgSQL_stmt_getdiag", "PLpgSQL_diag_item"),
        *("PLpgSQL_expr", "PLpgSQL_row", "PLpgSQL_var", "PLpgSQL_rec", "PLpgSQL_recfield", "PLpgSQL_type"),
        *("PLpgSQL_function", "PLpgSQL_exception_block", "PLpgSQL_exception", "PLpgSQL_condition"),
        *("PLpgSQL_stmt_open", "PLpgSQL_stmt_fetch", "PLpgSQL_stmt_close", "PLpgSQL_stmt_forc"),
    }
)


def tree(f: Function) -> Node:
    """The parsed body. The types of arguments do not matter to the grammar; that they are declared does."""
    return _read(f.body, f.argument_names)


@lru_cache(maxsize=128)
def _read(body: str, argument_names: tuple[str, ...]) -> Node:
    # one function is the trigger of many tables, and is read for each
    names = [n for n in argument_names if n]
    arguments = ", ".join(f"{identifier(n)} text" for n in dict.fromkeys(names))
    tag = "redactor"
    while f"${tag}$" in body:
        tag += "x"
    heads = ["void", "text", "SETOF record"]
    if not arguments:
        heads.insert(0, "trigger")
    problem: RedactorError | None = None
    for returns in heads:
        text = f"CREATE FUNCTION f({arguments}) RETURNS {returns} LANGUAGE plpgsql AS ${tag}${body}${tag}$"
        try:
            (found,) = grammar.plpgsql(text.encode())
        except RedactorError as e:
            problem = e
        else:
            return found
    raise problem or RedactorError("a body that cannot be read")


def nodes(node: Any) -> Iterator[tuple[str, Node]]:
    """Every node in the order of the text. A node that the parser left empty is one that it does not read."""
    if type(node) is list:
        for item in node:
            if item == {}:
                yield "", {}
            yield from nodes(item)
    elif type(node) is dict:
        for key, inner in node.items():
            if key.startswith("PLpgSQL_"):
                yield key, inner
            if type(inner) in (dict, list):
                yield from nodes(inner)


def parsed(expression: Node) -> Node:
    """An embedded query or expression as a statement."""
    return _statement(_text(expression))


@lru_cache(maxsize=512)
def _statement(text: str) -> Node:
    (statement,) = grammar.parse(text.encode())
    return statement.node


def _text(expression: Node) -> str:
    """An embedded query or expression as a statement's text."""
    text: str = expression["query"]
    if expression.get("parseMode", 0) >= 3:
        # an assignment: the target, then := or =, then an expression
        for mark in (":=", "="):
            _target, found, value = text.partition(mark)
            if found:
                text = value
                break
    return text if expression.get("parseMode", 0) == 0 else "SELECT " + text


def reads(f: Function, derivation: Reader) -> Taint:
    """What an ordinary function reads, by whatever it does with it."""
    taint: Taint = CLEAN
    function = tree(f).get("PLpgSQL_function", {})
    variables = [d for d in function.get("datums", ()) if "PLpgSQL_var" in d]
    for kind, node in nodes([*variables, function.get("action", {})]):
        if kind not in _KNOWN or "dynquery" in node:
            return derivation_opaque(f)
        if kind == "PLpgSQL_expr" and "query" in node:
            taint |= derivation.statement(parsed(node))
    return taint


def block(body: str) -> list[str] | None:
    """The queries and expressions of a DO block, each as a statement's text; None: not all that it does is in them."""
    return _texts(body, "", "void")


def texts(f: Function) -> list[str] | None:
    """The same of a function's body. Cursors may be others', and diagnostics tell of the caller."""
    if "cursor" in f.body.lower() or "diagnostics" in f.body.lower():
        return None
    arguments = ", ".join(f"{identifier(n)} text" for n in dict.fromkeys(f.argument_names) if n)
    problem: RedactorError | None = None
    for returns in (*(() if arguments else ("trigger",)), "void", "text", "SETOF record"):
        try:
            return _texts(f.body, arguments, returns)
        except RedactorError as e:
            problem = e
    raise problem or RedactorError("a body that cannot be read")


def _texts(body: str, arguments: str, returns: str) -> list[str] | None:
    tag = "redactor"
    while f"${tag}$" in body:
        tag += "x"
    # libpg_query knows no table's row, but any record; no quote and no comment begins or ends in what is replaced
    row = "a_row"
    while row in body:
        row += "_"
    read = _ROW_OF.sub(row, body)
    text = f"CREATE FUNCTION f({arguments}) RETURNS {returns} LANGUAGE plpgsql AS ${tag}${read}${tag}$"
    (found,) = grammar.plpgsql(text.encode())
    function = found.get("PLpgSQL_function", {})
    variables = [d for d in function.get("datums", ()) if "PLpgSQL_var" in d]
    out = []
    for kind, node in nodes([*variables, function.get("action", {})]):
        if kind not in _KNOWN or "dynquery" in node or node.get("is_stacked"):
            return None
        if kind == "PLpgSQL_expr" and "query" in node:
            out.append(_text(node))
            if row in out[-1]:
                return None  # replaced where no type stands
    return out


_ROW_OF = re.compile(r"(?i)(?<![\w.\"$])[a-z_][\w.]*%rowtype\b")


def derivation_opaque(f: Function) -> Taint:
    """The stand-in for a function that cannot be followed."""
    return frozenset((ColumnName("", "function", f.signature),))


@dataclass(frozen=True, slots=True)
class TriggerReads:
    """What a trigger tells of. `told`: to whoever fires it, by what it does. `flows`: what it read, and the columns of
    the row it returns that this went into: told to whoever may read any of these."""

    told: Taint
    flows: tuple[tuple[Taint, frozenset[str]], ...] = ()


def trigger_reads(f: Function, relation: Relation, trigger: Trigger, derivation: Reader) -> TriggerReads:
    """What a trigger function tells of, followed in the order of its text."""
    function = tree(f).get("PLpgSQL_function", {})
    datums: list[Node] = function.get("datums", [])
    columns = derivation.columns(relation)
    # on INSERT, NEW holds what the requester gave, until the trigger itself puts something else there
    mine: dict[str, Taint] = dict.fromkeys(columns, CLEAN) if trigger.events == {"insert"} else dict(columns)
    told: Taint = CLEAN
    flows: list[tuple[Taint, frozenset[str]]] = []

    def read(expression: Node) -> Taint:
        node = parsed(expression)
        if next(iter(node)) != "SelectStmt":
            return derivation.statement(node)
        rows = Scope([Source("new", tuple(mine.items())), Source("old", tuple(columns.items()))])
        return derivation.select(node, rows)

    for kind, node in nodes([d for d in datums if "PLpgSQL_var" in d] + [function.get("action", {})]):
        if kind not in _KNOWN or "dynquery" in node:
            return TriggerReads(derivation_opaque(f))
        targets: frozenset[str] | None = None
        expression: Node | None = None
        if kind == "PLpgSQL_stmt_execsql" and node.get("into") and not node.get("strict"):
            expression = node["sqlstmt"]["PLpgSQL_expr"]
            targets = _fields_of(node.get("target", {}).get("PLpgSQL_row", {}).get("fields", ()))
        elif kind == "PLpgSQL_stmt_assign":
            expression = node["expr"]["PLpgSQL_expr"]
            targets = _assigned(datums, node.get("varno", 0))
        if expression is not None and targets:
            taint = read(expression)
            flows.append((taint, targets))
            mine.update({t: mine.get(t, CLEAN) | taint for t in targets})
            expression["followed"] = True
        elif kind == "PLpgSQL_expr" and "query" in node and not node.get("followed"):
            told |= read(node)
    return TriggerReads(told, tuple(flows))


def _fields_of(fields: Any) -> frozenset[str] | None:
    """The columns of NEW that an INTO list is made of; None if it names anything else."""
    names = [f["name"] for f in fields]
    if not names or not all(n.startswith("new.") for n in names):
        return None
    return frozenset(n.removeprefix("new.") for n in names)


def _assigned(datums: list[Node], number: int) -> frozenset[str] | None:
    """The column of NEW that an assignment is to; None if it is to anything else."""
    field = datums[number].get("PLpgSQL_recfield") if number < len(datums) else None
    return frozenset((field["fieldname"],)) if field is not None and not field.get("recparentno") else None
