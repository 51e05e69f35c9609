"""What an identifier says, in plain words: `EMP_dtBirth`, `fechaNacimiento` and `dateofbirth` all say "birth date".

Knows how people write identifiers (camelCase, snake_case, Hungarian prefixes, run-together words, abbreviations,
Spanish) and nothing of what any word reveals. The vocabulary comes from a pack; there is none in this file.
Invariant: a pure function of the text and the vocabulary; the same text always gives the same words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

_PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SAME = frozenset(
    {"species", "series", "sms", "gps", "whatsapp", "mgrs", "ielts", "sevis", "uscis", "tps", "calworks", "days"}
)
_IRREGULAR = {
    "statuses": "status",
    "campuses": "campus",
    "bonuses": "bonus",
    "censuses": "census",
    "movies": "movie",
    "cookies": "cookie",
    "calories": "calorie",
    "people": "person",
}
_VOWELS = frozenset("aeiou")
_LONGEST_COMPOUND = 4
_SHORTEST_SPLIT = 5


def plain(text: str) -> str:
    """The text without accents and the like: `año` becomes `ano`, `dirección` becomes `direccion`."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def pieces_of(identifier: str, knows: Callable[[str], bool] = lambda word: False) -> list[str]:
    """The identifier cut at its own seams (punctuation, case, digits), in lower case.

    A run of capitals before a capitalised word is a word of its own: `IPAddress` is `ip`, `address`; and so it is
    before a word in small letters where both are known: `ESLflag` is `esl`, `flag`.
    """
    out: list[str] = []
    for chunk in re.split(r"[^A-Za-z0-9]+", plain(identifier)):
        # `IPAddress`: the last capital belongs to the word that follows; `URLs`, `IDs` stay whole
        chunk = re.sub(r"([A-Z]{2,})s\b", lambda m: m.group(1) + "S", chunk)
        chunk = re.sub(r"([A-Z]{2,})([a-z]{2,})", lambda m: _seam(m.group(1), m.group(2), knows), chunk)
        chunk = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", chunk)
        out.extend(m.group().lower() for m in _PIECES.finditer(chunk))
    return out


def _seam(capitals: str, small: str, knows: Callable[[str], bool]) -> str:
    usual = knows((capitals[-1] + small).lower())
    return f"{capitals} {small}" if not usual and knows(capitals.lower()) and knows(small) else capitals + small


