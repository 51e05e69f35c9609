"""The batches that sessions are mostly made of, judged in one pass and sent on as they came.

Knows a few shapes: from the client one (Parse,) Bind, (Describe,) Execute, Sync of a statement that was decided before,
or one Query, which is allowed and nothing else; from the server the whole, successful answer to one of them. Must not
hold anything. Keeps: where it says yes, `requests` and `replies` would have passed the same bytes, recorded the same
and left the same state; where it says no, nothing has been touched, and they see to it. (tests/wire/test_passage.py)
"""

from __future__ import annotations

import math

from redactor.decision import Allow
from redactor.effects import Record
from redactor.wire.pg import behalf, messages
from redactor.wire.pg.conversation import (
    BIND,
    DESCRIBE,
    EXECUTE,
    QUERY,
    SYNC,
    Conversation,
    Expected,
    Prepared,
    owed_for,
)
from redactor.wire.pg.framing import HEADER, frame, past_alike, read_head
from redactor.wire.pg.replies import Replies
from redactor.wire.pg.requests import Requests

_EXECUTE = b"E\0\0\0\x09\0\0\0\0\0"
_DESCRIBE = b"D\0\0\0\x06P\0"
_SYNC = b"S\0\0\0\x04"
_BARE = BIND, EXECUTE, SYNC
_TAILS: dict[bytes, tuple[Expected, ...]] = {
    _EXECUTE + _SYNC: _BARE,
    _DESCRIBE + _EXECUTE + _SYNC: (BIND, DESCRIBE, EXECUTE, SYNC),
}
"""What stands behind the Bind of an unnamed portal whose rows are all wanted, and what the server then owes."""

_BEGINNINGS = b"SsIiUuDdWw"
"""Of SELECT, INSERT, UPDATE, DELETE, WITH: what is asked for often, and what a judge remembers."""
_ASKED = 4096
_PARSED = b"1\0\0\0\x04"
_BOUND = b"2\0\0\0\x04"
_NO_DATA = b"n\0\0\0\x04"
_READY_IDLE, _READY_BLOCK = b"Z\0\0\0\x05I", b"Z\0\0\0\x05T"
_READY = 6


