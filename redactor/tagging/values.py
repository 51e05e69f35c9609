"""What a column's sampled values look like, as rates: which detectors of the pack they fit, and how well.

Sees values one column at a time and keeps none: what comes out is counts and shares. Knows nothing of names or tables.
Blank values, and words that stand for a missing one, count as absent.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from redactor.tagging.checks import CHECKS
from redactor.tagging.facts import Profile, Seen
from redactor.tagging.pack import Pack, ValueSpec
from redactor.tagging.words import plain

LONGEST = 4000
"""Characters of a value that are looked at."""

_ABSENT = frozenset({"", "-", "--", "n/a", "na", "none", "null", "unknown", "unk", "ninguno", "desconocido", "?"})


def profile(values: Iterable[object], pack: Pack, family: str = "") -> Profile:
    """The profile of a sample. `values` may be of any type; None and blanks are absent. `family`: of the type."""
    sampled = 0
    counted: Counter[str] = Counter()
    for value in values:
        sampled += 1
        if value is None:
            continue
        text = (value if isinstance(value, str) else _shown(value))[:LONGEST].strip()
        if plain(text).lower() not in _ABSENT:
            counted[text] += 1
    present = counted.total()
    if not present:
        return Profile(sampled, 0, 0, 0.0, 0.0)
    length = sum(len(v) * n for v, n in counted.items()) / present
    words = sum(len(v.split()) * n for v, n in counted.items()) / present
    folded = {v: plain(v).lower() for v in counted}
    seen = []
    for key, spec in pack.values.items():
        if spec.families and family and family not in spec.families:
            continue
        found = _seen(key, spec, counted, folded, present, pack)
        if found is not None:
            seen.append(found)
    return Profile(sampled, present, len(counted), length, words, tuple(seen))


def _shown(value: object) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return ""
    return str(value)


def _seen(
    key: str, spec: ValueSpec, counted: Counter[str], folded: dict[str, str], present: int, pack: Pack
) -> Seen | None:
    fitting = [v for v in counted if _fits(spec, v, folded[v], pack)]
    share = sum(counted[v] for v in fitting) / present
    if share < spec.least or len(fitting) < spec.kinds:
        return None
    if spec.signs is not None:
        signs = pack.dictionaries[spec.signs]
        if sum(_listed(folded[v], signs) for v in fitting) < spec.sign_kinds:
            return None
    for other in spec.unless:
        # something else explains as many of the distinct values
        explained = sum(folded[v] in pack.dictionaries[other] for v in counted)
        if explained >= len(fitting):
            return None
    return Seen(key, share, len(fitting), len(fitting) / len(counted))


def _fits(spec: ValueSpec, value: str, folded: str, pack: Pack) -> bool:
    if spec.upper and value != value.upper():
        return False
    if spec.pattern is not None:
        found = _regex(spec.pattern)
        if not (found.search(value) if spec.inside else found.fullmatch(value)):
            return False
    if spec.check is not None and not CHECKS[spec.check](value):
        return False
    return spec.words is None or _listed(folded, pack.dictionaries[spec.words])


def _listed(folded: str, words: frozenset[str]) -> bool:
    return folded in words or _code(folded) in words


def _code(folded: str) -> str:
    """A code without its punctuation: `H-1B`, `(h)(1)(b)` are `h1b`."""
    return re.sub(r"[^a-z0-9]", "", folded)


@lru_cache(maxsize=256)
def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
