"""What a column is taken apart into for the second reader: words, runs of letters, type, comment, table, neighbours.

Knows the forms of traits (`w:country`, `g:^cit`, `l1:documentary`) and nothing of what any of them says: weights are
learned elsewhere. Invariant: a pure function of the facts; what is learned and what is read go through the same code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, pairwise

from redactor.tagging.facts import TableFacts
from redactor.tagging.labels import CORE, Label
from redactor.tagging.tables import Reading
from redactor.tagging.words import Vocabulary, pieces_of, plain

_RUNS = (3, 4, 5)
"""Lengths of the runs of letters that are looked at: they know a word by a part of it."""

_TOLD, _LONG, _MANY = 14, 5, 6
"""Words of a comment, and of a name, that are looked at; from how many on a comment is long."""

_FEW, _SOME = 0.06, 0.2
"""Shares of core columns among a table's: up to the first it has few, up to the second some."""


_AROUND = ("wy:", "cm:", "l1:", "r1:", "l2:", "r2:", "lr:", "l1h:", "r1h:", "core:", "wc:", "t:", "who:", "y:")


def of_itself(traits: Iterable[str]) -> list[str]:
    """The traits of the column's own name and comment, without its type and what stands around it."""
    return [t for t in traits if not t.startswith(_AROUND)]


def traits_of(
    table: TableFacts, reading: Reading, labels: Sequence[Label], vocabulary: Vocabulary
) -> Iterator[tuple[str, ...]]:
    """The traits of each column of the table, in order. `labels`: what the names suggested for its columns."""
    core = sum(label in CORE for label in labels) / max(1, len(labels))
    density = "none" if core == 0 else "few" if core < _FEW else "some" if core < _SOME else "many"
    about = [f"t:{w}" for w in dict.fromkeys(reading.name_words)]
    for at, (fact, said) in enumerate(zip(table.columns, reading.columns, strict=True)):
        out = _own(fact.name, fact.comment, said.words, said.family, said.who, vocabulary)
        out += about
        out.append(f"core:{density}")
        near = {d: labels[at + d] if 0 <= at + d < len(labels) else "-" for d in (-2, -1, 1, 2)}
        out += [f"l1:{near[-1]}", f"r1:{near[1]}", f"l2:{near[-2]}", f"r2:{near[2]}", f"lr:{near[-1]}:{near[1]}"]
        if said.words:
            out += [f"l1h:{near[-1]}:{said.words[-1]}", f"r1h:{near[1]}:{said.words[-1]}"]
            out.extend(f"wc:{w}:{density}" for w in dict.fromkeys(said.words))
        yield tuple(dict.fromkeys(out))


def _own(name: str, comment: str, words: tuple[str, ...], family: str, who: str, vocabulary: Vocabulary) -> list[str]:
    letters = "^" + re.sub(r"[^a-z0-9]+", "_", plain(name).lower()) + "$"
    out = [f"g:{letters[i : i + n]}" for n in _RUNS for i in range(len(letters) - n + 1)]
    out += [f"y:{family}", f"who:{who}"]
    for word in words:
        out += [f"w:{word}", f"wo:{word}:{who}"]
    out.extend(f"b:{a} {b}" for a, b in pairwise(words))
    if words:
        out += [f"h:{words[-1]}", f"f:{words[0]}", f"hy:{words[-1]}:{family}"]
    if len(words) == 1:
        out.append(f"=:{words[0]}")
    out.extend(f"p:{piece}" for piece in pieces_of(name))
    told = [w for w in vocabulary.words(comment) if w not in vocabulary.idle] if comment else []
    out += [f"c:{w}" for w in told]
    out += [f"cb:{a} {b}" for a, b in pairwise(told[:_TOLD])]
    out.append(f"cm:{min(len(told), _LONG)}")
    # what a name teaches holds where a comment says it, and in whatever order
    out += [f"a:{w}" for w in sorted({*words, *told[:_TOLD]})]
    out += [f"wy:{w}:{family}" for w in dict.fromkeys(words)]
    out += [f"s2:{a}+{b}" for a, b in combinations(sorted(set(words))[:_MANY], 2)]
    return out
