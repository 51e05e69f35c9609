"""What a column's sampled values look like, as rates: which detectors of the pack they fit, and how well.

Sees values one column at a time and keeps none: what comes out is counts and shares. Knows nothing of names or tables.
Blank values, and words that stand for a missing one, count as absent.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import combinations, islice

from redactor.tagging.checks import CHECKS
from redactor.tagging.facts import Profile, Seen
from redactor.tagging.pack import Pack, ValueSpec
from redactor.tagging.words import plain

LONGEST = 4000
"""Characters of a value that are looked at."""

_ABSENT = frozenset(
    {
        "n/a",
        "na",
        "n a",
        "none",
        "null",
        "nil",
        "unknown",
        "unk",
        "ninguno",
        "ninguna",
        "desconocido",
        "no tiene",
        "sin datos",
    }
    | {
        "xx",
        "xxx",
        "pending",
        "pendiente",
        "tbd",
        "test",
        "see file",
        "applied for",
        "not provided",
        "not available",
        "not on file",
    }
    | {"refused", "declined", "missing", "blank", "no data"}
)
"""What people write where there is no value."""

_EDGES = " \t\r\n.,;:'\"#*`_-?"
"""What stands around a value and is not part of it."""

_BESIDE = re.compile(r"^(?:an?|una?|une)\s+|\s*\([^()]*\)")
"""What may stand beside a listed word: `a lawful permanent resident`, `I-327 (Reentry Permit)`."""

_PROBE = 40
"""Distinct values that are tried first, where there are many."""

_RARELY = 0.1
"""Detectors that few values need to fit are tried on all."""

_PAIR_ROWS, _PAIR_SHARE, _PAIR_AGREE = 5, 0.05, 0.95
"""Of two columns of which one stands where the other is missing: rows, share and agreement that it takes."""

_CAPITALS = 0.6
"""The share of values in capitals from which on a column is written in capitals, a few slips aside."""


def profile(values: Iterable[object], pack: Pack, family: str = "") -> Profile:
    """The profile of a sample. `values` may be of any type; None and blanks are absent. `family`: of the type."""
    sampled = 0
    counted: Counter[str] = Counter()
    for value in values:
        sampled += 1
        if value is None:
            continue
        text = _tidy((value if isinstance(value, str) else _shown(value))[:LONGEST])
        if not _is_absent(text):
            counted[text] += 1
    present = counted.total()
    if not present:
        return Profile(sampled, 0, 0, 0.0, 0.0)
    length = sum(len(v) * n for v, n in counted.items()) / present
    words = sum(len(v.split()) * n for v, n in counted.items()) / present
    folded = {v: plain(v).lower() for v in counted}
    seen = []
    capitals = sum(n for v, n in counted.items() if v == v.upper()) / present
    for key, spec in pack.values.items():
        if spec.upper and capitals < _CAPITALS:
            continue
        if spec.families and family and family not in spec.families:
            continue
        found = _seen(key, spec, counted, folded, present, pack)
        if found is not None:
            seen.append(found)
    return Profile(sampled, present, len(counted), length, words, tuple(seen))


def complements(present: Mapping[str, Sequence[bool]]) -> dict[str, tuple[str, ...]]:
    """For each column those that are missing where it is there, and there where it is missing, in nearly every row.

    `present`: for each column of a sample, row by row, whether there is a value. Each of a pair must be missing in a
    twentieth of the rows at least, and there in five: one that is always there says nothing.
    """
    often: dict[str, list[bool]] = {}
    for name, rows in present.items():
        there = sum(rows)
        if there >= _PAIR_ROWS and len(rows) - there >= max(_PAIR_ROWS, _PAIR_SHARE * len(rows)):
            often[name] = list(rows)
    out: dict[str, list[str]] = {}
    for a, b in combinations(often, 2):
        apart = sum(x is not y for x, y in zip(often[a], often[b], strict=True))
        if apart >= _PAIR_AGREE * len(often[a]):
            out.setdefault(a, []).append(b)
            out.setdefault(b, []).append(a)
    return {name: tuple(others) for name, others in out.items()}


def _shown(value: object) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return ""
    return str(value)


def _tidy(text: str) -> str:
    return " ".join(text.split()).strip(_EDGES)


def _is_absent(text: str) -> bool:
    """Nothing, a word for nothing, or one character over and over (`000-00-0000`, `xxxx`)."""
    said = [c for c in text if c.isalnum()]
    return not said or (len(said) > 3 and len(set(said)) == 1) or plain(text).lower() in _ABSENT


def _seen(
    key: str, spec: ValueSpec, counted: Counter[str], folded: dict[str, str], present: int, pack: Pack
) -> Seen | None:
    if len(counted) > 2 * _PROBE and spec.least > _RARELY:
        # most detectors fit nothing of a column; a few dozen values show it
        probe = sum(_fits(spec, v, folded[v], pack) for v in islice(counted, _PROBE))
        if probe < spec.least * _PROBE / 2:
            return None
    fitting = [v for v in counted if _fits(spec, v, folded[v], pack)]
    share = sum(counted[v] for v in fitting) / present
    kinds = {_code(folded[v]) or v for v in fitting}
    if share < spec.least or len(kinds) < spec.kinds:
        return None
    if len({v[:2] for v in fitting}) < spec.spread:
        return None
    if spec.signs is not None:
        signs = pack.dictionaries[spec.signs]
        if len({_code(folded[v]) for v in fitting if _listed(folded[v], signs)}) < spec.sign_kinds:
            return None
    for other in spec.unless:
        # something else explains as many of the distinct values
        explained = {_code(folded[v]) for v in counted if folded[v] in pack.dictionaries[other]}
        if len(explained) >= len(kinds):
            return None
    return Seen(key, share, len(kinds), len(fitting) / len(counted))


def _fits(spec: ValueSpec, value: str, folded: str, pack: Pack) -> bool:
    if spec.pattern is not None:
        found = _regex(spec.pattern)
        if not (found.search(value) if spec.inside else found.fullmatch(value)):
            return False
    if spec.check is not None and not CHECKS[spec.check](value):
        return False
    return spec.words is None or _listed(folded, pack.dictionaries[spec.words])


def _listed(folded: str, words: frozenset[str]) -> bool:
    """In the dictionary: as it is, without its punctuation, or without what it explains in brackets or its article."""
    known = _codes(words)
    if folded in known or _code(folded) in known:
        return True
    bare = _BESIDE.sub("", folded)
    return bare != folded and _code(bare) in known


@lru_cache(maxsize=64)
def _codes(words: frozenset[str]) -> frozenset[str]:
    """The words, and the same without punctuation and blanks: `korea, south` is `KOREA-SOUTH` too."""
    folded = frozenset(map(plain, words))
    return folded | frozenset(code for code in map(_code, folded) if code)


def _code(folded: str) -> str:
    """A code without its punctuation: `H-1B`, `(h)(1)(b)` are `h1b`."""
    return re.sub(r"[^a-z0-9]", "", folded)


@lru_cache(maxsize=256)
def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
