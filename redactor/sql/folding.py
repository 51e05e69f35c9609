"""Long lists of constants, folded: of `VALUES (1, 'a'), (2, 'b'), ... (9, 'z')` and `IN (1, 2, ... 9)` two stay, of
`a = 1 OR a = 2 OR ... a = 9` four.

Knows the plainest forms of constants, and PostgreSQL's trees; must not know what is done with a statement. Invariant:
what is folded away is nothing but constants, and commas and parentheses between them, in a list in whose place the
folded text has a shorter one, as PostgreSQL's own grammar says of that text; or comparisons that are, but for their
constants, to the letter those that stay. So the whole text has the folded one's tree but for more constants; and a
decision that looked into one of such a list, or an edit of one of its comparisons, is not kept.

Why that follows: the folded text is parsed, and the two constants before a cut are neighbours in one list of the tree.
So the scanner stands between tokens at the cut; what was cut out begins with a comma or OR and is made of tokens that
need no context, or are there before; and the grammar's lists (values_clause, expr_list, the arms of OR) are of any
length. Behind arms that are cut out another OR follows, so each of them is an arm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import Any

from redactor.sql.grammar import Node, Statement
from redactor.sql.watched import Watched

SHORTEST = 1024
"""Bytes; in a shorter text nothing is folded."""

_WORTH = 256

_BLANK = rb"[ \t\n\r\f]*+"
_ATOM = rb"(?:'[^'\\\0]*+(?:''[^'\\\0]*+)*+'|-?[0-9]++(?:\.[0-9]++)?|(?i:true|false))(?=[ \t\n\r\f]*+[,)\]])"
_COMMA = _BLANK + rb"," + _BLANK
_NULL = rb"(?i:null)(?=[ \t\n\r\f]*+[,)])"
_VALUE = rb"(?:" + _ATOM + rb"|" + _NULL + rb")"
_REST = rb"(?:" + _COMMA + _VALUE + rb")*+" + _BLANK + rb"\)"
_ROWS = (
    _BLANK + rb"((" + _VALUE + rb")" + _REST + rb")"
    + _COMMA + rb"\(" + _BLANK + rb"((" + _VALUE + rb")" + _REST + rb")"
    + rb"(?=" + _COMMA + rb"\()"
)  # fmt: skip
_ITEMS = (
    _BLANK + rb"(" + _ATOM + rb")" + _COMMA + rb"(" + _ATOM + rb")"
    + rb"((?:" + _COMMA + _ATOM + rb")++)"
)  # fmt: skip
_RUN = re.compile(rb"[(\[](?:(?<=\()" + _ROWS + rb"|" + _ITEMS + rb")")
_EACH = re.compile(_VALUE)
_MORE = re.compile(rb"(?:" + _COMMA + rb"\(" + _BLANK + _VALUE + _REST + rb")++")
_PATTERNS, _WIDEST = 16, 64
"""Of rows with NULL in some columns: how many kinds are looked for in one text, and of how many columns."""

_PLAIN = rb"(?:'[^'\\\0]*+(?:''[^'\\\0]*+)*+'|[0-9]++(?:\.[0-9]++)?)"
_SEVERAL = (b" OR ", b" or ", b"\nOR ", b"\nor ")
_OR = rb"[ \t\n\r\f]++(?i:or)[ \t\n\r\f]++"
# a name has one dot at most: with a schema before it, it may have to be written otherwise
_ARMS = re.compile(
    rb"""(?<![\w$."\x80-\xff]) ((?:[A-Za-z_]\w*+|"[^"]++") (?:\.(?:[A-Za-z_]\w*+|"[^"]++"))?+ [ ]?=[ ]?) """
    + _PLAIN + _OR + rb"\1(" + _PLAIN + rb")" + _OR + rb"\1(" + _PLAIN + rb")"
    + rb"((?:" + _OR + rb"\1" + _PLAIN + rb"(?=" + _OR + rb"))++)",
    re.X,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cut:
    """`at`: the offset in the folded text where `text` was; `between`: those of the two constants that are to be
    neighbours before it, the first of a list or of the first two rows; `since`: of comparisons, where they begin."""

    at: int
    text: bytes
    between: tuple[int, int]
    since: int | None = None


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
    for start, end, first, second, since in sorted(_runs(source), key=itemgetter(0)):
        if end - start < _WORTH or start < at or (since is not None and since < at):
            continue
        out.append(source[at:start])
        begun = None if since is None else since - gone
        cuts.append(Cut(start - gone, source[start:end], (first - gone, second - gone), begun))
        gone += end - start
        at = end
    if not cuts:
        return None
    out.append(source[at:])
    return Folded(b"".join(out), tuple(cuts))


def _runs(source: bytes) -> Iterator[tuple[int, int, int, int, int | None]]:
    """What may be cut out: from, to, the two constants before it, and where comparisons begin."""
    at = 0
    patterns: dict[tuple[bool, ...], re.Pattern[bytes] | None] = {(): _MORE}
    while (run := _RUN.search(source, at)) is not None:
        at = run.end()
        if run.start(1) < 0:
            yield *run.span(7), run.start(5), run.start(6), None
            continue
        nothing = _nothing(run[1], run[3])
        if nothing not in patterns and len(patterns) <= _PATTERNS:
            patterns[nothing] = _like(nothing)
        pattern = patterns.get(nothing)
        more = pattern.match(source, at) if pattern is not None else None
        if more is not None:
            yield *more.span(), run.start(2), run.start(4), None
            at = more.end()
    if any(word in source for word in _SEVERAL):
        for run in _ARMS.finditer(source):
            yield *run.span(4), run.start(2), run.start(3), run.start()


def _nothing(first: bytes, second: bytes) -> tuple[bool, ...]:
    """Which columns have NULL in both rows; empty: none."""
    pairs = zip(_EACH.findall(first), _EACH.findall(second), strict=False)
    found = tuple([a.lower() == b.lower() == b"null" for a, b in pairs])
    return found if True in found else ()


def _like(nothing: tuple[bool, ...]) -> re.Pattern[bytes] | None:
    """More rows, with NULL wherever those that stay have it; to write no value is not to write one."""
    if len(nothing) > _WIDEST:
        return None
    columns = _COMMA.join(_NULL if n else _VALUE for n in nothing)
    return re.compile(rb"(?:" + _COMMA + rb"\(" + _BLANK + columns + _BLANK + rb"\))++")


def holds(folded: Folded, statements: tuple[Statement, ...], reached: set[int]) -> bool:
    """Whether the folded text's tree has a list of constants at every cut.

    From then on the constants of these lists note in `reached` when they are looked into: what that leads to holds for
    the folded text alone. What was folded away has NULL wherever those that stay have it.
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
                elif key == "BoolExpr" and inner.get("boolop") == "OR_EXPR":
                    _neighbours([_compared(arm) for arm in inner["args"]], inner["args"], lists)
                elif key == "A_ArrayExpr":
                    _neighbours(inner.get("elements", []), inner.get("elements", []), lists)
                stack.append(inner)
    if not all(cut.between in lists for cut in folded.cuts):
        return False
    for cut in folded.cuts:
        _watch(lists[cut.between], reached)
    return True


def _compared(arm: Node) -> Node:
    """The constant of `name = constant`; nothing of any other condition."""
    test = arm.get("A_Expr", {})
    equal = test.get("kind") == "AEXPR_OP" and test["name"] == [{"String": {"sval": "="}}]
    return test["rexpr"] if equal and "ColumnRef" in test.get("lexpr", {}) else {}


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
