"""Client to server, once logged in: every message is passed as it is, replaced, held, or the end of the session.

Knows how the client's messages come and go (PostgreSQL docs, 54.2 and 54.7), and has `turns` say what is to be done
about each of which its bytes do not tell. Keeps: what is appended to `out` is in the order of the client's bytes; what
stands before or behind a message is done there; a message of no known kind is never sent.

What passes is not looked into: runs of such messages, and the rest of long ones, leave as one slice.
"""

from __future__ import annotations

from redactor.effects import Effect, ToServer
from redactor.errors import ProtocolViolation, TooMuch
from redactor.wire.pg import framing, messages, orders, standing
from redactor.wire.pg.conversation import Conversation
from redactor.wire.pg.framing import HEADER, LARGEST, NAMES, SMALL, Pending, names_there, read_head, slice_of
from redactor.wire.pg.owed import BIND, QUERY, SYNC
from redactor.wire.pg.turns import AGAIN, Turns

_Q, _P, _B, _D, _E, _C, _S, _F, _H, _X, _d, _c, _f = b"QPBDECSFHXdcf"
_LARGE = frozenset((_Q, _P, _B, _F, _d))
_KNOWN = frozenset(b"QPBDECSFHXdcf")
_WHILE_COPYING = frozenset((_d, _c, _f, _S, _H))
_WHOLE = 64 << 10
"""A Bind up to this long is waited for; of a longer one only the names."""


class Requests:
    """The client's messages. `feed` takes bytes as they come; `resume` goes on with what had to wait.

    `ended`: a Terminate has been sent; the server answers what came before it, and then closes.
    """

    __slots__ = ("_c", "_dropping", "_turns", "ended", "left", "pending")

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self._turns = Turns(conversation)
        self.pending = Pending()
        self.left = 0
        self._dropping = False
        self.ended = False

    @property
    def waiting(self) -> bool:
        """Whether any bytes wait."""
        return not self.pending.empty

    @property
    def holding(self) -> int:
        """Bytes that wait."""
        return len(self.pending)

    def feed(self, data: bytes, now: float, out: list[Effect]) -> None:
        """Effects of client bytes, appended to `out`. Raises `ProtocolViolation`; what came before it is in `out`."""
        if self.ended:
            return
        if self.left:
            size = len(data)
            if size <= self.left:
                self.left -= size
                if not self._dropping:
                    out.append(ToServer(data))
                return
            if not self._dropping:
                out.append(ToServer(data[: self.left]))
            data = data[self.left :]
            self.left = 0
        whole = data if self.pending.empty else self.pending.joined(data)
        if whole is not None:
            self._walk(whole, now, out)

    def resume(self, now: float, out: list[Effect]) -> None:
        """Goes on with what was held, now that the session may be unblocked."""
        if not self.pending.empty and (not self._c.blocked or self._c.copying) and not self.ended:
            whole = self.pending.taken()
            if whole is not None:
                self._walk(whole, now, out)

    def _walk(self, data: bytes, now: float, out: list[Effect]) -> None:
        c = self._c
        c.renew()
        if not standing.expired(c, now, out) or not orders.settled(c, now, out) or not standing.settled(c, out):
            self.pending.keep(data, 0)
            return
        owe, largest = c.queue.append, c.limits.message
        end = len(data)
        start = at = 0
        enough = 0
        try:
            while end - at >= HEADER:
                kind, length = read_head(data, at)
                if c.blocked and not (c.copying and kind in _WHILE_COPYING):
                    break
                stop = at + 1 + length
                if stop <= end and 4 <= length <= largest and not c.skipping:
                    # the ways of nearly all messages, without a call
                    if kind == _B:
                        portal_end = data.find(b"\0", at + HEADER, stop)
                        name_end = data.find(b"\0", portal_end + 1, stop)
                        s = c.ahead.get(data[portal_end + 1 : name_end])
                        if (
                            s is not None
                            and 0 < portal_end < name_end
                            and s.plain
                            and not s.recorded
                            and s.key is c.key
                            and s.judge is c.judge
                            and (s.settled or s.epoch == c.epoch)
                            and (portal_end == at + HEADER or len(c.portals) < c.limits.portals)
                        ):
                            c.portals[data[at + HEADER : portal_end]] = s
                            owe(BIND)
                            at = stop
                            continue
                    elif kind == _S:
                        if length == 4 and not c.copying and not c.unsettled and not c.schema_changed:
                            c.epoch += 1
                            owe(SYNC)
                            at = stop
                            continue
                    elif kind == _Q:
                        if data[at:stop] in c.plans and not c.unsettled and not c.schema_changed:
                            self._turns.forget_unnamed()
                            owe(QUERY)
                            at = stop
                            continue
                    elif kind == _d:
                        at = framing.past_alike(data, stop, end, kind) if largest >= LARGEST else stop
                        continue
                self._check(kind, length)
                if stop > end and not c.skipping:
                    if kind not in _LARGE or (kind in (_Q, _P) and length <= c.limits.text):
                        enough = stop - at
                        break
                    if kind == _B and (length <= _WHOLE or not names_there(data, at, end)):
                        enough = stop - at if length <= _WHOLE else HEADER + NAMES
                        break
                turn = self._turns.about(kind, length, data, at, min(stop, end), now)
                if kind == _X:
                    self.ended = True
                if turn is AGAIN:
                    if at > start:
                        out.append(ToServer(slice_of(data, start, at)))
                    out.append(ToServer(messages.FLUSH))
                    start = at
                    break
                if turn is not None and (turn.before or not turn.passes):
                    if at > start:
                        out.append(ToServer(slice_of(data, start, at)))
                    out.extend(turn.before)
                    start = at if turn.passes else min(stop, end)
                if stop > end:
                    self.left = stop - end
                    self._dropping = turn is not None and not turn.passes
                    at = end
                    break
                at = stop
                if turn is not None and turn.after:
                    if at > start:
                        out.append(ToServer(slice_of(data, start, at)))
                    out.append(ToServer(turn.after))
                    start = at
                if self.ended:
                    break
        except (ProtocolViolation, TooMuch):
            if at > start:
                out.append(ToServer(slice_of(data, start, at)))
            raise
        if at > start:
            out.append(ToServer(slice_of(data, start, at)))
        if at < end and not self.ended:
            self.pending.keep(memoryview(data)[at:], enough)

    def _check(self, kind: int, length: int) -> None:
        if kind not in _KNOWN:
            raise ProtocolViolation(f"invalid frontend message type {kind}")
        if not 4 <= length <= (LARGEST if kind in _LARGE else SMALL):
            raise ProtocolViolation("invalid message length")
        if length > self._c.limits.message:
            raise TooMuch(f"messages longer than {self._c.limits.message} bytes are refused")
