"""Where in a query's text its clauses stand, and what stands in them.

Knows one query's tree and its tokens; must not know what its names mean, nor what anybody does with a place. Errs on
the side of nothing: what is not found is None, or empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from redactor.engine.text import Text
from redactor.sql.grammar import Node

ENDS = frozenset({"limit", "offset", "fetch", "for"})
_BEHIND_GROUPS = frozenset({"having", "window", "order", "limit", "offset", "fetch", "for"})
SETS = frozenset({"union", "intersect", "except"})
_CLOSING = frozenset({("on", "conflict"), ("with", "no"), ("with", "data")})
_STOPS = frozenset({")", ";", "returning"})
_BEGINNING = _STOPS | {word for word, _ in _CLOSING}


def sorted_by(select: Node) -> set[str]:
    """What a query is sorted by: names of columns, and numbers of outputs."""
    names = set()
    targets = [t["ResTarget"]["val"] for t in select.get("targetList", ())]
    for s in select.get("sortClause", ()):
        value = s["SortBy"]["node"]
        number = value.get("A_Const", {}).get("ival", {}).get("ival")
        if number is not None:
            names.add(str(number))
        if number is not None and 0 < number <= len(targets):
            if any("A_Star" in f for t in targets[:number] for f in t.get("ColumnRef", {}).get("fields", ())):
                continue
            value = targets[number - 1]
        names.add(name_of(value))
    return names - {""}


def name_of(value: Node) -> str:
    """The name of a column that is referred to; empty for anything else."""
    fields = value.get("ColumnRef", {}).get("fields", ())
    return str(fields[-1]["String"]["sval"]) if fields and "String" in fields[-1] else ""


def pinned(where: Node, alias: str, key: tuple[str, ...]) -> bool:
    """Whether a condition holds for one value of the key alone: `id = 42`, `id = $1 AND ...`."""
    conditions = where["BoolExpr"]["args"] if where.get("BoolExpr", {}).get("boolop") == "AND_EXPR" else [where]
    given = set()
    for condition in conditions:
        test = condition.get("A_Expr", {})
        if test.get("kind") != "AEXPR_OP" or [n.get("String", {}).get("sval") for n in test.get("name", ())] != ["="]:
            continue
        left, right = test.get("lexpr", {}), test.get("rexpr", {})
        names = [f.get("String", {}).get("sval") for f in left.get("ColumnRef", {}).get("fields", ())]
        if ("A_Const" in right or "ParamRef" in right) and (names == [alias, *names[1:]] or len(names) == 1):
            given.add(names[-1])
    return set(key) <= given


def parts(*items: object) -> Iterator[tuple[str, Any]]:
    """Every field below, as (name, value), those of queries within left out."""
    stack = list(items)
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack += item
        elif isinstance(item, dict):
            for name, inner in item.items():
                if name not in ("SelectStmt", "A_Const"):
                    yield name, inner
                    stack.append(inner)


def start_of(text: Text, select: Node) -> int | None:
    """The token SELECT of a query, or TABLE; None where it is not found."""
    location = select["targetList"][0]["ResTarget"].get("location")
    if location is None or location < 0:
        named = select["fromClause"][0].get("RangeVar", {}).get("location")
        i = text.at(named) - 1 if named is not None else -1
        while i >= 0 and text.word(i) in ("only", "("):
            i -= 1
        return i if i >= 0 and text.word(i) == "table" else None
    i, depth = text.at(location) - 1, 0
    while i >= 0:
        word = text.word(i)
        depth += (word == ")") - (word == "(")
        if depth < 0:
            return None
        if depth == 0 and word == "select":
            return i
        i -= 1
    return None


def end_of(text: Text, first: int, ends: frozenset[str]) -> int:
    """The token behind a part that begins at a token: one of these words, or what ends the query."""
    words = text.words
    i, count = first, len(words)
    while i < count:
        word = words[i]
        if word == "(":
            i = text.closing(i)
        elif word in ends:
            if i > first and words[i - 1] not in ("as", "."):
                break
            if word in _BEGINNING and (word, text.word(i + 1)) in _CLOSING:
                break
        elif word in _BEGINNING and (word in _STOPS or (word, text.word(i + 1)) in _CLOSING):
            break
        i += 1
    return i


def located(value: Node) -> int | None:
    """Where in the text an expression stands, roughly."""
    inner = next(iter(value.values()), None)
    location = inner.get("location") if isinstance(inner, dict) else None
    return location if isinstance(location, int) else None


def groups(text: Text, select: Node, start: int) -> list[str]:
    """The expressions that a query groups by, as they are written; none where it groups in several ways."""
    if any("GroupingSet" in g for g in select["groupClause"]):
        return []
    first = start
    while text.word(first) != "group" or text.word(first + 1) != "by":
        first = text.closing(first) + 1 if text.word(first) == "(" else first + 1
        if first >= len(text.words):
            return []
    first += 2 + (text.word(first + 2) in ("distinct", "all"))
    # the schema of a relation that a subquery stands for is gone
    return [k for k in listed(text, first, end_of(text, first, _BEHIND_GROUPS)) if k.count(".") < 2]


def distinct_on(text: Text, start: int) -> list[str]:
    """The expressions of DISTINCT ON, as they are written; none where there is no such clause."""
    opening = start + 3
    if [text.word(start + 1), text.word(start + 2), text.word(opening)] != ["distinct", "on", "("]:
        return []
    return listed(text, opening + 1, text.closing(opening))


def listed(text: Text, first: int, end: int) -> list[str]:
    """The expressions between two tokens; none where one holds a query, which could not stand there twice."""
    out, begun, i = [], first, first
    while i <= end:
        if i == end or text.word(i) == ",":
            out.append(text.written(text.tokens[begun].start, text.tokens[i - 1].end))
            begun = i + 1
        elif text.word(i) in ("select", "values", "table"):
            return []
        i = text.closing(i) + 1 if i < end and text.word(i) == "(" else i + 1
    return out


def ordinals(select: Node) -> list[str]:
    """Every output by its number; none where a star stands among them."""
    targets = [t["ResTarget"]["val"] for t in select.get("targetList", ())]
    if any("A_Star" in f for t in targets for f in t.get("ColumnRef", {}).get("fields", ())):
        return []
    return [str(i + 1) for i in range(len(targets))]
