"""Long lists of constants, folded: of `VALUES (1, 'a'), (2, 'b'), ... (9, 'z')` and `IN (1, 2, ... 9)` two stay.

Knows the plainest forms of constants, and PostgreSQL's trees; must not know what is done with a statement. Invariant:
what is folded away is nothing but constants, and commas and parentheses between them, in a list in whose place the
folded text has a shorter one, as PostgreSQL's own grammar says of that text. So the whole text has the folded one's
tree but for more constants; and a decision that looked into one of such a list is not kept.

Why that follows: the folded text is parsed, and the two constants before a cut are neighbours in one list of the tree.
So the scanner stands between tokens at the cut; what was cut out begins with a comma and is made of tokens that need no
context; and the grammar's lists (values_clause, expr_list) are of any length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from redactor.sql.grammar import Node, Statement
from redactor.sql.watched import Watched

SHORTEST = 1024
"""Bytes; in a shorter text nothing is folded."""

_WORTH = 256

_BLANK = rb"[ \t\n\r\f]*+"
_ATOM = rb"(?:'[^'\\\0]*+(?:''[^'\\\0]*+)*+'|-?[0-9]++(?:\.[0-9]++)?|(?i:true|false))(?=[ \t\n\r\f]*+[,)\]])"
_COMMA = _BLANK + rb"," + _BLANK
_REST = rb"(?:" + _COMMA + _ATOM + rb")*+" + _BLANK + rb"\)"
_ROW = rb"\(" + _BLANK + _ATOM + _REST
_ROWS = (
    _BLANK + rb"(" + _ATOM + rb")" + _REST
    + _COMMA + rb"\(" + _BLANK + rb"(" + _ATOM + rb")" + _REST
    + rb"((?:" + _COMMA + _ROW + rb")++)"
)  # fmt: skip
_ITEMS = (
    _BLANK + rb"(" + _ATOM + rb")" + _COMMA + rb"(" + _ATOM + rb")"
    + rb"((?:" + _COMMA + _ATOM + rb")++)"
)  # fmt: skip
_RUN = re.compile(rb"[(\[](?:(?<=\()" + _ROWS + rb"|" + _ITEMS + rb")")


@dataclass(frozen=True, slots=True)
class Cut:
    """`at`: the offset in the folded text where `text` was; `between`: those of the two constants that are to be
    neighbours before it, the first of a list or of the first two rows."""

    at: int
    text: bytes
    between: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Folded:
    """A text (UTF-8) without what the cuts hold, these in order."""

    source: bytes
    cuts: tuple[Cut, ...]


def fold(source: bytes) -> Folded | None:
    """The folded text, or None where there is nothing worth folding. Counts only if `holds` says so of its tree."""
    out: list[bytes] = []
    cuts: list[Cut] = []
    at = gone = 0
    for run in _RUN.finditer(source):
        rows = run.start(3) >= 0
        start, end = run.span(3 if rows else 6)
        if end - start < _WORTH:
            continue
        first, second = (run.start(1), run.start(2)) if rows else (run.start(4), run.start(5))
        out.append(source[at:start])
        cuts.append(Cut(start - gone, source[start:end], (first - gone, second - gone)))
        gone += end - start
        at = end
    if not cuts:
        return None
    out.append(source[at:])
    return Folded(b"".join(out), tuple(cuts))


def holds(folded: Folded, statements: tuple[Statement, ...], reached: set[int]) -> bool:
    """Whether the folded text's tree has a list of constants at every cut.

    From then on the constants of these lists note in `reached` when they are looked into: what that leads to holds for
    the folded text alone. None that was folded away is NULL.
    """
    lists: dict[tuple[int, int], list[Any]] = {}
    stack: list[Any] = [s.node for s in statements]
    while stack:
        item = stack.pop()
        if type(item) is list:
            stack += item
        elif type(item) is dict:
            for key, inner in item.items():
                if key == "valuesLists":
                    _neighbours([row["List"]["items"][0] for row in inner], inner, lists)
                elif key == "A_Expr" and inner.get("kind") == "AEXPR_IN":
                    items = inner["rexpr"].get("List", {}).get("items", [])
                    _neighbours(items, items, lists)
                elif key == "A_ArrayExpr":
                    _neighbours(inner.get("elements", []), inner.get("elements", []), lists)
                stack.append(inner)
    if not all(cut.between in lists for cut in folded.cuts):
        return False
    for cut in folded.cuts:
        _watch(lists[cut.between], reached)
    return True


def _neighbours(constants: list[Node], whole: list[Any], lists: dict[tuple[int, int], list[Any]]) -> None:
    places = [item["A_Const"].get("location", -1) if "A_Const" in item else -1 for item in constants]
    lists.update((pair, whole) for pair in pairwise(places) if min(pair) > 0)


def _watch(nodes: list[Any], reached: set[int]) -> None:
    stack: list[Any] = list(nodes)
    while stack:
        item = stack.pop()
        if type(item) is list:
            stack += item
        elif type(item) is dict:
            inner = item.get("A_Const")
            if type(inner) is dict and "isnull" not in inner:
                item["A_Const"] = Watched(inner, inner.get("location", 0), reached)
            stack += [v for v in item.values() if type(v) is dict or type(v) is list]
