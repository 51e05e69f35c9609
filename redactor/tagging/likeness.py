"""Which labelled column of another system a column is most like, so that a person can see what it was taken for.

Knows a table of columns of public systems with their words (`pack/likes.json`, written by `tests/tagging/train.py`).
Decides nothing: it is asked for evidence when a label has been chosen. Invariant: what is named shares a word of weight
with the column, and the same words always name the same column.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from redactor.errors import ConfigurationError, Fault
from redactor.tagging.labels import Label

SHIPPED: Final = Path(__file__).parent / "pack" / "likes.json"

_NEAR = 0.5
"""The cosine from which on two columns are said to be alike."""


@dataclass(frozen=True, slots=True)
class Known:
    """A labelled column: its name, the system it stands in, and what its name says."""

    name: str
    system: str
    words: frozenset[str]


class Likes:
    """Labelled columns, to be found by their words."""

    def __init__(self, columns: Mapping[Label, Sequence[Known]]) -> None:
        self._columns = columns
        times = Counter(w for known in columns.values() for k in known for w in k.words)
        whole = sum(len(known) for known in columns.values()) + 1
        self._weight = {w: math.log(whole / n) for w, n in times.items()}
        self._by_word: dict[tuple[Label, str], list[int]] = defaultdict(list)
        for label, known in columns.items():
            for at, k in enumerate(known):
                for w in k.words:
                    self._by_word[label, w].append(at)

    def nearest(self, words: Iterable[str], label: Label) -> Known | None:
        """The column of the label that shares most, by rarity of the words; None where none is alike."""
        said = {w for w in words if w in self._weight}
        shared: dict[int, float] = defaultdict(float)
        for w in sorted(said):
            for at in self._by_word.get((label, w), ()):
                shared[at] += self._weight[w] ** 2
        best, found = _NEAR, None
        for at, common in sorted(shared.items()):
            known = self._columns[label][at]
            alike = common / math.sqrt(self._length(said) * self._length(known.words))
            if alike > best:
                best, found = alike, known
        return found

    def _length(self, words: Iterable[str]) -> float:
        return sum(self._weight[w] ** 2 for w in sorted(words)) or 1.0


def load(file: Path = SHIPPED) -> Likes:
    """The shipped table, or another file's; an empty one where there is no such file.

    Raises ConfigurationError where the file is not what `train.py` writes.
    """
    return _load(file)


@lru_cache(maxsize=2)
def _load(file: Path) -> Likes:
    if not file.exists():
        return Likes({})
    try:
        raw = json.loads(file.read_text("utf-8"))
        columns = {
            label: [Known(str(name), str(raw["systems"][at]), frozenset(said.split())) for name, at, said in rows]
            for label, rows in raw["columns"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ConfigurationError([Fault(str(file), 0, 0, f"not the table of labelled columns: {error}")]) from None
    return Likes(columns)
