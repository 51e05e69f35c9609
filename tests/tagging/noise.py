"""Values as they stand in old tables: missing, in small letters, with blanks, without hyphens, among rubbish.

`python -m tests.tagging.noise` prints how many columns of such values are found under meaningless names, by kind and
size of the sample, and what is taken for something that it is not. The values are made up from a seed.
"""

from __future__ import annotations

import random
from collections import Counter

from redactor.tagging.facts import ColumnFacts, TableFacts
from redactor.tagging.judge import Finding, judge
from redactor.tagging.labels import CORE, LABELS
from redactor.tagging.pack import Pack, load
from redactor.tagging.values import profile
from tests.tagging.makers import HARMLESS, LOOK_ALIKES, PROTECTED, Maker

RUBBISH = 0.05
"""The share of values that are something else."""

SAMPLES = ((500, 0.3), (60, 0.1), (20, 0.2))
"""Rows of a sample, and the share of them that is missing."""


def dirty(r: random.Random, value: str) -> str:
    """The value as a person might have typed it, or rubbish in its place."""
    if r.random() < RUBBISH:
        letters = "".join(r.choice("abcdefghij klm") for _ in range(r.randrange(3, 9)))
        return r.choice([letters, str(r.randrange(100_000)), "see file", "ask mother", "00000", "12345", "2019-01-01"])
    if r.random() < 0.2:
        value = value.lower()
    how = r.random()
    if how < 0.1:
        return f" {value} "
    if how < 0.2:
        return value.replace("-", " ")
    if how < 0.25:
        return value.replace("-", "")
    return value + "." if how < 0.28 else value


def found(maker: Maker, seed: int, rows: int, missing: float, pack: Pack) -> Finding:
    """What is suggested for a column without a name that holds such values."""
    r = random.Random(seed)
    values = [None if r.random() < missing else dirty(r, maker(r)) for _ in range(rows)]
    fact = ColumnFacts("c17", "text", profile=profile(values, pack, "long"))
    return judge(TableFacts("t3", (ColumnFacts("c1", "bigint"), fact, ColumnFacts("c18", "text"))), pack)[1]


def table(columns: int) -> str:
    """A Markdown table of shares found, by kind and sample; then a confusion table by label; then what was wrong."""
    pack = load()
    lines = ["| values | " + " | ".join(f"{rows} rows" for rows, _ in SAMPLES) + " |", "|---|" + "---:|" * len(SAMPLES)]
    confused: Counter[tuple[str, str]] = Counter()
    for kind, (label, maker) in PROTECTED.items():
        shares = []
        for rows, missing in SAMPLES:
            labels = [found(maker, seed, rows, missing, pack).label for seed in range(columns)]
            confused.update((label, made) for made in labels)
            shares.append(sum(made == label for made in labels) / columns)
        lines.append(f"| {kind} | " + " | ".join(f"{s:.3f}" for s in shares) + " |")
    wrong = Counter[str]()
    for kind, maker in {**HARMLESS, **LOOK_ALIKES}.items():
        for rows, missing in SAMPLES:
            for seed in range(columns):
                made = found(maker, seed, rows, missing, pack).label
                confused["none", made if kind in HARMLESS or made in CORE else "none"] += 1
                wrong[kind] += made in CORE or (kind in HARMLESS and made != "none")
    given = [label for label in LABELS if any(g == label for g, _ in confused)]
    lines += ["", "| held \\ suggested | " + " | ".join(LABELS) + " |", "|---|" + "---:|" * len(LABELS)]
    lines += [f"| {g} | " + " | ".join(str(confused[g, m] or "·") for m in LABELS) + " |" for g in given]
    said = ", ".join(f"{kind} ({n} of {columns * len(SAMPLES)})" for kind, n in wrong.items() if n) or "nothing"
    return "\n".join([*lines, "", f"Wrongly suggested: {said}."])


if __name__ == "__main__":
    print(table(40))
