"""What a session is told of the database that it is for, and of its bounds.

Knows whom to ask; keeps nothing. Invariant: what is asked of a `Place` answers the same until its edition is turned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from redactor.judge import Judge
from redactor.model import Grant, Identity
from redactor.wire.pg.admission import Entrance
from redactor.wire.pg.framing import LARGEST


class Edition:
    """What stands for all that may be asked of a place, so that whoever has asked need only compare.

    `of` is another object after each `turn`. Whoever makes a place answer otherwise turns it in the same step, before
    anything else of the event loop runs.
    """

    __slots__ = ("of",)

    def __init__(self) -> None:
        self.of = object()

    def turn(self) -> None:
        """From here on other answers hold."""
        self.of = object()


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one session may make the proxy hold, in bytes unless said.

    `text`: the longest Query or Parse message that is held to be decided; longer ones are refused unread. `message`:
    the longest message of any kind; a longer one ends the session.
    `held`: client bytes waiting while the session is blocked, beyond which the shell should stop reading.
    `reply`: the longest server message that must be looked at whole. `plans`, `shapes`: remembered frames and row
    descriptions. `portals`: how many portals may be open between two ReadyForQuery with nothing owed.
    """

    text: int = 16 << 20
    held: int = 256 << 10
    reply: int = 16 << 20
    plans: int = 16 << 10
    shapes: int = 16 << 10
    portals: int = 10_000
    message: int = LARGEST


@dataclass(frozen=True, slots=True)
class Place:
    """A database as clients name it: its name upstream, its newest snapshot, and a login's groups there.

    `entrance`: how its logins are checked, where the proxy does that. `identify`: whom a token names of one of these
    issuers at a time (seconds since the epoch), or why nobody. `settled`: whether the newest snapshot knows all that an
    `Outdate` has told of. `grants`: a login's disclosure orders that have been
    approved and not used up, whatever the time; the same tuple as long as nothing has changed. `edition`: is turned
    whenever one of `current`, `settled` and `grants` would answer otherwise than before; None: nobody does that.
    """

    name: str
    upstream: str
    current: Callable[[], Judge]
    groups_of: Callable[[str], frozenset[str]]
    entrance: Entrance | None = None
    identify: Callable[[str, frozenset[str], float], Identity | str] | None = None
    grants: Callable[[str], tuple[Grant, ...]] | None = None
    settled: Callable[[], bool] = lambda: True
    edition: Edition | None = None
