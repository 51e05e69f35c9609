"""What a session wants done, in order: bytes to either side, entries, questions to the outside.

Knows the vocabulary only. Must not do anything: that is `proxy`. The sum type `Effect` is closed: match it
exhaustively and end with `assert_never`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from redactor.decision import Entry
from redactor.model import Requester


@dataclass(frozen=True, slots=True)
class ToServer:
    data: bytes | memoryview


@dataclass(frozen=True, slots=True)
class ToClient:
    data: bytes | memoryview


@dataclass(frozen=True, slots=True)
class StartTLS:
    """Answer the client's SSLRequest with S and begin TLS as its server."""


@dataclass(frozen=True, slots=True)
class Record:
    """Make the entry durable; nothing that follows in the list may be performed before it is."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Spend:
    """Count rows against a disclosure order, durably, before any of them leaves; the answer goes to `spent`.

    `decision`: the id of the decision by which they were read. `at`: when, in seconds since the epoch.
    """

    order: str
    requester: Requester
    rows: int
    decision: str
    at: float


@dataclass(frozen=True, slots=True)
class Refresh:
    """Publish a new snapshot before anything more of this session is decided: its own DDL has just passed, or an answer
    names what the snapshot does not know."""


@dataclass(frozen=True, slots=True)
class Outdate:
    """The snapshot no longer stands: from here on nothing is decided, for anyone from whom something is hidden, in any
    process, before a newer one is published. DDL has passed of a session from which nothing is hidden."""


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Publish a snapshot that knows all that an `Outdate` told of, before anything more of this session is decided."""


@dataclass(frozen=True, slots=True)
class FindSecret:
    """Find out how `login` proves itself; what is found goes to the session's `secret_found`."""

    login: str


@dataclass(frozen=True, slots=True)
class CheckToken:
    """Check a token that is to log in, with a provider's newest keys; the answer goes to `token_checked`."""

    provider: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Close:
    """End both connections. `reason` is for the operator's log and holds no data."""

    reason: str


Effect: TypeAlias = (
    ToServer | ToClient | StartTLS | Record | Spend | Refresh | Outdate | CatchUp | FindSecret | CheckToken | Close
)
