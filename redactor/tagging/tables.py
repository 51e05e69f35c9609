"""What kind of table this is, and whom each of its columns is about.

Reads a table's name, its source's and its columns' words against the pack's contexts. Knows nothing of tags. The
answer for a column is one of: a person, an organisation, nobody (a lookup, a setting, a total), or unknown.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from redactor.tagging.facts import ColumnFacts, TableFacts, family
from redactor.tagging.names import pattern
from redactor.tagging.pack import WHO, Pack

_SHORT = 4
"""A word of so many letters can be short for a longer one of the table's name."""

_TOLD = 6
"""Words of a comment that count for what kind of table this is."""


@dataclass(frozen=True, slots=True)
class Said:
    """A column's words: all of them; those of weight (no idle words, not the table's own); whom it is about."""

    words: tuple[str, ...]
    weighty: frozenset[str]
    family: str
    who: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A table as read. `contexts`: its kinds, each with how that is known."""

    contexts: dict[str, str]
    columns: tuple[Said, ...]
    name_words: tuple[str, ...]


def read(table: TableFacts, pack: Pack) -> Reading:
    """The table's kinds and what each of its columns says."""
    said = pack.vocabulary.words
    name = said(table.name.rsplit(".", 1)[-1])
    columns = [_completed(said(c.name), name, pack) for c in table.columns]
    own = _own_words(name, columns, pack)
    contexts = _contexts(
        table, name, [_told(c, w, pack) for c, w in zip(table.columns, columns, strict=True)], own, pack
    )
    whole = _who(contexts, pack)
    idle = pack.vocabulary.idle
    out = []
    for fact, words in zip(table.columns, columns, strict=True):
        weighty = frozenset(w for w in words if w not in idle and w not in own) or frozenset(words) - idle
        out.append(Said(words, weighty, family(fact.type), _about(words, own, whole, pack)))
    return Reading(contexts, tuple(out), name)


def _told(fact: ColumnFacts, words: tuple[str, ...], pack: Pack) -> tuple[str, ...]:
    # where a name says nothing to anyone (`GBLND`), the comment says what kind of table this is
    if fact.comment and pack.vocabulary.opaque(fact.name):
        return pack.vocabulary.words(fact.comment)[:_TOLD]
    return words


def _completed(words: tuple[str, ...], name: tuple[str, ...], pack: Pack) -> tuple[str, ...]:
    """The words, with what is short for a word of the table's name written out: `passnum` of `passport`."""
    long = [w for w in name if len(w) > _SHORT and w not in pack.vocabulary.idle]
    if not long:
        return words
    return tuple(next((n for n in long if len(w) >= _SHORT and w != n and n.startswith(w)), w) for w in words)


def _own_words(name: tuple[str, ...], columns: list[tuple[str, ...]], pack: Pack) -> frozenset[str]:
    """Words that a column repeats from its table: the name's, and a first word that most columns share."""
    own = {w for w in name if w not in pack.vocabulary.idle}
    own.update(f"{w[0]}{v[0]}" for w, v in pairwise(name))  # initials: `ep_` in emp_passport
    first = Counter(words[0] for words in columns if len(words) > 1)
    if first:
        word, times = first.most_common(1)[0]
        if times >= 3 and times >= 0.5 * len(columns):
            own.add(word)
    return frozenset(own)


def _contexts(
    table: TableFacts, name: tuple[str, ...], columns: list[tuple[str, ...]], own: frozenset[str], pack: Pack
) -> dict[str, str]:
    idle = pack.vocabulary.idle
    heads = [w for w in name if w not in idle]
    head = heads[-1] if heads else ""
    around = frozenset(pack.vocabulary.words(table.source)) | frozenset(pack.vocabulary.words(table.comment))
    said = [(w, frozenset(w) - idle - own or frozenset(w) - idle) for w in columns]

    def fitting(patterns: tuple[str, ...]) -> list[str]:
        return [p for p in patterns if any(pattern(p).fits(*w) for w in said)]

    found: dict[str, str] = {}
    by_columns: set[str] = set()
    around_only: set[str] = set()
    for key, spec in pack.contexts.items():
        if fitting(spec.never):
            continue
        fit = fitting(spec.columns)
        share = sum(any(pattern(p).fits(*w) for p in fit) for w in said) / len(said) if said else 0.0
        enough = spec.need and len(fit) >= spec.need and share >= spec.share
        if enough and (not spec.also or fitting(spec.also)):
            found[key] = "its columns"
            by_columns.add(key)
        elif (head in spec.heads or not frozenset(name).isdisjoint(spec.words)) and share >= spec.share / 2:
            found[key] = f"named {table.name}"
        elif spec.who is None and spec.by_source and not around.isdisjoint(spec.words):
            found[key] = "what the source or the table's comment says"
            around_only.add(key)

    def ruled_out(by: str) -> bool:
        other, _, how = by.partition(":")
        return other in (by_columns if how == "columns" else found)

    kept = {k: v for k, v in found.items() if not any(ruled_out(n) for n in pack.contexts[k].not_with)}
    if "immigration" in kept and "immigration" in around_only:
        kept["by_source"] = found["immigration"]
    return kept


def _who(contexts: dict[str, str], pack: Pack) -> str:
    whom = {pack.contexts[c].who for c in contexts}
    return next((w for w in ("nobody", "person", "organisation") if w in whom), "unknown")


def _about(words: tuple[str, ...], own: frozenset[str], whole: str, pack: Pack) -> str:
    # a qualifier in the column's own name outweighs the table: `vendor_phone` in people, `owner_name` in parcels
    bare = frozenset(words) - own or frozenset(words)
    for who in ("person", "organisation", "nobody"):
        for spec in pack.contexts.values():
            if spec.who == who and not bare.isdisjoint(spec.qualifiers):
                return who
    assert whole in WHO
    return whole
