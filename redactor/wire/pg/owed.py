"""Prepared statements, and what the server owes for each message that it was sent.

Knows what was decided of a statement and in what order answers come; must not know bytes on the wire. Invariant: those
that carry nothing are one shared object each, and are told by identity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from redactor.decision import Allow, Decision, Origin, Redact, Refuse
from redactor.judge import Judge
from redactor.model import Requester
from redactor.transitions import Transition
from redactor.wire.pg.refusals import Refusal
from redactor.wire.pg.weight import Weight, heaviest

if TYPE_CHECKING:
    from redactor.wire.pg.behalf import Heard
    from redactor.wire.pg.orders import Kept


def origins_of(decision: Decision) -> tuple[tuple[Origin, ...], ...]:
    """What the client is to be told of where outputs come from, by statement."""
    return () if isinstance(decision, Refuse) else decision.origins


class Prepared:
    """A prepared statement: what the client wrote, what was sent for it, and under what that was decided.

    `types` is None for one made by SQL PREPARE, which cannot be made again by a Parse. `epoch` is the number of Syncs
    that had been sent when it was parsed; `settled`: the server has said that it is there. `covered`: the entry written
    at Parse stands for the next execution too. `plain`: executing it changes nothing and moves no error's position.
    `steady`: it is rewritten, executing it changes nothing, and each execution is as the one before; what the server
    owes for one is then `owed_for` it. `heard`: the end user whom its text names.
    """

    __slots__ = (
        "covered",
        "decision",
        "epoch",
        "heard",
        "judge",
        "key",
        "name",
        "owed",
        "plain",
        "recorded",
        "sent",
        "settled",
        "steady",
        "text",
        "transitions",
        "types",
        "weight",
    )

    @property
    def origins(self) -> tuple[tuple[Origin, ...], ...]:
        """Where its outputs come from, for the client."""
        return origins_of(self.decision)

    def __init__(
        self,
        name: bytes,
        text: str,
        sent: str,
        types: bytes | None,
        decision: Decision,
        key: object,
        judge: Judge,
        heard: Heard | None = None,
    ) -> None:
        self.name = name
        self.text = text
        self.sent = sent
        self.types = types
        self.decision = decision
        self.key = key
        self.judge = judge
        self.transitions = decision.transitions[0] if decision.transitions else ()
        self.weight = heaviest((self.transitions,))
        self.recorded = bool(decision.rules) if isinstance(decision, Redact) else getattr(decision, "recorded", False)
        self.plain = (
            self.weight is Weight.NONE and isinstance(decision, Allow) and not decision.origins and heard is None
        )
        steady = isinstance(decision, Redact) and decision.grant is None
        self.steady = steady and not self.transitions and heard is None
        self.owed: tuple[tuple[Expected, ...], tuple[Expected, ...]] | None = None
        self.heard = heard
        self.epoch = 0
        self.settled = False
        self.covered = True


def owed_for(statement: Prepared) -> tuple[tuple[Expected, ...], tuple[Expected, ...]]:
    """What the server owes for Bind, Execute and Sync of a steady statement, and with a Describe between; the same each
    time, since nothing changes it."""
    if statement.owed is None:
        bind = Expected(BIND.kind, texts=(statement.text, statement.sent), origins=statement.origins)
        describe = Expected(DESCRIBE.kind, origins=statement.origins) if statement.origins else DESCRIBE
        execute = Expected(EXECUTE.kind, statement=statement)
        statement.owed = (bind, execute, SYNC), (bind, describe, execute, SYNC)
    return statement.owed


class Expected:
    """A reply, or series of replies, that the server owes for one message (`kind`, as an integer).

    `silent`: the session asked on its own account, and the client must not see the answer. `transitions`: one tuple
    for each statement of a Query; `at` counts those answered. `statement`: what a Parse makes or what is executed.
    `name`: the statement that a Close ends. `texts`: original and sent, where an error's position must be moved.
    `whose`: who asked, where the text named an end user itself. `kept`: rows that wait to be counted. `origins`: where
    the outputs of each statement come from, for the client. `told`: the row description that was met last, and the
    message that the client was sent instead.
    """

    __slots__ = (
        *(
            "at",
            "failed",
            "kept",
            "kind",
            "name",
            "origins",
            "refusal",
            "silent",
            "statement",
            "texts",
            "told",
            "transitions",
        ),
        "whose",
    )

    def __init__(
        self,
        kind: int,
        *,
        silent: bool = False,
        transitions: tuple[tuple[Transition, ...], ...] = (),
        refusal: Refusal | None = None,
        statement: Prepared | None = None,
        name: bytes | None = None,
        texts: tuple[str, str] | None = None,
        whose: Requester | None = None,
        origins: tuple[tuple[Origin, ...], ...] = (),
    ) -> None:
        self.whose = whose
        self.origins = origins
        self.kind = kind
        self.silent = silent
        self.transitions = transitions
        self.refusal = refusal
        self.statement = statement
        self.name = name
        self.texts = texts
        self.at = 0
        self.failed = False
        self.kept: Kept | None = None
        self.told: tuple[bytes, bytes] | None = None


# The many that carry nothing are shared, and told by identity.
QUERY, PARSE, BIND, DESCRIBE, EXECUTE, CLOSE, SYNC, CALL = (Expected(k) for k in b"QPBDECSF")


def moved_position(position: int, original: str, sent: str) -> int:
    """Where a position (characters from 1) in what was sent is in what the client wrote; 0 when it is in neither.

    Known for what is the same at both texts' beginnings and ends, and behind what was put in first; the rest of what
    lies between was written by redactor.
    """
    shorter = min(len(original), len(sent))
    prefix = _alike(original, sent, 0, 0)
    if position <= prefix:
        return position
    begun = sent.find(original[prefix : prefix + _SURE], prefix) if prefix + _SURE <= len(original) else -1
    if begun >= 0 and begun < position <= begun + _alike(original, sent, prefix, begun):
        return position - begun + prefix
    suffix = 0
    while suffix < shorter - prefix and original[-1 - suffix] == sent[-1 - suffix]:
        suffix += 1
    if position > len(sent) - suffix:
        return position - len(sent) + len(original)
    return 0


def _alike(one: str, other: str, at: int, there: int) -> int:
    """How many characters are the same in both, from two places on."""
    longest = min(len(one) - at, len(other) - there)
    count = 0
    while count < longest and one[at + count] == other[there + count]:
        count += 1
    return count


_SURE = 24
"""So many characters in a row are not the same by chance."""
