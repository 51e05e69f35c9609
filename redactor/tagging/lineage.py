"""Where tagged values go in SQL texts, column by column: CREATE TABLE AS, views, INSERT ... SELECT, SELECT INTO, UPDATE
and MERGE.

Knows SQL only through sqlglot's lineage, and tables only by what it is told of them. Invariant: a statement that writes
a table from a query is either followed column by column or reported as not followed; it is never guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from redactor.errors import Fault
from redactor.model import ColumnName, RelationName
from redactor.tagging.judge import Finding

LONGEST = 2_000_000
"""Characters of one text that are read."""

DEEPEST = 100
"""Parentheses within each other that are handed to the parser, which recurses."""

_ROUNDS = 20

_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Flow:
    """A column that a statement makes from others. `where`: file and line."""

    into: ColumnName
    sources: frozenset[ColumnName]
    where: str


def flows(
    text: str,
    file: str,
    columns: Mapping[RelationName, Sequence[str]],
    dialect: str = "postgres",
    schema: str = "public",
) -> tuple[list[Flow], list[Fault]]:
    """What the statements of a text make from what, in order; what they make is known to those that follow.

    `columns`: of the tables that exist. `schema`: of names that have none. The faults are statements not followed.
    """
    known = {name: list(c) for name, c in columns.items()}
    out: list[Flow] = []
    faults: list[Fault] = []
    if len(text) > LONGEST:
        return [], [Fault(file, 0, 0, f"not followed: longer than {LONGEST} characters")]
    if (template := _TEMPLATE.search(text)) is not None:
        line = text.count("\n", 0, template.start()) + 1
        hint = "what it is made into: dbt writes it to target/run"
        return [], [Fault(file, line, 0, "not followed: a template", hint)]
    try:
        pieces = list(_statements(text, dialect))
    except SqlglotError as error:
        return [], [Fault(file, 0, 0, f"not followed: {_first_line(error)}")]
    for line, piece, depth in pieces:
        if depth > DEEPEST:
            faults.append(Fault(file, line, 0, "not followed: nested too deeply"))
            continue
        try:
            made = _followed(piece, known, dialect, schema, f"{file}:{line}")
        except (SqlglotError, RecursionError, ValueError, KeyError) as error:
            if _writes(piece):
                faults.append(Fault(file, line, 0, f"not followed: {_first_line(error)}"))
            continue
        for flow in made:
            if flow.into.name not in known.setdefault(flow.into.of, []):
                known[flow.into.of].append(flow.into.name)
        out += made
    return out, faults


def follow(flows_: Iterable[Flow], tagged: Mapping[ColumnName, Finding]) -> dict[ColumnName, Finding]:
    """The findings that flow on from tagged columns, over any number of steps; the strongest source wins."""
    flows_ = list(flows_)
    found: dict[ColumnName, Finding] = {}
    for _ in range(_ROUNDS):
        changed = False
        for flow in flows_:
            best: Finding | None = None
            for source in sorted(flow.sources):
                f = found.get(source) or tagged.get(source)
                if f is not None and f.label != "none" and (best is None or f.confidence > best.confidence):
                    best = replace(f, evidence=(f"made from {source} ({f.tag}) at {flow.where}",))
            if best is not None and flow.into not in found:
                found[flow.into] = replace(best, table=flow.into.relation, column=flow.into.name)
                changed = True
        if not changed:
            break
    return found


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [error.__class__.__name__])[0][:120]


def _writes(piece: str) -> bool:
    low = piece.lower()
    reads = " select " in low.replace("\n", " ") or "merge" in low or "update" in low
    return reads and any(w in low for w in ("create", "insert", "into", "merge", "update"))


def _statements(text: str, dialect: str) -> Iterator[tuple[int, str, int]]:
    """Each statement's line, text, and how deeply its parentheses nest."""
    start: int | None = None
    line = depth = deepest = 0
    for token in sqlglot.tokenize(text, dialect=dialect):
        if token.token_type.name == "SEMICOLON":
            if start is not None:
                yield line, text[start : token.start], deepest
            start = None
            continue
        if start is None:
            start, line, depth, deepest = token.start, token.line, 0, 0
        depth += (token.token_type.name == "L_PAREN") - (token.token_type.name == "R_PAREN")
        deepest = max(deepest, depth)
    if start is not None:
        yield line, text[start:], deepest


