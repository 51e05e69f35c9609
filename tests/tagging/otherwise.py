"""The labelled columns, written as other systems would write them: the second reader learns from these copies too.

A table's columns lose their vowels, are cut short, run together or get the table's initials in front, each table in one
way, as systems do. Knows nothing of labels. Invariant: a pure function of the names, so that training gives the same
weights each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final
from zlib import crc32

from redactor.tagging.facts import TableFacts
from redactor.tagging.words import pieces_of

_VOWELS = frozenset("aeiou")
_WHOLE = 4
"""Words of so many letters keep their vowels."""

_COLUMN = 10
"""The longest name of systems that run cut words together."""


def written_otherwise(table: TableFacts) -> TableFacts:
    """The table with the same columns in the same order, their names written in another way."""
    way = list(WAYS)[_number(table.source, table.name) % len(WAYS)]
    words = pieces_of(table.name) or ["t"]
    front = "".join(w[0] for w in words)[:3] if len(words) > 1 else words[0][:3]
    columns = []
    for fact in table.columns:
        pieces = pieces_of(fact.name)
        columns.append(replace(fact, name=WAYS[way](pieces, front)) if pieces else fact)
    return replace(table, columns=tuple(columns))


def _number(*texts: str) -> int:
    return crc32("|".join(texts).encode())


def _bare(word: str) -> str:
    return word if len(word) <= _WHOLE else word[0] + "".join(c for c in word[1:] if c not in _VOWELS)


def _cut(word: str, at: int) -> str:
    return word[:at] if len(word) > at + 1 else word


def _some_bare(pieces: list[str], front: str) -> str:
    return "_".join(_bare(w) if _number(w, *pieces) % 3 else w for w in pieces)


def _cut_each(pieces: list[str], front: str) -> str:
    return "_".join(_cut(w, 3 + _number(w) % 3) for w in pieces)


def _cut_together(pieces: list[str], front: str) -> str:
    return "".join(_cut(w, 4) for w in pieces)[:_COLUMN]


def _together(pieces: list[str], front: str) -> str:
    return "".join(pieces)


def _fronted_together(pieces: list[str], front: str) -> str:
    return front + "".join(pieces)


def _fronted_bare(pieces: list[str], front: str) -> str:
    return front + "_" + "_".join(_bare(w) for w in pieces)


WAYS: Final[Mapping[str, Callable[[list[str], str], str]]] = MappingProxyType(
    {
        "some words without vowels": _some_bare,
        "words cut short": _cut_each,
        "words cut short, run together": _cut_together,
        "run together after the table's initials": _fronted_together,
        "without vowels after the table's initials": _fronted_bare,
        "run together": _together,
    }
)
