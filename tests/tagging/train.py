"""Learns the second reader's weights from labelled columns, and says how well it reads systems that it has not seen.

`python -m tests.tagging.train [FILE.jsonl ...]` writes `reader.json` and `likes.json` of `redactor/tagging/pack` from
the labelled schemas of this folder and the files given; `--check` leaves one source after the other out and prints the
figures of what reads it then. A multinomial logistic regression over the traits of `redactor.tagging.traits`, by
full-batch Adam; numpy only, no randomness: the same columns give the same weights. Beside each column it is shown a
copy that counts less, as another system would write it.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from redactor.tagging.facts import TableFacts, rows_in, tables_of
from redactor.tagging.judge import suggest
from redactor.tagging.labels import CORE, LABELS
from redactor.tagging.likeness import SHIPPED as LIKES
from redactor.tagging.pack import Pack, load
from redactor.tagging.reader import SHIPPED, Reader
from redactor.tagging.report import by_source, compare
from redactor.tagging.tables import read
from redactor.tagging.traits import traits_of
from tests.tagging.made_up import HERE, rows
from tests.tagging.otherwise import written_otherwise

Floats = np.ndarray[Any, np.dtype[np.float32]]

MADE_UP = ("held_out.txt", "held_out_2.txt")

SOURCES_OF_A_TRAIT = 2
"""A trait that one source alone has says nothing of others."""

CORE_COUNTS = 2.0
"""A core column counts as much as this many others."""

COPY_COUNTS = 0.25
"""A copy of a column, written otherwise, counts as much as this part of it."""

HELD_BACK = 0.1
"""How strongly weights are held towards zero. Fewer steps hold back too: more of them read unseen systems worse."""

STEPS, PACE = 120, 0.3
CORE_SHARE, OTHER_SHARE = 0.1, 0.65
SCALE = 20
SMALL = 5
"""Weights are written in parts of 1 / SCALE; a trait none of whose weights is more than this many is left out."""


@dataclass(frozen=True)
class Example:
    """A labelled column: its source, its traits, its label's number, and how much it counts."""

    source: str
    traits: tuple[str, ...]
    label: int
    counts: float = 1.0


def examples(labelled: Sequence[dict[str, Any]], pack: Pack) -> list[Example]:
    """The labelled columns and their copies, taken apart. The tables are read whole, without their labels, by names
    alone."""
    label = {(str(r.get("source") or ""), r["table"], r["column"]): r["label"] for r in labelled}
    tables = list(tables_of(labelled))
    given = [[label[t.source, t.name, c.name] for c in t.columns] for t in tables]
    plain = _taken_apart(tables, given, pack, 1.0)
    others = _taken_apart([written_otherwise(t) for t in tables], given, pack, COPY_COUNTS)
    return [*plain, *others]


def _taken_apart(
    tables: Sequence[TableFacts], given: Sequence[Sequence[str]], pack: Pack, counts: float
) -> list[Example]:
    found = suggest(tables, replace(pack, reader=None))
    out = []
    for table, labels in zip(tables, given, strict=True):
        suggested = [next(found).label for _ in table.columns]
        each = traits_of(table, read(table, pack), suggested, pack.vocabulary)
        out += [
            Example(table.source, traits, LABELS.index(label), counts)
            for traits, label in zip(each, labels, strict=True)
            if label != "x"
        ]
    return out


def learn(given: Sequence[Example]) -> Reader:
    """The weights that fit the examples."""
    sources: dict[str, set[str]] = defaultdict(set)
    for e in given:
        for t in e.traits:
            sources[t].add(e.source)
    number = {t: n for n, t in enumerate(sorted(t for t, s in sources.items() if len(s) >= SOURCES_OF_A_TRAIT), 1)}
    has = [np.array([0, *(number[t] for t in e.traits if t in number)]) for e in given]
    sizes = np.array([len(h) for h in has])
    column, row = np.concatenate(has), np.repeat(np.arange(len(has)), sizes)
    value = (1 / np.sqrt(sizes))[row].astype(np.float32)[:, None]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    order = np.argsort(column, kind="stable")
    first = np.flatnonzero(np.r_[True, column[order][1:] != column[order][:-1]])
    kinds, by_row, by_value = column[order][first], row[order], value[order]
    wanted = np.eye(len(LABELS), dtype=np.float32)[[e.label for e in given]]
    counts = np.array([e.counts * (CORE_COUNTS if LABELS[e.label] in CORE else 1) for e in given], np.float32)[:, None]
    weights = np.zeros((len(number) + 1, len(LABELS)), np.float32)
    mean, square = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, STEPS + 1):
        sums = np.add.reduceat(weights[column] * value, starts, axis=0)
        shares = np.exp(sums - sums.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        slope = HELD_BACK * weights
        slope[0] = 0
        slope[kinds] += np.add.reduceat(((shares - wanted) * counts)[by_row] * by_value, first, axis=0)
        mean = 0.9 * mean + 0.1 * slope
        square = 0.99 * square + 0.01 * slope * slope
        pace = PACE * (1 if step < STEPS * 0.6 else 0.3)
        weights -= pace * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-6)
    whole = np.rint(weights * SCALE).astype(int)
    kept = {t: whole[n] for t, n in number.items() if np.abs(whole[n]).max() > SMALL}
    return Reader(
        {t: tuple(float(w) / SCALE for w in row) for t, row in kept.items()},
        tuple(round(float(b), 3) for b in weights[0]),
        CORE_SHARE,
        OTHER_SHARE,
    )


