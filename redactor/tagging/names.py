"""Patterns over words: does what an identifier says fit?

A pattern is written in words: `birth country|nation|place` needs `birth` and one of the three, in any order;
`-certificate` must be absent; a leading `=` means that nothing else of weight may be said (`=name` fits `name` and
`emp_name` in a table whose columns all begin with `emp_`, not `file_name`), but for what `+code` lists. ` / ` stands
between alternatives. A word that ends in `*` fits by its beginning. Knows nothing of tables, people or tags.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class _Alternative:
    """`needs`: for each term the words that satisfy it, and the beginnings; `bars`: words that must be absent;
    `only`: in an exact one, every word that may be said."""

    needs: tuple[tuple[frozenset[str], tuple[str, ...]], ...]
    bars: frozenset[str]
    bar_starts: tuple[str, ...]
    only: frozenset[str] | None

    def fits(self, words: Collection[str], weighty: Collection[str]) -> bool:
        if not self.bars.isdisjoint(words):
            return False
        if self.bar_starts and any(w.startswith(self.bar_starts) for w in words):
            return False
        for options, starts in self.needs:
            if options.isdisjoint(words) and not (starts and any(w.startswith(starts) for w in words)):
                return False
        return self.only is None or self.only.issuperset(weighty)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern: it fits if one of its alternatives does."""

    alternatives: tuple[_Alternative, ...]

    def fits(self, words: Collection[str], weighty: Collection[str]) -> bool:
        """`words`: all that is said; `weighty`: what is left without idle words, and the table's own."""
        return any(a.fits(words, weighty) for a in self.alternatives)


@lru_cache(maxsize=8192)
def pattern(text: str) -> Pattern:
    """The pattern that a line of a pack writes."""
    return Pattern(tuple(_alternative(part) for part in text.split(" / ")))


def _alternative(text: str) -> _Alternative:
    exact = text.startswith("=")
    needs: list[tuple[frozenset[str], tuple[str, ...]]] = []
    bars: set[str] = set()
    only: set[str] = set()
    for term in text.removeprefix("=").split():
        options = term.lstrip("-+").split("|")
        if term.startswith("-"):
            bars.update(options)
            continue
        only.update(options)
        if not term.startswith("+"):
            needs.append(
                (
                    frozenset(w for w in options if not w.endswith("*")),
                    tuple(w[:-1] for w in options if w.endswith("*")),
                )
            )
    starts = tuple(w[:-1] for w in bars if w.endswith("*"))
    return _Alternative(tuple(needs), frozenset(bars), starts, frozenset(only) if exact else None)


def first_words(text: str) -> frozenset[str] | None:
    """Words of which one must be said for the pattern to fit; None where it can fit without any certain word."""
    out: set[str] = set()
    for alternative in pattern(text).alternatives:
        if not alternative.needs or alternative.needs[0][1]:
            return None
        out |= alternative.needs[0][0]
    return frozenset(out)


def words_in(text: str) -> frozenset[str]:
    """Every word that a pattern mentions."""
    terms = (t.lstrip("-+=") for t in text.split() if t != "/")
    return frozenset(w for t in terms for w in t.split("|") if w and not w.endswith("*"))


def spelled(text: str, words: Collection[str] = ()) -> str:
    """A pattern's terms as a person would say them, `birth country`: where given, with the words that were found."""
    out = []
    for term in text.split(" / ")[0].removeprefix("=").split():
        if not term.startswith(("-", "+")):
            options = term.split("|")
            said = [w for w in options if w in words or (w.endswith("*") and any(v.startswith(w[:-1]) for v in words))]
            out.append((said or options)[0].rstrip("*"))
    return " ".join(dict.fromkeys(out))
