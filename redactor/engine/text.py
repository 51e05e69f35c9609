"""A statement's bytes, its tokens, and edits to them. What is not edited reaches the server as it was written.

Knows offsets in UTF-8; must not know what an edit means.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import overload

from redactor.sql import grammar
from redactor.sql.folding import Cut
from redactor.sql.grammar import Token

_OPENING, _CLOSING = 40, 41
"""libpg_query's token numbers of parentheses."""


class Tokens(Sequence[Token]):
    """The tokens of a text, comments left out. `starts` are their byte offsets, in order."""

    __slots__ = ("ends", "kinds", "starts")

    def __init__(self, source: bytes) -> None:
        self.kinds, self.starts, self.ends = grammar.spans(source)

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, index: int) -> Token: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Token]: ...
    def __getitem__(self, index: int | slice) -> Token | Sequence[Token]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return Token(self.kinds[index], self.starts[index], self.ends[index])


_WORD = frozenset(b'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$"') | frozenset(range(128, 256))


def _join(out: bytearray, more: bytes, apart: bool) -> None:
    """Adds to a text; `apart`: no word of it grows together with the last: `ORDER BY(a)LIMIT 2` has no space."""
    if apart and out and more and out[-1] in _WORD and more[0] in _WORD:
        out += b" "
    out += more


class Text:
    """One text being read and rewritten.

    `source` may be folded: the cuts are put back into all that is written out, and counted in positions.
    """

    def __init__(self, source: bytes, cuts: tuple[Cut, ...] = ()) -> None:
        self.source = source
        self.cuts = cuts
        self._tokens: Tokens | None = None
        self._words: list[str] | None = None
        self._edits: list[tuple[int, int, int, str]] = []
        self._replaced: set[tuple[int, int, str]] = set()
        self._suggested: dict[tuple[int, int], str] = {}
        self._everywhere: list[tuple[int, int, str]] = []

    # -------------------------------------------------------------- tokens

    @property
    def tokens(self) -> Tokens:
        """The tokens without comments."""
        if self._tokens is None:
            self._tokens = Tokens(self.source)
        return self._tokens

    def at(self, offset: int) -> int:
        """The index of the first token at or behind an offset."""
        return bisect_left(self.tokens.starts, offset)

    def word(self, index: int) -> str:
        """A token's text in lower case; empty beyond the ends."""
        words = self.words
        return words[index] if 0 <= index < len(words) else ""

    @property
    def words(self) -> list[str]:
        """Every token's text in lower case."""
        if self._words is None:
            self._words = self._lowered()
        return self._words

    def _lowered(self) -> list[str]:
        tokens, source = self.tokens, self.source
        if source.isascii():
            whole = source.decode().lower()
            return [whole[a:b] for a, b in zip(tokens.starts, tokens.ends, strict=True)]
        return [source[a:b].decode("utf-8", "replace").lower() for a, b in zip(tokens.starts, tokens.ends, strict=True)]

    def written(self, start: int, end: int) -> str:
        """What stands between two offsets, literals included; of edits, those that are made everywhere."""
        return self._whole(start, end).decode()

    def behind(self, offset: int) -> bytes:
        """All from an offset on, as it was written."""
        return self._whole(offset, len(self.source))

    def _whole(self, start: int, end: int) -> bytes:
        puts = [(c.at, c.at, c.text) for c in self.cuts if start < c.at <= end]
        puts += [(a, b, text.encode()) for a, b, text in self._everywhere if start <= a and b <= end]
        out, at = b"", start
        for a, b, put in sorted(puts):
            out, at = out + self.source[at:a] + put, b
        return out + self.source[at:end]

    def closing(self, index: int) -> int:
        """The index of the parenthesis that closes the one at an index."""
        kinds = self.tokens.kinds
        depth = 0
        for i in range(index, len(kinds)):
            kind = kinds[i]
            if kind == _OPENING:
                depth += 1
            elif kind == _CLOSING:
                depth -= 1
            if depth == 0:
                return i
        return len(kinds) - 1

    def name_end(self, index: int) -> int:
        """The index behind a dotted name that begins at an index, with its stars and UESCAPE clauses."""
        i = index
        while True:
            i += 1
            if self.word(i) == "uescape":
                i += 2
            if self.word(i) != ".":
                return i
            i += 1

    def position(self, offset: int) -> int:
        """An offset as a position for people: characters from 1."""
        before = sum(len(c.text.decode("utf-8", "replace")) for c in self.cuts if c.at <= offset)
        return len(self.source[:offset].decode("utf-8", "replace")) + before + 1

    # -------------------------------------------------------------- edits

    def put(self, start: int, end: int, text: str) -> None:
        """Replaces a span. Insertions (start = end) at one place stand in the order in which they were made."""
        # a node may stand in the tree more than once; two different texts for one span overlap, and are refused
        if start != end:
            if (start, end, text) in self._replaced:
                return
            self._replaced.add((start, end, text))
        self._edits.append((start, end, len(self._edits), text))

    def put_everywhere(self, start: int, end: int, text: str) -> None:
        """Replaces a span, also in what is written out from now on to stand in a second place."""
        self.put(start, end, text)
        self._everywhere.append((start, end, text))

    def suggest(self, start: int, end: int, text: str) -> None:
        """Replaces a span in which nothing else is replaced: the same in other words."""
        self._suggested[start, end] = text

    def mark(self) -> int:
        """How many edits there are, for `since`."""
        return len(self._edits)

    @property
    def edited(self) -> bool:
        """Whether anything was changed."""
        return bool(self._edits or self._suggested)

    def touched(self, start: int, end: int) -> bool:
        """Whether anything is changed between two offsets, or at them."""
        return any(a <= end and start <= b for a, b, _ in self.edits())

    def render(self, start: int = 0, end: int | None = None) -> bytes:
        """The text between two offsets with its edits."""
        end = len(self.source) if end is None else end
        puts = [(a, b, text.encode(), True) for a, b, text in self.edits()]
        if self.cuts:
            puts = sorted([*puts, *((c.at, c.at, c.text, False) for c in self.cuts)], key=lambda p: (p[0], p[1]))
        out = bytearray()
        at, edited = start, False
        for a, b, put, edits in puts:
            if a < start or b > end:
                continue
            if a < at:
                raise ValueError("edits overlap")
            for piece, apart in ((self.source[at:a], edited), (put, edits)):
                _join(out, piece, apart)
            at, edited = b, edits
        _join(out, self.source[at:end], edited)
        return bytes(out)

    def folded(self) -> bytes:
        """The text with its edits, without what was folded away."""
        bare = Text(self.source)
        bare._edits, bare._suggested = self._edits, self._suggested
        return bare.render()

    def edits(self) -> list[tuple[int, int, str]]:
        """All edits in the order of the text: from, to, what stands there instead."""
        found = sorted((*self._edits, *self._alone()), key=lambda e: (e[0], e[1], e[2]))
        return [(a, b, text) for a, b, _, text in found]

    def _alone(self) -> list[tuple[int, int, int, str]]:
        """The suggestions that no edit touches."""
        if not self._suggested:
            return []
        edits = sorted((a, b) for a, b, _, _ in self._edits)
        starts = [a for a, _ in edits]
        reach = list(accumulate((b for _, b in edits), max, initial=0))
        return [
            (start, end, -1, text)
            for (start, end), text in self._suggested.items()
            # of those that begin before its end, none goes beyond its start
            if reach[bisect_left(starts, end)] <= start
        ]