def save(reader: Reader, file: Path = SHIPPED) -> None:
    """Writes the weights, a trait to a line, in parts of 1 / SCALE."""
    lines = [
        f"{json.dumps(t, ensure_ascii=False)}: {json.dumps([round(w * SCALE) for w in row], separators=(',', ':'))}"
        for t, row in reader.weights.items()
    ]
    head = {"labels": LABELS, "scale": SCALE, "bias": reader.bias, "core": reader.core, "other": reader.other}
    file.write_text(json.dumps(head)[:-1] + ', "weights": {\n' + ",\n".join(lines) + "\n}}\n", "utf-8")


def save_likes(labelled: Sequence[dict[str, Any]], pack: Pack, file: Path = LIKES) -> int:
    """Writes the columns that may be named as evidence: each name once for a label, and its system by number."""
    systems: dict[str, int] = {}
    columns: dict[str, list[str]] = {label: [] for label in LABELS[:-1]}
    seen = set()
    for row in labelled:
        said = " ".join(sorted({w for w in pack.vocabulary.words(row["column"]) if w not in pack.vocabulary.idle}))
        if row["label"] in columns and said and (row["label"], said) not in seen:
            seen.add((row["label"], said))
            at = systems.setdefault(str(row["source"]), len(systems))
            columns[row["label"]].append(json.dumps([row["column"], at, said], ensure_ascii=False))
    parts = [f"{json.dumps(label)}: [\n" + ",\n".join(known) + "\n]" for label, known in columns.items()]
    head = json.dumps(list(systems), ensure_ascii=False)
    file.write_text(f'{{"systems": {head},\n"columns": {{\n' + ",\n".join(parts) + "\n}}\n", "utf-8")
    return len(seen)


def left_out(labelled: Sequence[dict[str, Any]], pack: Pack, folds: int = 10) -> list[Any]:
    """The cases of every source, each read by what was learned from the others. Sources are left out a few at once."""
    given = examples(labelled, pack)
    sources = list(dict.fromkeys(str(r.get("source") or "") for r in labelled))
    cases = []
    for fold in range(folds):
        out = set(sources[fold::folds])
        reader = learn([e for e in given if e.source not in out])
        unseen = [r for r in labelled if str(r.get("source") or "") in out]
        cases.extend(compare(unseen, replace(pack, reader=reader)))
    return cases


def made_up() -> set[str]:
    """The sources that are made up: nothing may be said to read like them."""
    return {r["source"] for f in MADE_UP for r in rows(f)}


def gathered(files: Iterable[str]) -> list[dict[str, Any]]:
    """The labelled columns of this folder and of the files."""
    own = sorted(f for f in (HERE / "fixtures").glob("*.txt") if not f.name.startswith("untouched"))
    out = [r for f in (*MADE_UP, "standards.txt") for r in rows(f)]
    out += [r for f in own for r in rows(f"fixtures/{f.name}")]
    for file in files:
        out += rows_in(Path(file).read_text("utf-8"), file)
    return out


def main(arguments: Sequence[str]) -> int:
    """The command."""
    labelled, pack = gathered(a for a in arguments if not a.startswith("--")), load()
    if "--check" in arguments:
        print(by_source(left_out(labelled, pack)))
        return 0
    reader = learn(examples(labelled, pack))
    save(reader)
    save_likes([r for r in gathered(()) if r["source"] not in made_up()], pack)
    print(f"{len(labelled)} columns, {len(reader.weights)} traits, {SHIPPED.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
