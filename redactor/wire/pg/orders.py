"""Disclosure orders on the wire: which are in force now, and rows that wait until they have been counted.

Knows grants, their times and the server's messages; must not know what an order opens, nor how many rows are left.
Keeps: not a row of a statement that reads under an order leaves, nor their number, before the shell has counted them
against it (`Spend`); where it may not count them, none leaves. While such a statement runs, nothing else is sent.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from redactor.decision import Refuse
from redactor.effects import Effect, Spend, ToClient, ToServer
from redactor.errors import ProtocolViolation
from redactor.model import Grant, Problem, RuleHit
from redactor.wire.pg import messages
from redactor.wire.pg.conversation import Conversation
from redactor.wire.pg.framing import HEADER, LARGEST, read_head
from redactor.wire.pg.owed import Expected
from redactor.wire.pg.refusals import refusal_of

if TYPE_CHECKING:
    from redactor.wire.pg.replies import Replies

_Q, _P, _E = b"QPE"
_ROW, _COPY, _COMPLETE, _SUSPENDED, _READY = b"DdCsZ"


# ------------------------------------------------------------------ what is in force


def settled(c: Conversation, now: float, out: list[Effect]) -> bool:
    """Makes the context that of the orders in force at `now`; False: what is owed has to be answered first."""
    place = c.place
    if place.grants is None:
        return True
    offered = place.grants(c.requester.login)
    if (offered is c.offered and now < c.turn) or c.copying:
        return True
    active = tuple(g for g in offered if g.begins <= now < g.ends)
    if active != c.context.offered and c.queue:
        if not c.draining:
            c.drain()
            out.append(ToServer(messages.FLUSH))
        return False
    times = [t for g in offered for t in (g.begins, g.ends) if t > now]
    c.offered, c.turn = offered, min(times, default=math.inf)
    if active != c.context.offered:
        order = c.context.now.order
        late = order is not None and now >= order.ends
        c.move(c.context.offering(active, "its time is over" if late else "it was revoked, or its rows are used up"))
    return True


# ------------------------------------------------------------------ rows that are counted before they leave


class Kept:
    """Rows read under a disclosure order, until they have been counted. `over`: more than may ever be, and let go."""

    __slots__ = ("count", "decision", "end", "grant", "over", "rows", "size", "text")

    def __init__(self, grant: Grant, decision: str, text: str) -> None:
        self.grant = grant
        self.decision = decision
        self.text = text
        self.rows: list[bytes] = []
        self.count = self.size = 0
        self.over = False
        self.end = b""

    def add(self, row: bytes, limit: int) -> None:
        """One more DataRow; all of them may have `limit` bytes."""
        self.count += 1
        self.size += len(row)
        if self.over or self.count > self.grant.cap or self.size > limit:
            self.over = True
            self.rows.clear()
        else:
            self.rows.append(row)


def keep(c: Conversation, expected: Expected, grant: Grant, decision: str, text: str) -> None:
    """The statement that is about to be sent reads under an order."""
    expected.kept = Kept(grant, decision, text)
    c.keeping = True
    c.hold(expected)


def walk(replies: Replies, c: Conversation, data: bytes, now: float, out: list[Effect]) -> tuple[int, int]:
    """Server messages while rows are kept. Gives how far it came, and how many bytes it needs to go on (0: any)."""
    at, end = 0, len(data)
    while end - at >= HEADER and c.keeping and not c.spending:
        kind, length = read_head(data, at)
        stop = at + 1 + length
        if not 4 <= length <= min(LARGEST, c.limits.reply):
            raise ProtocolViolation("the server sent a message that is too long to be looked at")
        if stop > end:
            return at, stop - at
        head = c.queue[0] if c.queue else None
        kept = None if head is None else head.kept
        if kept is not None and kind == _ROW:
            kept.add(data[at:stop], c.limits.reply)
        elif kept is not None and kind in (_COMPLETE, _SUSPENDED):
            kept.end = data[at:stop]
            if kept.over:
                spent(replies, c, _too_much(kept.grant, c.limits.reply), now, out)
            else:
                c.spending = True
                out.append(Spend(kept.grant.id, c.requester, kept.count, kept.decision, now))
        elif kind in (_ROW, _COPY):
            if head is None or head.kind not in (_Q, _E) or kept is not None:
                raise ProtocolViolation("the server sent data that nobody asked for")
            out.append(ToClient(data[at:stop]))
        else:
            instead = replies.look(kind, data, at, stop, now)
            out.extend(instead or ())
            if c.looking:
                return at, 0
            if instead is None or kind == _READY:
                out.append(ToClient(data[at:stop]))
            if replies.ended:
                return end, 0
            c.keeping = any(e.kept is not None for e in c.queue)
        at = stop
    return at, 0


def spent(replies: Replies, c: Conversation, problem: Problem | None, now: float, out: list[Effect]) -> None:
    """The rows have been counted, and leave; or they may not be, and an error stands in their place."""
    head = c.queue[0]
    kept = head.kept
    assert kept is not None, "only kept rows are spent"
    head.kept = None
    c.spending = c.keeping = False
    if problem is None:
        out.append(ToClient(b"".join((*kept.rows, kept.end))))
        replies.complete(head, kept.end)
    else:
        id = c.next_id()
        refused = Refuse(Refuse.failing(), problem, rules=(RuleHit(*_named(kept.grant)),))
        refusal = refusal_of(refused, id)
        entry = c.record(now, id, refused, kept.text, refusal.problem)
        if head.kind == _Q:
            replies.complete(head, kept.end)
            error = messages.problem_message(refusal.problem, "ERROR", c.codec or "utf-8")
            out.extend((entry, ToClient(error)))
        else:
            replies.complete(head, kept.end)
            # a statement that fails, so that the server, too, skips what comes until the Sync
            expected = Expected(_P, refusal=refusal, name=messages.RESERVED)
            c.queue.append(expected)
            c.hold(expected)
            failing = messages.parse(messages.RESERVED, refused.text_for(id).encode())
            out.extend((entry, ToServer(failing), ToServer(messages.FLUSH)))


def _too_much(grant: Grant, limit: int) -> Problem:
    why = f"the answer has more than {grant.cap} rows, or {limit} bytes: under the disclosure order none of it is shown"
    return Problem("42501", why, "", "Ask for less at a time, by the key.")


def _named(grant: Grant) -> tuple[str, str]:
    return grant.hit.rule, grant.hit.because
