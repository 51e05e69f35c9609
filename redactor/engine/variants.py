"""The same statement with other literals: decided once, answered again without being read.

Knows literals, tokens and the places of edits; must not know what a literal means. Invariant: an answer is given for a
text only where reading the text would have given the same, since

- it differs from one that was read only inside literals of the plainest kinds (`'...'` without a backslash, an integer
  of at most nine digits, a comment in a comment's place), each of which PostgreSQL's scanner took for one token; a
  scanner that has read the same characters before and will read the same behind takes the other for one token too;
- the decision was made once with the values of those literals out of reach (`Watched`), and each that was reached for
  all the same, or that stands in no constant of the tree, must be the same to the letter.

docs/decisions/0021-the-same-shape.md tells why no list of special cases is needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from operator import itemgetter
from typing import Any, assert_never

from redactor.decision import Allow, Decision, Redact, Refuse
from redactor.engine.text import Text
from redactor.errors import RedactorError
from redactor.sql import grammar
from redactor.sql.grammar import Node, Statement
from redactor.sql.tokens import COMMENTS
from redactor.sql.watched import Watched

LONGEST = 4096
"""Characters of a text that is looked at; so that its shape is always written out (at most 16 kB of UTF-8)."""

KINDS = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})
_ANSWERS = 64
"""Answers of one template, for different values of the literals that must be the same."""

_SCONST, _ICONST, _C_COMMENT = 261, 266, 276
"""libpg_query's token numbers."""

# what an identifier or a number may be made of, from ASCII on: a literal may not touch it
_WORD = r"A-Za-z0-9_$\x80-\U0010ffff"
_NEVER = r"\0\ud800-\udfff"
_LITERAL = re.compile(
    rf"""([0-9'/](?:
        (?<=')(?<![{_WORD}&]')[^'\\{_NEVER}]*+(?:''[^'\\{_NEVER}]*+)*+'
      | (?<=[0-9])(?<![{_WORD}.][0-9])[0-9]{{0,8}}+(?![{_WORD}.])
      | (?<=/)\*[^*/{_NEVER}]*+(?:(?:\*(?!/)|/(?!\*))[^*/{_NEVER}]*+)*+\*/
    ))""",
    re.X,
)
split: Callable[[str], list[str | Any]] = _LITERAL.split
"""A text as pieces and, between them, what may be a plain literal. Which are is for the scanner to say."""

_first = itemgetter(0)


class Template:
    """What is known of all texts with the same pieces. Without `kinds`, nothing yet; `barren`: no answer will do."""

    __slots__ = ("answers", "barren", "bytes", "kinds", "pinned")

    def __init__(self) -> None:
        self.kinds: list[str] | None = None
        self.pinned: tuple[int, ...] = ()
        self.answers: dict[tuple[str, ...], _Answer] = {}
        self.barren = False
        self.bytes = 200

    def answer(self, literals: list[str]) -> Decision | None:
        """The decision on the text with those literals; None: it must be read."""
        if self.kinds is None or self.kinds != ["0" if (c := x[0]) not in "'/" else c for x in literals]:
            return None
        pinned = self.pinned
        found = self.answers.get(tuple([literals[i] for i in pinned]) if pinned else ())
        return None if found is None else found.given(literals)


class _Answer:
    """A decision whose text, if it has one, is `parts`; `holes`: at which of them which literal stands."""

    __slots__ = ("decision", "holes", "parts", "rest")

    def __init__(self, decision: Decision, parts: list[str], holes: tuple[tuple[int, int], ...]) -> None:
        self.decision = decision
        self.parts = parts
        self.holes = holes
        self.rest = tuple(getattr(decision, f.name) for f in fields(decision)[1:]) if holes else ()

    def given(self, literals: list[str]) -> Decision:
        decision = self.decision
        if not self.holes:
            return decision
        parts = self.parts.copy()
        for at, n in self.holes:
            parts[at] = literals[n]
        # a rewritten text: all but the text is the same
        return Redact("".join(parts), *self.rest)


# ------------------------------------------------------------------ reading with the literals out of reach


class WatchedText(Text):
    """A text whose literals look alike, token by token; written out, they are reached for."""

    def __init__(self, source: bytes, holes: dict[int, int], reached: set[int]) -> None:
        super().__init__(source)
        self._holes = holes
        self._reached = reached

    def _lowered(self) -> list[str]:
        starts = self.tokens.starts
        return ["?" if at in self._holes else word for at, word in zip(starts, super()._lowered(), strict=True)]

    def written(self, start: int, end: int) -> str:
        self._reached.update(n for at, n in self._holes.items() if start <= at < end)
        return super().written(start, end)


