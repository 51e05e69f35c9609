"""What a session asks of a published snapshot.

Knows the questions only; `engine` answers them. Invariant: everything that can differ between two answers is an
argument or the snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from redactor.context import Context
from redactor.decision import Decision, Refuse
from redactor.model import Problem, RelationName, Requester


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """Where a text gives a token: characters from 0; `start` = `end`: not as a constant.

    In a comment (`/*redactor_identity='...'*/`) the span is what stands between the quotes, and is for that text
    only; of SET and set_config it is the whole literal. `whole`: SET without LOCAL.
    """

    start: int
    end: int
    value: str = field(repr=False)
    comment: bool = False
    whole: bool = True


class Judge(Protocol):
    """What a session asks of a published snapshot. Immutable; every method is a pure function of its arguments."""

    @property
    def snapshot(self) -> str:
        """The snapshot's digest, as entries name it."""

    def begin(self, requester: Requester, parameters: Mapping[str, str], search_path: str | None) -> Context | Problem:
        """The context in which a session starts, or why it may not.

        `parameters`: the start-up message's, `options` included. `search_path`: what the server says it is once logged
        in; None while that is not known yet.
        """

    def decide(self, requester: Requester, context: Context, text: str) -> Decision:
        """What is to become of a text, of one statement or several, in that context."""

    def named(self, requester: Requester, relation: RelationName) -> RelationName | None:
        """What an error names instead of a partition, where which partition a row is in is hidden."""

    def takes(self, requester: Requester, context: Context, types: tuple[int, ...]) -> Refuse | None:
        """Why parameters of these types (oids) may not be given, if so: making a value of a type may read."""

    def tokens(self, text: str) -> tuple[TokenPlace, ...] | None:
        """Where a text gives a token for an end user; None: the text cannot be read."""

    def speaks_for(self, requester: Requester) -> frozenset[str]:
        """The issuers of the end users on whose behalf the requester's login may ask."""

    def exempt(self, requester: Requester) -> bool:
        """Whether nothing in this database is hidden from the requester."""

    def forbidden(self, requester: Requester) -> frozenset[tuple[int, int]]:
        """The (relation oid, attnum; 0: whole row) that no RowDescription to the requester may name."""

    def knows(self, relation: int, number: int) -> bool:
        """Whether the snapshot has that column (attnum; 0 or less: any) of that relation (oid), or PostgreSQL has."""

    def made_by(self, requester: Requester, relation: int) -> RelationName | None:
        """The name of a relation (oid) that is the requester's login's and that nobody has reviewed; else None."""

    def tells(self, requester: Requester, sqlstate: str, relation: RelationName, detail: str) -> bool:
        """Whether the DETAIL of an error about that relation (fields s, t) would show hidden values."""
