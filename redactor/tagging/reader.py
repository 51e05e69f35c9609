"""The second reader: does this column read like columns of other systems that were labelled by hand?

Knows how learned weights of traits add up to a share for each label, and how to say what spoke for one. Knows no word
itself: the weights are data, learned by `tests/tagging/train.py`. It is asked where the pack's names say nothing,
and may speak against a weak one outside the core. Invariant: the same traits are always read the same.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from redactor.errors import ConfigurationError, Fault
from redactor.tagging.labels import LABELS, Label

SHIPPED: Final = Path(__file__).parent / "pack" / "reader.json"

_SPOKEN = {
    "w": "the word {!r}",
    "=": "nothing but {!r}",
    "h": "ends in {!r}",
    "f": "begins with {!r}",
    "b": "the words {!r}",
    "c": "its comment says {!r}",
    "t": "its table is named {!r}",
    "l1": "after a column that is {}",
    "r1": "before a column that is {}",
}
"""How a trait is said to a person; the others, parts of words among them, only add up."""

_SAID = 3
_TOO_SHORT = 2
"""Words of so many letters are not shown as a reason."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Learned weights. `weights`: a trait to a weight for each label, in the order of LABELS; `bias`: what every column
    begins with. `core`, `other`: the share from which on a core label, or any, is suggested."""

    weights: Mapping[str, Sequence[float]]
    bias: Sequence[float]
    core: float
    other: float

    def shares(self, traits: Iterable[str]) -> dict[Label, float]:
        """For each label how likely it is, summing to 1. Unknown traits count for nothing."""
        known = [w for w in map(self.weights.get, traits) if w is not None]
        scale = 1 / math.sqrt(len(known) + 1)
        sums = [(b + sum(w[at] for w in known)) * scale for at, b in enumerate(self.bias)]
        most = max(sums)
        powers = [math.exp(s - most) for s in sums]
        whole = sum(powers)
        return {label: p / whole for label, p in zip(LABELS, powers, strict=True)}

    def reasons(self, traits: Iterable[str], label: Label) -> str:
        """What spoke most for the label against `none`, in words."""
        at, none = LABELS.index(label), LABELS.index("none")
        told: list[tuple[float, str, str]] = []
        for trait in traits:
            kind, _, what = trait.partition(":")
            weight = self.weights.get(trait)
            if weight is not None and kind in _SPOKEN and what not in ("none", "-") and len(what) > _TOO_SHORT:
                told.append((weight[none] - weight[at], kind, _SPOKEN[kind].format(what)))
        once: dict[str, str] = {}
        for weighs, kind, text in sorted(told):
            if weighs < 0:
                once.setdefault("word" if kind in ("w", "=", "h", "f", "b") else kind, text)
        return ", ".join(list(once.values())[:_SAID])


def load(file: Path = SHIPPED) -> Reader | None:
    """The shipped weights, or another file's; None where there is no such file.

    Raises ConfigurationError where the file is not what `train.py` writes.
    """
    return _load(file)


@lru_cache(maxsize=4)
def _load(file: Path) -> Reader | None:
    if not file.exists():
        return None
    try:
        raw: dict[str, Any] = json.loads(file.read_text("utf-8"))
        if raw["labels"] != list(LABELS):
            raise ValueError("its labels are others")
        scale = float(raw["scale"])
        weights = {str(t): tuple(w / scale for w in row) for t, row in raw["weights"].items()}
        if any(len(row) != len(LABELS) for row in weights.values()):
            raise ValueError("a weight for each label")
        bias = tuple(float(b) for b in raw["bias"])
        return Reader(weights, bias, float(raw["core"]), float(raw["other"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError([Fault(str(file), 0, 0, f"not the second reader's weights: {error}")]) from None