def singular(word: str) -> str:
    """A plain English plural's singular; other words as they are (`address`, `status` are not plurals)."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 3 or word in _SAME or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") else word


def _bones_of(word: str) -> str:
    """The first letter and the consonants after it, doubled ones once: `citizenship` and `ctznshp` are `ctznshp`."""
    bare = word[0] + "".join(c for c in word[1:] if c not in _VOWELS)
    return "".join(c for at, c in enumerate(bare) if at == 0 or c != bare[at - 1])


def _within(short: str, word: str) -> bool:
    letters = iter(word)
    return all(c in letters for c in short)


@dataclass(frozen=True)
class Vocabulary:
    """Words that are known, what abbreviations and Spanish words mean, and which pieces belong together.

    `means`: a word to the plain words it stands for. `compounds`: pieces, joined by blanks, to the words they make
    (`i 94` to `i94`). `prefixes`: Hungarian type prefixes. `known`: every word that a run-together name may be cut
    into. `idle`: words that say nothing (`of`, `the`, `field`). `runs`: those of `known` that a run-together name may
    be cut into (the rest are too short or too common as parts of other words), `ends` those that may follow others,
    `strong` those that may follow a few letters that nobody knows (`ptssn`).
    """

    means: Mapping[str, tuple[str, ...]]
    compounds: Mapping[str, tuple[str, ...]]
    prefixes: frozenset[str]
    known: frozenset[str]
    idle: frozenset[str]
    runs: frozenset[str]
    ends: frozenset[str]
    strong: tuple[str, ...] = ()
    _cache: dict[str, tuple[str, ...]] = field(default_factory=dict, compare=False, repr=False)
    _bones: dict[str, list[str]] = field(default_factory=dict, compare=False, repr=False)

    def words(self, identifier: str) -> tuple[str, ...]:
        """The plain words that an identifier says, in its order; digits that stand alone are left out."""
        found = self._cache.get(identifier)
        if found is None:
            found = self._cache[identifier] = tuple(self._read(identifier))
        return found

    def _read(self, identifier: str) -> Iterable[str]:
        pieces = pieces_of(identifier, self._knows)
        typed = re.match(r"([a-z]{1,4})(?=[A-Z])", identifier)
        if typed is not None and typed.group(1) in self.prefixes and pieces[0] == typed.group(1):
            pieces = pieces[1:]
        pieces = self._joined(pieces)
        parts: list[str] = []
        for at, piece in enumerate(pieces):
            if at == 0 and len(pieces) > 1 and piece in self.prefixes and piece not in self.means:
                continue
            parts.extend((piece,) if piece.isdigit() else self._cut(piece, first=at == 0))
        for part in self._joined(parts):
            if not part.isdigit():
                yield from self._meaning(part)

    def _meaning(self, word: str) -> tuple[str, ...]:
        if word in self.means:
            return self.means[word]
        one = singular(word)
        if one in self.means:
            return self.means[one]
        return (one,) if one in self.known else self._written_out(one)

    def _written_out(self, short: str) -> tuple[str, ...]:
        """The word that is written without most of its vowels: `ctznshp`, `imgrtn`, `stus`. Else the piece as it is."""
        inner = sum(c in _VOWELS for c in short[1:].removesuffix("e"))
        bones = _bones_of(short) if short.isalpha() else ""
        if len(short) > 12 or inner * 4 > len(short) or len(bones) < (4 if inner or short[0] in _VOWELS else 3):
            return (short,)
        if not self._bones:
            for word in sorted(self.known, key=lambda w: (w in self.means, len(w), w)):
                if len(word) >= _SHORTEST_SPLIT and sum(c in _VOWELS for c in word) * 4 >= len(word):
                    self._bones.setdefault(_bones_of(word), []).append(word)
                    self._bones.setdefault("^" + word[0], []).append(word)
        long = [w for w in self._bones.get(bones, ()) if _within(short, w)]
        if not long and not inner and len(short) >= 4:
            ends = (w for w in self._bones.get("^" + short[0], ()) if w[-1] == short[-1] and len(w) <= 2 * len(short))
            long = [w for w in ends if len(short) < len(w) and _within(short, w)]
        return self.means.get(long[0], (long[0],)) if long else (short,)

    def _joined(self, pieces: list[str]) -> list[str]:
        # `i 94`, `green card`, `e mail`: the longest run of pieces that makes one word
        out: list[str] = []
        at = 0
        while at < len(pieces):
            for size in range(min(_LONGEST_COMPOUND, len(pieces) - at), 1, -1):
                made = self.compounds.get(" ".join(pieces[at : at + size]))
                if made is not None:
                    out.extend(made)
                    at += size
                    break
            else:
                out.append(pieces[at])
                at += 1
        return out

    def opaque(self, identifier: str) -> bool:
        """Whether no word of the identifier is known: `PA0002`, `ERZBG`. Then only its comment says anything."""
        return not any(self._knows(w) or w in self.idle for w in self.words(identifier))

    def _knows(self, word: str) -> bool:
        return word in self.known or singular(word) in self.known

    def _cut(self, piece: str, *, first: bool) -> tuple[str, ...]:
        # a word that is known stays whole; otherwise try a type prefix, then known words run together
        if len(piece) < 3 or self._knows(piece) or self._written_out(piece) != (piece,):
            return (piece,)
        if first:
            for size in (4, 3, 2, 1):
                prefix, rest = piece[:size], piece[size:]
                if prefix in self.prefixes and len(rest) >= 3:
                    if self._knows(rest):
                        return (rest,)
                    parts = self._segments(rest) if size > 1 and len(rest) >= _SHORTEST_SPLIT else None
                    if parts is not None and self._segments(piece) is None:
                        return parts
        if len(piece) >= _SHORTEST_SPLIT:
            parts = self._segments(piece)
            if parts is not None:
                return parts
        for word in self.strong:
            if piece.endswith(word) and 0 < len(piece) - len(word) <= 4:
                return (piece[: -len(word)], word)
        return (piece,)

    def _segments(self, text: str) -> tuple[str, ...] | None:
        """The fewest known words that make up the text exactly, or None. Words of one letter never count."""
        best: list[tuple[int, tuple[str, ...]] | None] = [None] * (len(text) + 1)
        best[0] = (0, ())
        for end in range(2, len(text) + 1):
            for start in range(max(0, end - 16), end - 1):
                before = best[start]
                word = text[start:end]
                # a short word costs more, so that `dateofbirth` is not `da teo fb`
                known = word in self.runs or (start > 0 and word in self.ends)
                if before is None or not (known or (end - start > 3 and singular(word) in self.runs)):
                    continue
                cost = before[0] + (10 if end - start > 3 else 14 if end - start == 3 else 17)
                here = best[end]
                if here is None or cost < here[0]:
                    best[end] = (cost, (*before[1], word))
        whole = best[len(text)]
        if whole is None or len(whole[1]) > 5 or sum(len(w) <= 2 and w not in self.ends for w in whole[1]) > 1:
            return None
        return whole[1]
