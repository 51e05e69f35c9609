"""Columns that give a tagged one away: how much of its uncertainty an untagged column, or a pair, takes off.

A measure on one table's sample: mutual information as a share of the target's entropy, less what the same columns
would seem to tell if the rows were shuffled, which is what keeps keys and small samples from looking telling. Suggests
nothing by itself and holds no value in what it returns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import log2

_BINS = 8
_MOST_KINDS = 60
_SHUFFLES = 5
_SUPPORT = 5
_PURE = 0.95
_PAIRED = 10
_KNOWN_ALREADY = 0.9


@dataclass(frozen=True, slots=True)
class Giveaway:
    """`columns` (one or two) tell `share` (0 to 1) of what there is to know about `target`, beyond chance.

    `telling` of the `kinds` values that occur often enough go with one and the same value of the target nearly always,
    and are rarer than it; `rows` were looked at. `presence`: the target is a number of each row's own, and what is
    told is whether there is one.
    """

    columns: tuple[str, ...]
    target: str
    share: float
    telling: int
    kinds: int
    rows: int
    presence: bool = False

    def __str__(self) -> str:
        what = " and ".join(self.columns)
        pure = f"; {self.telling} of {self.kinds} values nearly always go with one value of it" if self.telling else ""
        of = f"whether there is a value in {self.target}" if self.presence else self.target
        return f"{what} tells {self.share:.0%} of {of} ({self.rows} rows{pure})"


def giveaways(
    sample: Mapping[str, Sequence[object]], targets: Sequence[str], seed: int = 1, least: float = 0.15
) -> list[Giveaway]:
    """What gives the targets away, most first: columns of the sample, then pairs that tell more than either alone.

    `sample`: column name to its values, all of one length, row by row; None is a value too: absence tells. `least`:
    the share below which nothing is listed.
    """
    groups = {name: _grouped(values) for name, values in sample.items()}
    out: list[Giveaway] = []
    for target in targets:
        presence = _numbered(sample[target])
        if presence:
            groups[target] = [v is not None for v in sample[target]]
        goal = groups[target]
        if len(set(goal)) < 2:
            continue
        alone: dict[str, float] = {}
        for name, codes in groups.items():
            if name not in targets and len(set(codes)) > 1:
                alone[name] = _share(codes, goal, seed)
        out += [_giveaway((n,), target, s, groups, presence) for n, s in alone.items() if s >= least]
        best = sorted((n for n, s in alone.items() if s < _KNOWN_ALREADY), key=lambda n: -alone[n])[:_PAIRED]
        for a, b in combinations(best, 2):
            share = _share(list(zip(groups[a], groups[b], strict=True)), goal, seed)
            if share >= least and share > max(alone[a], alone[b]) + least:
                out.append(_giveaway((a, b), target, share, groups, presence))
    return sorted(out, key=lambda g: (-g.share, len(g.columns), g.target, g.columns))


def _numbered(values: Sequence[object]) -> bool:
    """Whether nearly every value is another, as numbers of documents are: then it is its being there that is told."""
    present = [v for v in values if v is not None]
    return len(set(present)) > max(_MOST_KINDS, len(present) / 2)


def _grouped(values: Sequence[object]) -> list[object]:
    """Values as groups: numbers of many kinds by eighths of their order, other values of many kinds as they are."""
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(set(numbers)) <= _MOST_KINDS or len(numbers) < 0.5 * len(values):
        return list(values)
    order = sorted(numbers)
    edges = [order[len(order) * i // _BINS] for i in range(1, _BINS)]

    def bin_of(v: object) -> object:
        return sum(v >= e for e in edges) if isinstance(v, int | float) and not isinstance(v, bool) else v

    return [bin_of(v) for v in values]


def _entropy(counted: Counter[object], total: int) -> float:
    return -sum(n / total * log2(n / total) for n in counted.values())


def _information(a: Sequence[object], b: Sequence[object]) -> float:
    """Mutual information in bits."""
    total = len(a)
    both: Counter[object] = Counter(zip(a, b, strict=True))
    return _entropy(Counter(a), total) + _entropy(Counter(b), total) - _entropy(both, total)


def _share(codes: Sequence[object], goal: Sequence[object], seed: int) -> float:
    """The target's entropy that the codes take off, adjusted for chance: 0 is no more than shuffled, 1 is all."""
    whole = _entropy(Counter(goal), len(goal))
    by_chance = sum(_information(codes, _shuffled(goal, seed + i)) for i in range(_SHUFFLES)) / _SHUFFLES
    if whole - by_chance < 1e-9:
        return 0.0
    return max(0.0, (_information(codes, goal) - by_chance) / (whole - by_chance))


def _shuffled(values: Sequence[object], seed: int) -> list[object]:
    """Fisher and Yates, with a linear congruential generator: the same seed always gives the same order."""
    out, state = list(values), seed * 2654435761 % 2**64
    for i in range(len(out) - 1, 0, -1):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        j = (state >> 33) % (i + 1)
        out[i], out[j] = out[j], out[i]
    return out


def _giveaway(
    columns: tuple[str, ...], target: str, share: float, groups: Mapping[str, Sequence[object]], presence: bool
) -> Giveaway:
    goal = groups[target]
    codes: Sequence[object] = (
        groups[columns[0]] if len(columns) == 1 else list(zip(*(groups[c] for c in columns), strict=True))
    )
    base = Counter(goal)
    within: dict[object, Counter[object]] = {}
    for code, value in zip(codes, goal, strict=True):
        within.setdefault(code, Counter())[value] += 1
    often = [c for c in within.values() if c.total() >= _SUPPORT]
    telling = 0
    for c in often:
        value, n = c.most_common(1)[0]
        if n / c.total() >= _PURE and base[value] / len(goal) < _PURE * 0.8:
            telling += 1
    return Giveaway(columns, target, round(share, 3), telling, len(often), len(goal), presence)
