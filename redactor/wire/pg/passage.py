"""The batches that sessions are mostly made of, judged in one pass and sent on as they came.

Knows a few shapes: from the client one Bind, Describe, Execute, Sync of a statement that was decided before, or one
Query whose very bytes were; from the server the whole, successful answer to one of them. Must not decide, change or
hold anything. Keeps: where it says yes, `requests` and `replies` would have passed the same bytes unchanged and left
the same state; where it says no, nothing has been touched, and they see to it. (tests/wire/test_passage.py)
"""

from __future__ import annotations

import math

from redactor.wire.pg.conversation import BIND, DESCRIBE, EXECUTE, QUERY, SYNC, Conversation, Expected
from redactor.wire.pg.replies import Replies
from redactor.wire.pg.requests import Requests

_EXECUTE = b"E\0\0\0\x09\0\0\0\0\0"
_DESCRIBE = b"D\0\0\0\x06P\0"
_SYNC = b"S\0\0\0\x04"
_TAILS: dict[bytes, tuple[Expected, ...]] = {
    _EXECUTE + _SYNC: (BIND, EXECUTE, SYNC),
    _DESCRIBE + _EXECUTE + _SYNC: (BIND, DESCRIBE, EXECUTE, SYNC),
}
"""What stands behind the Bind of an unnamed portal whose rows are all wanted, and what the server then owes."""

_BOUND = b"2\0\0\0\x04"
_NO_DATA = b"n\0\0\0\x04"
_READY_IDLE, _READY_BLOCK = b"Z\0\0\0\x05I", b"Z\0\0\0\x05T"
_READY = 6
_LARGEST = 0x3FFFFFFF


class Passage:
    """The short way of a session that has logged in. Close it by `open = False`; nothing passes then."""

    __slots__ = ("_c", "_replies", "_requests", "open")

    def __init__(self, conversation: Conversation, requests: Requests, replies: Replies) -> None:
        self._c = conversation
        self._requests = requests
        self._replies = replies
        self.open = True

    def client(self, data: bytes) -> bool:
        """Whether all these bytes may go to the server as they are; what it then owes has been noted."""
        c = self._c
        if not self.open or c.blocked or c.copying or c.skipping or c.unsettled or c.schema_changed:
            return False
        requests = self._requests
        if requests.left or not requests.pending.empty or requests.ended or c.expiry != math.inf:
            return False
        grants = c.place.grants
        if grants is not None and (grants(c.requester.login) is not c.offered or c.turn != math.inf):
            return False
        kind = data[0]
        if kind == 81:  # Query
            if data not in c.plans or c.place.current() is not c.judge:
                return False
            if b"" in c.ahead or b"" in c.confirmed:
                return False
            c.queue.append(QUERY)
            return True
        if kind != 66 or not 8 <= len(data) <= c.limits.message or data[5]:  # Bind, to the unnamed portal
            return False
        stop = 1 + int.from_bytes(data[1:5], "big")
        owed = _TAILS.get(data[stop:])
        if owed is None:
            return False
        end = data.find(b"\0", 6, stop)
        if end < 0:
            return False
        statement = c.ahead.get(data[6:end])
        if statement is None or not statement.plain or statement.recorded:
            return False
        judge = c.judge
        if statement.key is not c.key or statement.judge is not judge or c.place.current() is not judge:
            return False
        if not statement.settled and statement.epoch != c.epoch:
            return False
        c.portals[b""] = statement
        c.epoch += 1
        c.queue.extend(owed)
        return True

    def server(self, data: bytes) -> bool:
        """Whether all these bytes may go to the client as they are; what they answer is owed no longer."""
        c = self._c
        if not self.open or c.blocked or c.copying or c.unsettled or c.schema_changed or c.keeping:
            return False
        replies = self._replies
        if replies.left or not replies.pending.empty or not self._requests.pending.empty:
            return False
        end = len(data) - _READY
        if end < 0:
            return False
        ready = data[end:]
        idle = ready == _READY_IDLE
        if (not idle and ready != _READY_BLOCK) or idle is bool(c.context.levels):
            return False
        queue = c.queue
        owed = len(queue)
        if not owed:
            return False
        at = answered = 0
        head = queue[0]
        if head is BIND:
            if owed < 3 or data[:5] != _BOUND:
                return False
            at, answered, head = 5, 1, queue[1]
            if head is DESCRIBE:
                if owed < 4:
                    return False
                if data[5:10] == _NO_DATA:
                    at = 10
                else:
                    at = self._described(data, 5, end)
                    if at < 0:
                        return False
                answered, head = 2, queue[2]
            if head is not EXECUTE or queue[answered + 1] is not SYNC:
                return False
            answered += 2
        elif head is QUERY:
            answered = 1
            if data[0] == 84:  # RowDescription
                at = self._described(data, 0, end)
                if at < 0:
                    return False
        else:
            return False
        while at < end:
            # rows, and one CommandComplete behind them
            length = int.from_bytes(data[at + 1 : at + 5], "big")
            if length < 4 or length > _LARGEST:
                return False
            kind = data[at]
            at += 1 + length
            if kind == 67:
                break
            if kind != 68:
                return False
        else:
            return False
        if at != end:
            return False
        while answered:
            queue.popleft()
            answered -= 1
        if idle and not queue and c.portals:
            c.portals.clear()
        return True

    def _described(self, data: bytes, at: int, end: int) -> int:
        """Where a RowDescription at `at` ends whose columns the requester may receive, else -1."""
        stop = at + 1 + int.from_bytes(data[at + 1 : at + 5], "big")
        if data[at] != 84 or stop < at + 5 or stop > end:
            return -1
        c = self._c
        return stop if c.exempt or data[at + 5 : stop] in c.shapes else -1