def _followed(
    piece: str, known: Mapping[RelationName, Sequence[str]], dialect: str, schema: str, where: str
) -> list[Flow]:
    statement = normalize_identifiers(sqlglot.parse_one(piece, dialect=dialect), dialect=dialect)
    tables = MappingSchema(dialect=dialect)
    for name, listed in known.items():
        table = exp.table_(name.name, db=name.schema, quoted=True)
        tables.add_table(table, {exp.to_identifier(c, quoted=True).sql(dialect): "unknown" for c in listed})
    made = []
    for target, query, names in _targets(statement):
        into = _name(target, schema)
        whole = qualify(
            query.copy(), schema=tables, dialect=dialect, db=schema, validate_qualify_columns=False, identify=False
        )
        if not isinstance(whole, exp.Query):
            raise ValueError("not a query")
        outputs = [s.alias_or_name for s in whole.selects]
        if any(o in ("", "*") for o in outputs):
            raise ValueError("its columns are not known by name")
        given = names or (list(known.get(into, [])) if isinstance(statement, exp.Insert | exp.Merge) else [])
        if given and len(given) < len(outputs):
            raise ValueError("more columns than names")
        for at, output in enumerate(outputs):
            node = lineage(exp.to_identifier(output, quoted=True).sql(dialect), whole, schema=tables, dialect=dialect)
            sources = {
                ColumnName(*_name(leaf.source, schema), exp.to_column(leaf.name, dialect=dialect).name)
                for leaf in node.walk()
                if isinstance(leaf.source, exp.Table) and leaf.name != "*"
            }
            made.append(Flow(ColumnName(*into, given[at] if given else output), frozenset(sources), where))
    return made


def _targets(statement: exp.Expr) -> Iterator[tuple[exp.Table, exp.Query, list[str]]]:
    """Each table that a statement writes from a query, the query, and the columns that it names for it."""
    match statement:
        case exp.Create() | exp.Insert():
            target, names = statement.this, []
            if isinstance(target, exp.Schema):
                names = [c.name for c in target.expressions]
                target = target.this
            query = statement.expression
            while isinstance(query, exp.Subquery):
                query = query.this
            if isinstance(target, exp.Table) and isinstance(query, exp.Query):
                yield target, query, names
        case exp.Select():
            into = statement.args.get("into")
            if into is not None and isinstance(into.this, exp.Table):
                query = statement.copy()
                query.set("into", None)
                yield into.this, query, []
        case exp.Update() if isinstance(statement.this, exp.Table):
            whence = statement.args.get("from_") or statement.args.get("from")
            yield from _set(statement.this, statement.expressions, whence.this if whence else None, statement)
        case exp.Merge() if isinstance(statement.this, exp.Table):
            using = statement.args["using"]
            for when in statement.args["whens"].expressions:
                then = when.args.get("then")
                if isinstance(then, exp.Update):
                    yield from _set(statement.this, then.expressions, using, statement)
                elif isinstance(then, exp.Insert) and isinstance(then.expression, exp.Tuple):
                    names = [c.name for c in then.this.expressions] if isinstance(then.this, exp.Tuple) else []
                    yield statement.this, _reading(then.expression.expressions, [using], statement), names


def _set(
    target: exp.Table, sets: Sequence[exp.Expr], whence: exp.Expr | None, statement: exp.Expr
) -> Iterator[tuple[exp.Table, exp.Query, list[str]]]:
    """What SET gives to columns, where it is taken from columns or a query; constants are no flow."""
    given = [s for s in sets if isinstance(s, exp.EQ) and s.expression.find(exp.Column, exp.Query) is not None]
    if any(not isinstance(s, exp.EQ) or isinstance(s.this, exp.Tuple) for s in sets):
        raise ValueError("columns that are set together")
    if given:
        tables = [target, *([whence] if whence is not None else [])]
        yield target, _reading([s.expression for s in given], tables, statement), [s.this.name for s in given]


def _reading(values: Sequence[exp.Expr], tables: Sequence[exp.Expr], statement: exp.Expr) -> exp.Select:
    """The query that reads the values: with it their origins can be followed."""
    named = [exp.alias_(v.copy(), f"value_{at}", quoted=True) for at, v in enumerate(values)]
    query = exp.select(*named).from_(tables[0].copy())
    for table in tables[1:]:
        query = query.join(table.copy(), join_type="cross")
    ways = statement.args.get("with_") or statement.args.get("with")
    if ways is not None:
        query.set("with_", ways.copy())
    return query


def _name(table: exp.Table, schema: str) -> RelationName:
    return RelationName(table.db or schema, table.name)
