"""The batches that sessions are mostly made of, judged in one pass and sent on as they came.

Knows a few shapes: from the client one (Parse,) Bind, (Describe,) Execute, Sync of a statement that was decided before,
or one Query, which is allowed and nothing else; from the server the whole, successful answer to one of them. Must not
hold anything. Keeps: where it says yes, `requests` and `replies` would have passed the same bytes, recorded the same
and left the same state; where it says no, nothing has been touched, and they see to it. (tests/wire/test_passage.py)

What it has found out of the session, and the batch and answer that it saw last, it remembers until the long way has
been taken once or the place's edition is turned: what looks the same then is.
"""

from __future__ import annotations

import math

from redactor.decision import Allow
from redactor.effects import Record
from redactor.wire.pg import behalf, messages
from redactor.wire.pg.conversation import Conversation
from redactor.wire.pg.framing import HEADER, frame, past_alike, read_head
from redactor.wire.pg.owed import BIND, DESCRIBE, EXECUTE, QUERY, SYNC, Expected, Prepared, owed_for
from redactor.wire.pg.place import Edition
from redactor.wire.pg.replies import Replies
from redactor.wire.pg.requests import Requests

_EXECUTE = b"E\0\0\0\x09\0\0\0\0\0"
_DESCRIBE = b"D\0\0\0\x06P\0"
_SYNC = b"S\0\0\0\x04"
_BARE: tuple[Expected, ...] = (BIND, EXECUTE, SYNC)
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
_ASKING: tuple[Expected, ...] = (QUERY,)
_NO_EDITION = Edition()
_REMEMBERED = 4096
"""The longest beginning of an answer that is remembered."""