class Watch:
    """One text about to be decided with its literals out of reach. `fit`: whether that is possible."""

    def __init__(self, parts: list[str]) -> None:
        self.pieces = parts[::2]
        self.literals = parts[1::2]
        self.source = "".join(parts).encode("utf-8", "surrogatepass")
        self.reached: set[int] = set()
        tokens = grammar.scan(self.source)
        kinds = {(t.start, t.end): t.kind for t in tokens}
        self.holes: dict[int, int] = {}
        self.ends: dict[int, int] = {}
        at = 0
        unread: set[int] = set()
        for n, literal in enumerate(self.literals):
            start = at + len(self.pieces[n].encode("utf-8", "surrogatepass"))
            at = start + len(literal.encode("utf-8", "surrogatepass"))
            kind = kinds.get((start, at))
            if kind == _C_COMMENT and literal[0] == "/":
                self.holes[start], self.ends[start] = n, at
            elif kind == (_SCONST if literal[0] == "'" else _ICONST):
                self.holes[start], self.ends[start] = n, at
                unread.add(n)
            else:
                # not a token of its own
                self.reached.add(n)
        signed = {start: n for start, n in self.holes.items() if n in unread}
        plain = [t for t in tokens if t.kind not in COMMENTS]
        for sign, token in zip(reversed(plain[:-1]), reversed(plain), strict=False):
            # PostgreSQL's grammar makes -5 one constant, which stands where its sign does
            if token.start in signed and self.source[sign.start : sign.end] == b"-":
                signed[sign.start] = signed[token.start]
        self.statements = grammar.parse(self.source)
        found = _watch([s.node for s in self.statements], signed, self.reached)
        # in no constant of the tree: it became something else, such as the type in float(24)
        self.reached |= unread - found
        self.text = WatchedText(self.source, self.holes, self.reached)

    @property
    def kinds(self) -> list[str]:
        return ["0" if x[0] not in "'/" else x[0] for x in self.literals]

    def learn(self, template: Template, decision: Decision) -> int:
        """Puts an answer into the template, if one can be had of the decision; gives how many bytes it added."""
        answer = self._answer(decision)
        if answer is None:
            template.barren = True
            return 0
        pinned = tuple(sorted({*self.reached, *template.pinned}))
        if (self.kinds, pinned) != (template.kinds, template.pinned) or len(template.answers) >= _ANSWERS:
            template.answers = {}
        template.kinds, template.pinned = self.kinds, pinned
        template.answers[tuple(self.literals[i] for i in pinned)] = answer
        return sum(p.__sizeof__() for p in answer.parts) + 64 * len(answer.holes) + 400

    def _answer(self, decision: Decision) -> _Answer | None:
        match decision:
            case Allow():
                return _Answer(decision, [], ())
            case Refuse():
                # where something stands in a text hangs on how long the literals before it are
                same = decision.problem.position == 0 and decision.text == Refuse.failing()
                return _Answer(decision, [], ()) if same else None
            case Redact():
                return self._rewritten(decision)
            case _:
                assert_never(decision)

    def _rewritten(self, decision: Redact) -> _Answer | None:
        parts: list[str] = []
        holes: list[tuple[int, int]] = []
        starts = sorted(self.holes)
        at = 0
        for start, end, text in (*self.text.edits(), (len(self.source), len(self.source), "")):
            for hole in starts:
                if hole < start and self.ends[hole] > start:
                    return None
                if at <= hole < start:
                    parts += [self.source[at:hole].decode(), ""]
                    holes.append((len(parts) - 1, self.holes[hole]))
                    at = self.ends[hole]
            parts += [self.source[at:start].decode(), text]
            if any(hole < end < self.ends[hole] for hole in starts):
                return None
            at = max(at, end)
        answer = _Answer(replace(decision, text=""), parts, tuple(holes))
        given = answer.given(self.literals) if holes else replace(decision, text="".join(parts))
        if given != decision or not _are_tokens(parts, holes, self.literals):
            return None
        return answer if holes else _Answer(decision, [], ())


def _are_tokens(parts: Iterable[str], holes: list[tuple[int, int]], literals: list[str]) -> bool:
    """Whether the literals are tokens of the rewritten text, too."""
    numbers = dict(holes)
    wanted: set[tuple[int, int]] = set()
    out = bytearray()
    for i, part in enumerate(parts):
        written = (literals[numbers[i]] if i in numbers else part).encode()
        if i in numbers:
            wanted.add((len(out), len(out) + len(written)))
        out += written
    try:
        return wanted <= {(t.start, t.end) for t in grammar.scan(bytes(out))}
    except RedactorError:
        return False


def _watch(nodes: list[Node], holes: dict[int, int], reached: set[int]) -> set[int]:
    """Puts constants out of reach, in place; gives the literals that are one."""
    found: set[int] = set()
    stack: list[Any] = list(nodes)
    while stack:
        item = stack.pop()
        if type(item) is list:
            stack += item
        elif type(item) is dict:
            for key, inner in item.items():
                if key == "A_Const":
                    number = holes.get(inner.get("location", -1))
                    if number is not None:
                        found.add(number)
                        item[key] = Watched(inner, number, reached)
                elif type(inner) is dict or type(inner) is list:
                    stack.append(inner)
    return found


__all__ = ["KINDS", "LONGEST", "Statement", "Template", "Watch", "split"]
