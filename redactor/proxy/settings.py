"""What the proxy is told when it starts, what it asks of others, and what it counts.

Knows values only; opens nothing. The invariant: everything that a relay needs and that is not its own socket is in
one `Services`, so that a relay can be read without the listener.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from redactor.config import Address, Logins, Upstream
from redactor.decision import Entry, Verdict
from redactor.effects import Spend
from redactor.errors import RedactorError
from redactor.judge import Judge
from redactor.model import Grant, Identity, Problem
from redactor.proxy.certificates import Tls
from redactor.proxy.verifiers import Verifiers
from redactor.wire.pg import Limits, Place


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to listen, for which databases. Times in seconds.

    `databases`: by the name that clients use. `tls`: what clients are offered first; `Proxy.show` replaces it.
    `logins`: which logins are checked by the proxy, and how.
    `listen` None: clients are handed over by another process (`Proxy.take`).
    `login_timeout`: from connecting to the first ReadyForQuery. `idle_timeout`: in which a client neither says anything
    nor waits for an answer; None: for ever. `grace`: how long `Proxy.close` lets sessions end.
    """

    listen: Address | None
    databases: Mapping[str, Upstream]
    tls: Tls | None = None
    logins: Logins = field(default_factory=Logins)
    limits: Limits = field(default_factory=Limits)
    connect_timeout: float = 10.0
    login_timeout: float = 60.0
    idle_timeout: float | None = None
    grace: float = 5.0


class Log(Protocol):
    """Where entries go."""

    def hand_in(self, entry: Entry, done: Callable[[RedactorError | None], None]) -> None:
        """Has the entry made durable, and `done` called, on the event loop and after this has returned: with None when
        it is, or with why it cannot be. Raises `errors.LogUnavailable` when it is known at once that it cannot."""
        ...


class Neighbours(Protocol):
    """The other processes of the same service, and what is counted for all of them together."""

    async def enter(self, id: str, login: str) -> Problem | None:
        """Whether one more client may come, or why not."""
        ...

    def leave(self, id: str) -> None:
        """A client has gone, whether or not it had been let in."""
        ...

    async def cancel(self, key: bytes) -> None:
        """A cancel request for a session that is not here; returns when whoever has it has seen to it."""
        ...


@dataclass(slots=True)
class Counters:
    """What has happened since the start; `active` is now. Sessions are counted when a client connects."""

    sessions: int = 0
    active: int = 0
    cancels: int = 0
    allowed: int = 0
    redacted: int = 0
    refused: int = 0
    tripwires: int = 0
    log_failures: int = 0
    upstream_failures: int = 0
    refresh_failures: int = 0
    login_failures: int = 0

    def count(self, entry: Entry) -> None:
        """An entry is durable."""
        if entry.outcome == "tripwire":
            self.tripwires += 1
            return
        match entry.verdict:
            case Verdict.ALLOWED:
                self.allowed += 1
            case Verdict.REDACTED:
                self.redacted += 1
            case Verdict.REFUSED:
                self.refused += 1
            case _:
                assert_never(entry.verdict)


@dataclass(slots=True)
class Front:
    """What clients are shown at the moment."""

    tls: Tls | None


Report = Callable[[str, Mapping[str, str]], None]
"""Told what the operator should know: an event, and names and reasons without any data."""

CheckToken = Callable[[str, str, float], Awaitable[Identity | str]]
"""Whom a token of that provider names at a time (seconds since the epoch), or why nobody."""


SpendRows = Callable[[Spend], Awaitable[Problem | None]]
"""Counts rows against a disclosure order, durably; None, or why they may not be shown. Raises `LogUnavailable`."""

GrantsOf = Callable[[str, str], tuple[Grant, ...]]
"""The disclosure orders of a database and a login that are approved and not used up."""


@dataclass(frozen=True, slots=True)
class Services:
    """What every relay shares."""

    settings: Settings
    places: Mapping[str, Place]
    refresh: Callable[[str], Awaitable[None]]
    log: Log
    clock: Callable[[], float]
    new_id: Callable[[], str]
    counters: Counters
    cancel_keys: dict[bytes, str]
    front: Front
    verifiers: Verifiers
    check_token: CheckToken
    report: Report
    spend: SpendRows
    neighbours: Neighbours
    outdate: Callable[[str], Awaitable[None]]
    catch_up: Callable[[str], Awaitable[None]]


Current = Callable[[str], Judge]
GroupsOf = Callable[[str, str], frozenset[str]]