class Passage:
    """The short way of a session that has logged in. `long_way` whenever something else has been done to the session.

    `due`: an execution that has just been let pass, and must be in the log before its bytes are sent; ask `record`.
    """

    __slots__ = (
        "_again",
        "_answered",
        "_batch",
        "_begins",
        "_c",
        "_closing",
        "_edition",
        "_ends",
        "_idle",
        "_instead",
        "_of",
        "_opening",
        "_owed",
        "_replies",
        "_requests",
        "due",
        "open",
    )

    def __init__(self, conversation: Conversation, requests: Requests, replies: Replies) -> None:
        self._c = conversation
        self._requests = requests
        self._replies = replies
        self.due: Prepared | None = None
        self.open = True
        self._edition = conversation.place.edition or _NO_EDITION
        self._of: object = None
        """The edition under which the session was looked at last, and bytes might pass; None: look again."""
        self._idle = False
        self._batch: tuple[Expected, ...] | None = None
        """What is owed in all, if nothing else is and it was let pass here."""
        self._again: Prepared | None = None
        """The statement executed last, and how its Bind begins, what stands behind that and what is then owed."""
        self._begins = self._ends = b""
        self._owed: tuple[Expected, ...] = ()
        self._answered: tuple[Expected, ...] | None = None
        """The batch answered last, how the answer began and ended, and with what the client was sent it instead."""
        self._opening = self._closing = b""
        self._instead: bytes | None = None

    def close(self) -> None:
        """Nothing passes any more."""
        self.open = False
        self._of = None

    def long_way(self) -> None:
        """The session may stand otherwise than before."""
        self._of = None

    def _look(self) -> bool:
        """Whether the session stands so that bytes may pass; what was remembered is forgotten."""
        c, requests, replies = self._c, self._requests, self._replies
        place = c.place
        # before all that it stands for is asked
        edition = self._edition.of
        self._of = self._batch = self._again = self._answered = None
        if not self.open or c.blocked or c.copying or c.skipping or c.unsettled or c.schema_changed:
            return False
        if c.keeping or c.spending or c.looking or c.expiry != math.inf:
            return False
        if requests.left or not requests.pending.empty or requests.ended:
            return False
        if replies.left or not replies.pending.empty:
            return False
        grants = place.grants
        if grants is not None and (grants(c.requester.login) is not c.offered or c.turn != math.inf):
            return False
        if place.current() is not c.judge or not (c.exempt or place.settled()):
            return False
        self._idle = not c.context.levels
        if place.edition is not None:
            self._of = edition
        return True

    def record(self, now: float) -> Record:
        """What must be durable before the bytes just let pass are sent. Only where something is `due`."""
        statement, self.due = self.due, None
        assert statement is not None, "nothing is due"
        c = self._c
        return c.record(now, c.next_id(statement.decision), statement.decision, statement.text)

    def client(self, data: bytes) -> bool:
        """Whether all these bytes may go to the server as they are; what it then owes has been noted. See `due`."""
        if self._edition.of is not self._of and not self._look():
            return False
        c = self._c
        size = len(data)
        again = self._again
        if again is not None and data.startswith(self._begins, HEADER) and data.endswith(self._ends):
            # the same statement once more; only its parameters are others
            kind, length = read_head(data)
            if kind == 66 and length + 1 + len(self._ends) == size and length > len(self._begins) + 3:
                if size > c.limits.message:
                    return False
                if again.recorded:
                    if not again.covered:
                        self.due = again
                    again.covered = False
                self._pass(again, self._owed)
                return True
        kind = data[0]
        if kind == 81:  # Query
            if b"" in c.ahead or b"" in c.confirmed:
                return False
            if data not in c.plans and not self._may_ask(data):
                return False
            self._batch = None if c.queue else _ASKING
            c.queue.append(QUERY)
            return True
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
        if owed is None or end < 0:
            return False
        if known is not None:
            if end != at + 6:
                return False
            # the one of before stands for the new one: they are the same, whichever of them the server has
            known.epoch = c.epoch
            c.ahead[b""] = known
            c.queue.append(Expected(80, statement=known))
            self._again = None
            self._pass(known, owed)
            return True
        found = c.ahead.get(data[6:end])
        if found is None or found.key is not c.key or found.judge is not judge:
            return False
        if not found.settled and found.epoch != c.epoch:
            return False
        if not found.plain:
            if not found.steady:
                return False
            bare, described = owed_for(found)
            owed = bare if owed is _BARE else described
            if found.recorded:
                if not found.covered:
                    self.due = found
                found.covered = False
        elif found.recorded:
            return False
        if found.settled:
            self._again, self._begins, self._ends, self._owed = found, data[HEADER : end + 1], data[stop:], owed
        self._pass(found, owed)
        return True

    def _pass(self, statement: Prepared, owed: tuple[Expected, ...]) -> None:
        """A Bind and what stands behind it go to the server."""
        c = self._c
        c.portals[b""] = statement
        c.epoch += 1
        queue = c.queue
        self._batch = None if queue else owed
        queue.extend(owed)

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
        if self._edition.of is not self._of and not self._look():
            return None
        c = self._c
        queue = c.queue
        batch, self._batch = self._batch, None
        if (
            batch is not None
            and batch is self._answered
            and data.startswith(self._opening)
            and data.endswith(self._closing)
        ):
            # only the rows are others than in the answer before
            at, stop = len(self._opening), len(data) - len(self._closing)
            if at < stop:
                kind, length = read_head(data, at)
                if kind == 68 and length >= 4:
                    at += 1 + length
                    if at < stop:
                        at = past_alike(data, at, stop, 68)
            if at == stop:
                queue.clear()
                if self._idle:
                    c.portals.clear()
                instead = self._instead
                return data if instead is None else instead + data[len(self._opening) :]
        end = len(data) - _READY
        owed = len(queue)
        if end < 0 or not owed or not data.endswith(_READY_IDLE if self._idle else _READY_BLOCK):
            return None
        sent = data
        instead = None
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
                instead = data[: body - 5] + _said(told, shape)
                sent = instead + data[at:]
        begun = at
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
            if self._idle:
                c.portals.clear()
            if batch is not None and begun <= _REMEMBERED:
                self._answered, self._opening, self._closing, self._instead = batch, data[:begun], data[at:], instead
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
