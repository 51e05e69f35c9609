"""How much what is sent may change the meaning of what comes behind it.

Knows transitions; keeps no state. Invariant: only what is sent behind a statement of no weight, or of a light one, may
be decided before that statement has been answered.
"""

from __future__ import annotations

from enum import IntEnum
from typing import assert_never

from redactor.transitions import (
    Answer,
    Begin,
    Deallocate,
    Declare,
    Drop,
    DropTemps,
    Finish,
    Make,
    Open,
    Prepare,
    Release,
    ResetAll,
    RollbackTo,
    Savepoint,
    SchemaChanged,
    SetEncoding,
    SetIdentity,
    SetOrder,
    SetPath,
    SetRole,
    Transition,
)


class Weight(IntEnum):
    """How much a statement's transitions can change the meaning of what comes behind it."""

    NONE = 0
    LIGHT = 1
    """Only what a later ROLLBACK goes back to."""
    BACK = 2
    """Goes back to an earlier context: matters when that differs."""
    HEAVY = 3


def weigh(transition: Transition) -> Weight:
    match transition:
        case Answer():
            return Weight.NONE
        case Begin() | Savepoint() | Release():
            return Weight.LIGHT
        case Finish() | RollbackTo():
            return Weight.BACK
        case (
            SetPath()
            | SetEncoding()
            | SetIdentity()
            | SetRole()
            | SetOrder()
            | ResetAll()
            | Make()
            | Drop()
            | DropTemps()
            | Prepare()
            | Deallocate()
            | Declare()
            | Open()
            | SchemaChanged()
        ):
            return Weight.HEAVY
        case _:
            assert_never(transition)


def heaviest(transitions: tuple[tuple[Transition, ...], ...]) -> Weight:
    """The greatest weight among all statements' transitions."""
    if not any(transitions):
        return Weight.NONE
    return max((weigh(t) for one in transitions for t in one), default=Weight.NONE)
