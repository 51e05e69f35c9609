"""A statement's shape for people: its words told apart, and the difference between two texts marked.

Knows words of SQL. Must not parse: what a statement means is the engine's to say. Invariant: the pieces put together
are the text, so nothing that was logged is hidden or added by showing it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

_PIECES = re.compile(r"\$\d+|\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|\w+|\s+|.", re.S)

_WORDS = re.compile(
    r"""all|and|any|array|as|asc|begin|between|by|case|cast|coalesce|collate|column|commit|constraint|copy|create|cross
    |current|default|delete|desc|distinct|do|drop|else|end|except|execute|exists|explain|false|fetch|filter|first|for
    |from|full|function|grant|group|having|if|in|inner|insert|intersect|interval|into|is|join|last|lateral|left|like
    |limit|materialized|natural|not|null|nulls|offset|on|only|or|order|outer|over|partition|prepare|primary
    |references|returning|revoke|right|rollback|row|rows|select|set|show|similar|some|start|table|temp|temporary|then
    |to|transaction|true|truncate|union|unique|update|using|values|view|when|where|window|with""",
    re.I | re.X,
)

LONGEST_DIFFERENCE = 20_000
"""Characters of two texts whose difference is looked for."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text. `kind`: word, parameter, text, or empty. `change`: gone, new, or empty."""

    text: str
    kind: str = ""
    change: str = ""


def pieces(text: str) -> list[Piece]:
    """The text in pieces, words of SQL marked."""
    return [Piece(t, _kind(t)) for t in _PIECES.findall(text)]


def _kind(text: str) -> str:
    if _WORDS.fullmatch(text):
        return "word"
    if text.startswith("$"):
        return "parameter"
    return "text" if text.startswith("'") else ""


def difference(before: str, after: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts in pieces: what is gone marked in the first, what is new in the second."""
    if len(before) + len(after) > LONGEST_DIFFERENCE:
        return pieces(before), pieces(after)
    a, b = _PIECES.findall(before), _PIECES.findall(after)
    old: list[Piece] = []
    new: list[Piece] = []
    for how, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        old += _marked(a[i:j], "" if how == "equal" else "gone")
        new += _marked(b[k:m], "" if how == "equal" else "new")
    return old, new


def _marked(texts: list[str], change: str) -> Iterator[Piece]:
    if not change:
        yield from (Piece(t, _kind(t)) for t in texts)
    elif texts:
        yield Piece("".join(texts), "", change)


def short(text: str, most: int = 220) -> str:
    """One line of a shape, cut where it is long."""
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most else line[: most - 1] + "…"
