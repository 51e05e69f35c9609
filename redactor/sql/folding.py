"""Long lists of constants, folded: of `VALUES (1, 'a'), (2, 'b'), ... (9, 'z')` and `IN (1, 2, ... 9)` two stay.

Knows the plainest forms of constants, and PostgreSQL's trees; must not know what is done with a statement. Invariant:
what is folded away is nothing but constants, and commas and parentheses between them, in a list in whose place the
folded text has a shorter one, as PostgreSQL's own grammar says of that text. So the whole text has the folded one's
tree but for more constants, and nothing that a decision could hang on is out of sight.

Why that follows: the folded text is parsed, and the two constants before a cut are neighbours in one list of the tree.
So the scanner stands between tokens at the cut; what was cut out begins with a comma and is made of tokens that need no
context; and the grammar's lists (values_clause, expr_list) are of any length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from redactor.sql.grammar import Node, Statement

SHORTEST = 1024
"""Bytes; in a shorter text nothing is folded."""

_WORTH = 256

_BLANK = rb"[ \t\n\r\f]*+"
_ATOM = rb"(?:'[^'\\\0]*+(?:''[^'\\\0]*+)*+'|-?[0-9]++(?:\.[0-9]++)?|(?i:null|true|false))"
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
    + rb"((?:" + _COMMA + _ATOM + rb")++)" + _BLANK + rb"[)\]]"
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


def holds(folded: Folded, statements: tuple[Statement, ...]) -> bool:
    """Whether the folded text's tree has a list of constants at every cut."""
    pairs: set[tuple[int, int]] = set()
    stack: list[Any] = [s.node for s in statements]
    while stack:
        item = stack.pop()
        if type(item) is list:
            stack += item
        elif type(item) is dict:
            for key, inner in item.items():
                if key == "valuesLists":
                    _neighbours([row["List"]["items"][0] for row in inner], pairs)
                elif key == "A_Expr" and inner.get("kind") == "AEXPR_IN":
                    _neighbours(inner["rexpr"].get("List", {}).get("items", ()), pairs)
                elif key == "A_ArrayExpr":
                    _neighbours(inner.get("elements", ()), pairs)
                stack.append(inner)
    return all(cut.between in pairs for cut in folded.cuts)


def _neighbours(items: Iterable[Node], pairs: set[tuple[int, int]]) -> None:
    places = [item["A_Const"].get("location", -1) if "A_Const" in item else -1 for item in items]
    pairs.update(pair for pair in pairwise(places) if min(pair) > 0)
