"""What was decided on a statement, and what the log is asked to remember of it.

Knows the vocabulary only. Must not decide anything: that is `engine`. The sum type `Decision` is closed: match it
exhaustively and end with `assert_never`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from redactor.model import ColumnUse, Footprint, Grant, Problem, Requester, RuleHit
from redactor.transitions import Transition

Origin: TypeAlias = tuple[int, int]
"""The (relation oid, attnum) of a column in RowDescription; attnum 0 is a whole row."""

NOWHERE: Origin = (0, 0)
"""The origin of what is no table's column."""

MARK = "redactor: refused, decision "
"""What a refused statement is replaced by asks for a column of this name and the decision's id: there is none."""

_ID = "\x00"
_NOTHING = Footprint()


@dataclass(frozen=True, slots=True)
class Allow:
    """Goes through as it is. `recorded`: the policy asks that it be logged. `transitions`: one tuple a statement;
    `origins` as for `Redact`, where a prepared text was rewritten."""

    footprint: Footprint
    transitions: tuple[tuple[Transition, ...], ...] = ()
    rules: tuple[RuleHit, ...] = ()
    shape: str = ""
    recorded: bool = False
    origins: tuple[tuple[Origin, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Redact:
    """Goes through as `text`. `grant`: the disclosure order under which it reads; its rows count against that.

    `origins`: one tuple a statement: what the client is to be told where each output comes from (RowDescription),
    where the server can no longer tell since a mask stands there; empty where that is not known.
    """

    text: str
    footprint: Footprint
    rules: tuple[RuleHit, ...]
    transitions: tuple[tuple[Transition, ...], ...] = ()
    shape: str = ""
    grant: Grant | None = None
    origins: tuple[tuple[Origin, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Refuse:
    """Goes through as a statement that must fail (`text_for`), whose error then becomes `problem`.

    Of a text with several statements only the refused one is replaced, so that those before it take effect and are
    rolled back exactly as a failing statement would have had it.
    """

    text: str
    problem: Problem
    footprint: Footprint = _NOTHING
    rules: tuple[RuleHit, ...] = ()
    transitions: tuple[tuple[Transition, ...], ...] = ()
    shape: str = ""

    def text_for(self, decision: str) -> str:
        """The text to send, marked with the decision's id (at most 32 ASCII letters, digits and hyphens)."""
        return self.text.replace(_ID, decision)

    @staticmethod
    def failing() -> str:
        """A statement that any PostgreSQL refuses in parse analysis, after BEGIN and in a read-only transaction."""
        return f'SELECT "{MARK}{_ID}"'


Decision: TypeAlias = Allow | Redact | Refuse


class Verdict(Enum):
    """A decision's name in the log."""

    ALLOWED = "allowed"
    REDACTED = "redacted"
    REFUSED = "refused"


def verdict_of(decision: Decision) -> Verdict:
    """The name under which the log keeps a decision."""
    match decision:
        case Allow():
            return Verdict.ALLOWED
        case Redact():
            return Verdict.REDACTED
        case Refuse():
            return Verdict.REFUSED


@dataclass(frozen=True, slots=True)
class Entry:
    """What the log is asked to remember of a decision, before it is numbered and sealed.

    `shape` has no literals; `text` has them all and leaves the proxy only encrypted and as a keyed digest.
    `at` is seconds since the epoch, UTC. `outcome` is what is known when the entry is written (`sent`, `refused`,
    `tripwire`).
    """

    at: float
    decision: str
    verdict: Verdict
    requester: Requester
    rules: tuple[RuleHit, ...]
    columns: tuple[ColumnUse, ...]
    shape: str
    text: str
    snapshot: str
    outcome: str
    problem: Problem | None = None
