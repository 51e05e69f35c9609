"""What takes the place of an error that the server was made to report, and the refusals that are the protocol's own.

Knows decisions' ids and messages for people; keeps no state. Invariant: what a requester is told of an id says
nothing but what the refusal says anyway.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache

from redactor.decision import MARK, Refuse
from redactor.errors import IMITATED
from redactor.model import Problem
from redactor.wire.pg.encodings import codec_of


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error that the server is about to report because it was sent a failing statement, and what to say instead.

    `mark` None: any error at this place is the one (an unknown prepared statement).
    """

    mark: bytes | None
    problem: Problem


def reference(login: str, said: str) -> str:
    """What a requester may quote of a decision: eight hexadecimal digits."""
    return hashlib.sha256(f"{login}\0{said}".encode("utf-8", "replace")).hexdigest()[:8]


def quotable(id: str) -> str:
    """The part of a decision's id that its requester is told."""
    return id.partition("-")[0]


def refusal_of(decision: Refuse, id: str) -> Refusal:
    """What the error of a refused statement becomes. The id is named, unless the problem imitates PostgreSQL's own."""
    problem = decision.problem
    imitates = any(hit.rule == IMITATED for hit in decision.rules)
    if not imitates and (problem.sqlstate in ("42501", "28000") or problem.sqlstate.startswith(("54", "0A"))):
        problem = _quoting(problem, quotable(id))
    return Refusal((MARK + id).encode(), problem)


@lru_cache(maxsize=64)
def _quoting(problem: Problem, quoted: str) -> Problem:
    said = f"Decision {quoted}."
    return replace(problem, detail=f"{problem.detail.rstrip('.')}. {said}" if problem.detail else said)


def too_long(limit: int) -> Refuse:
    return Refuse(
        Refuse.failing(),
        Problem(
            "54000", f"statements longer than {limit} bytes are refused", "", "Send data as parameters, or use COPY."
        ),
    )


OF_ANOTHER = Refuse(
    Refuse.failing(),
    Problem("42501", "this portal was bound on behalf of another end user", "", "Bind and execute it anew."),
)
FUNCTION_CALL = Refuse(
    Refuse.failing(),
    Problem("42501", "function call messages are refused", "", "Call the function in a SELECT."),
)
NOT_AGAIN = Refuse(
    Refuse.failing(),
    Problem("0A000", "what this prepared statement may show has changed", "", "Prepare it again."),
)
UNSENDABLE = Refuse(
    Refuse.failing(),
    Problem("22P05", "the rewritten statement has characters that client_encoding does not", "", "Use UTF8."),
)


def unreadable(text: bytes, encoding: str) -> Refuse:
    """A text that is not in the encoding that the session says, or in one that cannot be read."""
    codec = codec_of(encoding)
    if codec is None:
        return Refuse(
            Refuse.failing(),
            Problem("0A000", f'statements in client_encoding "{encoding}" are not supported', "", "Use UTF8."),
        )
    try:
        text.decode(codec)
        said = ""
    except UnicodeDecodeError as e:
        said = " ".join(f"0x{b:02x}" for b in text[e.start : max(e.end, e.start + 1)])
    return Refuse(Refuse.failing(), Problem("22021", f'invalid byte sequence for encoding "{encoding}": {said}'))