class Passage:
    """The short way of a session that has logged in. Close it by `open = False`; nothing passes then.

    `due`: an execution that has just been let pass, and must be in the log before its bytes are sent; ask `record`.
    """

    __slots__ = ("_c", "_replies", "_requests", "due", "open")

    def __init__(self, conversation: Conversation, requests: Requests, replies: Replies) -> None:
        self._c = conversation
        self._requests = requests
        self._replies = replies
        self.due: Prepared | None = None
        self.open = True

    def record(self, now: float) -> Record:
        """What must be durable before the bytes just let pass are sent. Only where something is `due`."""
        statement, self.due = self.due, None
        assert statement is not None, "nothing is due"
        c = self._c
        return c.record(now, c.next_id(statement.decision), statement.decision, statement.text)

    def client(self, data: bytes) -> bool:
        """Whether all these bytes may go to the server as they are; what it then owes has been noted. See `due`."""
        c = self._c
        if not self.open or c.blocked or c.copying or c.skipping or c.unsettled or c.schema_changed:
            return False
        if not c.exempt and not c.place.settled():
            return False
        requests = self._requests
        if requests.left or not requests.pending.empty or requests.ended or c.expiry != math.inf:
            return False
        grants = c.place.grants
        if grants is not None and (grants(c.requester.login) is not c.offered or c.turn != math.inf):
            return False
        kind = data[0]
        if kind == 81:  # Query
            if c.place.current() is not c.judge or b"" in c.ahead or b"" in c.confirmed:
                return False
            if data not in c.plans and not self._may_ask(data):
                return False
            c.queue.append(QUERY)
            return True
        size = len(data)
        if not 8 <= size <= c.limits.message:
            return False
        judge, at = c.judge, 0
        known = None
        if kind == 80:  # Parse, of the unnamed statement, whose very bytes were decided before
            at = 1 + read_head(data)[1]
            known = c.plans.get(data[:at])
            if known is None or size < at + 8:
                return False
            kind = data[at]
        if kind != 66 or data[at + 5]:  # Bind, to the unnamed portal
            return False
        stop = at + 1 + read_head(data, at)[1]
        owed = _TAILS.get(data[stop:])
        end = data.find(b"\0", at + 6, stop)
        if owed is None or end < 0 or c.place.current() is not judge:
            return False
        if known is not None:
            if end != at + 6:
                return False
            # the one of before stands for the new one: they are the same, whichever of them the server has
            statement = known
            statement.epoch = c.epoch
            c.ahead[b""] = statement
            c.queue.append(Expected(80, statement=statement))
        else:
            found = c.ahead.get(data[6:end])
            if found is None or found.key is not c.key or found.judge is not judge:
                return False
            if not found.settled and found.epoch != c.epoch:
                return False
            if not found.plain:
                if not found.steady:
                    return False
                bind, describe, execute = owed_for(found)
                owed = (bind, execute, SYNC) if owed is _BARE else (bind, describe, execute, SYNC)
                if found.recorded:
                    if not found.covered:
                        self.due = found
                    found.covered = False
            elif found.recorded:
                return False
            statement = found
        c.portals[b""] = statement
        c.epoch += 1
        c.queue.extend(owed)
        return True

    def _may_ask(self, data: bytes) -> bool:
        """Whether a Query that has not been seen is allowed, and there is nothing else to it.

        The judge is asked; where the answer is another, the long way asks it again, and it remembers.
        """
        c = self._c
        size = len(data)
        if not 6 < size <= _ASKED or data[5] not in _BEGINNINGS or size > min(c.limits.text, c.limits.message):
            return False
        if read_head(data)[1] != size - 1 or data.find(b"\0", 5) != size - 1 or c.codec is None:
            return False
        try:
            text = data[5:-1].decode(c.codec)
        except UnicodeDecodeError:
            return False
        if behalf.mentioned(text):
            return False
        decision = c.judge.decide(c.requester, c.context, text)
        if type(decision) is not Allow or decision.recorded or decision.origins or any(decision.transitions):
            return False
        c.remember(data, None)
        return True

    def server(self, data: bytes) -> bytes | None:
        """What may go to the client for all these bytes, which is nearly always they themselves; what they answer is
        owed no longer. None: that is not for this way to say."""
        c = self._c
        if not self.open or c.blocked or c.copying or c.unsettled or c.schema_changed or c.keeping:
            return None
        replies = self._replies
        if replies.left or not replies.pending.empty or not self._requests.pending.empty:
            return None
        end = len(data) - _READY
        if end < 0:
            return None
        idle = data.endswith(_READY_IDLE)
        if (not idle and not data.endswith(_READY_BLOCK)) or idle is bool(c.context.levels):
            return None
        queue = c.queue
        owed = len(queue)
        if not owed:
            return None
        sent = data
        at = answered = 0
        described = False
        parsed = None
        head = queue[0]
        if head.kind == 80:
            parsed = head.statement
            if parsed is None or head.refusal is not None or head.silent or owed < 4 or not data.startswith(_PARSED):
                return None
            at, answered, head = 5, 1, queue[1]
        told: Expected | None = None
        if head.kind == 66 and head.refusal is None and not head.silent and head.whose is None:
            if owed < answered + 3 or not data.startswith(_BOUND, at):
                return None
            at, answered = at + 5, answered + 1
            head = queue[answered]
            if head.kind == 68 and head.refusal is None and not head.silent and head.whose is None:
                if owed < answered + 3:
                    return None
                answered, described_by = answered + 1, head
                head = queue[answered]
                if data.startswith(_NO_DATA, at):
                    at += 5
                else:
                    described = True
                    told = described_by
            if head is not EXECUTE and not (head.statement is not None and head.statement.steady and head.kind == 69):
                return None
            if queue[answered + 1] is not SYNC:
                return None
            answered += 2
        elif head is QUERY and parsed is None:
            answered = 1
            described = data[0] == 84
        else:
            return None
        if described:
            kind, length = read_head(data, at)
            body, at = at + 5, at + 1 + length
            if kind != 84 or length < 4 or at > end:
                return None
            shape = data[body:at]
            if not c.exempt and shape not in c.shapes:
                return None
            if told is not None and told.origins:
                sent = data[: body - 5] + _said(told, shape) + data[at:]
        # rows, and one CommandComplete behind them
        if data[at] == 68:
            at = past_alike(data, at, end, 68)
        if end - at < HEADER:
            return None
        kind, length = read_head(data, at)
        if kind != 67 or at + 1 + length != end:
            return None
        if parsed is not None:
            c.confirm(parsed)
        if answered == owed:
            queue.clear()
            if idle and c.portals:
                c.portals.clear()
            return sent
        while answered:
            queue.popleft()
            answered -= 1
        return sent


def _said(described: Expected, shape: bytes) -> bytes:
    """The row description that the client is sent for one of that body."""
    known = described.told
    if known is not None and known[0] == shape:
        return known[1]
    message = messages.with_origins(shape, described.origins[0]) or frame(b"T", shape)
    described.told = shape, message
    return message
