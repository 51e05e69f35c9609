"""Where one message ends and the next begins.

Knows the header of a message (a kind, a length that counts itself) and nothing of what is inside. Keeps the
invariant that a length is judged before a byte behind it is waited for, so that no length field, however large,
makes a session hold more than its bounds (PostgreSQL docs, 54.1 and 54.7).
"""

from __future__ import annotations

from struct import Struct

from redactor.errors import ProtocolViolation

HEADER = 5
"""Bytes before a message's body: its kind and four of length."""

LARGEST = 0x3FFFFFFF
"""The longest message that PostgreSQL itself takes (MaxAllocSize)."""

SMALL = 10_000
"""The longest of the messages that are never long (PQ_SMALL_MESSAGE_LIMIT), and of start-up messages."""

NAMES = 4096
"""How far into a long Bind its two names must end."""

read_head = Struct(">BI").unpack_from
"""(kind, length) at an offset; at least HEADER bytes must be there."""

u32 = Struct(">I")
u16 = Struct(">H")


def frame(kind: bytes, body: bytes = b"") -> bytes:
    """A message of that kind."""
    return kind + u32.pack(len(body) + 4) + body


_ALIKE = 8
"""After so many messages as long as the one before, those behind are looked at together."""
_TIRED = 200
"""The same, once that has been tried in vain."""
_TOGETHER, _MOST = 32, 4096


def past_alike(data: bytes, at: int, end: int, kind: int) -> int:
    """The offset behind all whole messages of that kind from an offset on; `end` is where the bytes end.

    Rows often have one length for a long while. Then it is enough to compare bytes at a distance of that length: where
    each header says the same kind and length, each message ends where the next begins.
    """
    before, until, together = 0, _ALIKE, _TOGETHER
    while end - at >= HEADER:
        found, length = read_head(data, at)
        stop = at + 1 + length
        if found != kind or length < 4 or stop > end:
            return at
        if length != before:
            before = length
        else:
            until -= 1
            if not until:
                step = length + 1
                n = min(together, (end - at) // step)
                upto = at + n * step
                if (
                    data[at:upto:step] == data[at : at + 1] * n
                    and data[at + 4 : upto : step] == data[at + 4 : at + 5] * n
                    and data[at + 3 : upto : step] == data[at + 3 : at + 4] * n
                    and data[at + 2 : upto : step] == data[at + 2 : at + 3] * n
                    and data[at + 1 : upto : step] == data[at + 1 : at + 2] * n
                ):
                    stop, until, together = upto, 1, min(4 * together, _MOST)
                else:
                    until, together = _ALIKE if together > _TOGETHER else _TIRED, _TOGETHER
        at = stop
    return at


class Pending:
    """Bytes that have come but cannot be looked at yet: the beginning of a message.

    Grows in place, and says when it is worth looking again, so that a message that comes in a thousand pieces costs
    one copy and not a thousand.
    """

    __slots__ = ("_bytes", "_enough", "empty")

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._enough = 0
        self.empty = True

    def __len__(self) -> int:
        return len(self._bytes)

    def joined(self, data: bytes) -> bytes | None:
        """All that is there with `data` behind it, to be looked at; None: not enough yet, and `data` is kept."""
        if not self._bytes:
            return data
        self._bytes += data
        if len(self._bytes) < self._enough:
            return None
        whole = bytes(self._bytes)
        self._bytes.clear()
        self.empty = True
        return whole

    def taken(self) -> bytes | None:
        """All that is there, to be looked at, or None where that is not enough."""
        if not self._bytes or len(self._bytes) < self._enough:
            return None
        whole = bytes(self._bytes)
        self._bytes.clear()
        self.empty = True
        return whole

    def keep(self, data: bytes | memoryview, enough: int) -> None:
        """Keeps `data` until there are `enough` bytes in all. Only to be called when nothing is kept."""
        self._bytes += data
        self._enough = enough
        self.empty = not self._bytes


def slice_of(data: bytes, start: int, stop: int) -> bytes | memoryview:
    """A part of some bytes; not copied where that is much."""
    if stop - start < 4096 or (start == 0 and stop == len(data)):
        return data[start:stop]
    return memoryview(data)[start:stop]


def names_there(data: bytes, at: int, end: int) -> bool:
    """Whether the two names that a Bind at an offset begins with have come; ProtocolViolation where they are none."""
    first = data.find(b"\0", at + HEADER, min(end, at + HEADER + NAMES))
    there = first >= 0 and data.find(b"\0", first + 1, min(end, at + HEADER + NAMES)) >= 0
    if not there and end - at >= HEADER + NAMES:
        raise ProtocolViolation("invalid message format: Bind without its two names")
    return there
