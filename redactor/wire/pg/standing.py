"""Whether what a session is decided by still stands: the end user's token, and the snapshot.

Knows the conversation and the time that it is given; must not know messages, but the one that asks for what is owed.
Invariant: after a token's time nothing is asked on its behalf; after an `Outdate` nothing is decided by the snapshot
before it, unless nothing is hidden from the requester.
"""

from __future__ import annotations

from redactor.effects import CatchUp, Effect, ToServer
from redactor.wire.pg import messages
from redactor.wire.pg.conversation import Conversation


def expired(c: Conversation, now: float, out: list[Effect]) -> bool:
    """Lets the end user's token go where it is too old at `now`; False: what is owed has to be answered first."""
    if now < c.expiry or c.copying:
        return True
    if c.queue:
        if not c.draining:
            c.drain()
            out.append(ToServer(messages.FLUSH))
        return False
    c.expire()
    return True


def settled(c: Conversation, out: list[Effect]) -> bool:
    """Whether the snapshot may be decided by; False: a newer one has been asked for, and is waited for."""
    if c.exempt or c.copying or c.place.settled():
        return True
    if not c.refreshing:
        c.refreshing = c.blocked = True
        out.append(CatchUp())
    return False
