"""Two sessions that are told the same, many statements at a time, and whose answers are compared as they came.

Knows the wire protocol as far as to see where an answer ends, and nothing of what is asked. Bytes are decoded only
where the sides differ or where a protected value might stand in them: `Answer.shown` is then what client.py shows.
Invariant: an answer that never came is `lost` and never taken for an equal one.
"""

from __future__ import annotations

import re
import selectors
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg.conninfo import make_conninfo

from tests.noninterference.client import Client, Lost, Seen, bind, decode, execute, message, parse, string
from tests.noninterference.play import Target, same

CANARY = re.compile(rb"(?i)qz[0-9a-z]{6}")
FAILED = frozenset({"25P02", "26000"})
"""What is said of a statement that never ran, since one before it had failed."""
BEFORE = "before"
_HEAD = struct.Struct("!cI")
SYNC = message("S")


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is sent in one piece. It is answered with ReadyForQuery `ends` times; those `counted` are of statements."""

    data: bytes
    ends: int
    counted: tuple[int, ...]


@dataclass(slots=True)
class Answer:
    """What one statement was told: whole messages up to ReadyForQuery. `code`: the first error's SQLSTATE; `lost`: why
    there is no more of it; `took`: seconds since the answer before."""

    data: bytes = b""
    code: str = ""
    lost: str = ""
    took: float = 0.0

    def shown(self) -> Seen:
        """As client.py shows it."""
        seen: Seen = [[kind, decode(kind, payload)] for kind, payload in _messages(self.data)]
        return [*seen, ["lost", self.lost]] if self.lost else seen


def _messages(data: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at < len(data):
        kind, n = _HEAD.unpack_from(data, at)
        yield kind.decode("latin-1"), data[at + 5 : at + 1 + n]
        at += n + 1


class Line:
    """A session that is used again and again; a lost one is replaced."""

    def __init__(self, target: Target, user: str, patience: float = 20) -> None:
        self.dsn = make_conninfo(target.dsn, user=user)
        self.newest = target.newest
        self.patience = patience
        self.renew()

    def renew(self) -> None:
        """A new session."""
        self.client = Client(self.dsn, self.patience)
        self.client.query("SET statement_timeout = 1500")

    def begin(self, data: bytes, ends: int) -> None:
        """What is to be sent next, and how many answers there will be."""
        self.out, self.left, self.at, self.begun = memoryview(data), ends, 0, 0
        self.last = time.monotonic()
        self.answers: list[Answer] = []
        self.code = ""
        self.client.sock.setblocking(False)

    def send(self) -> None:
        """As much as goes."""
        try:
            self.out = self.out[self.client.sock.send(self.out) :]
        except BlockingIOError:
            pass
        except OSError:
            self.out = memoryview(b"")  # that the other side is gone shows when its last words have been read

    def receive(self) -> None:
        """What has come, cut into answers."""
        buffer = self.client.buffer
        try:
            got = self.client.sock.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            got = b""
        if not got:
            self.lose("Lost")
            return
        buffer += got
        while self.at + 5 <= len(buffer):
            kind, n = _HEAD.unpack_from(buffer, self.at)
            end = self.at + n + 1
            if end > len(buffer):
                break
            if kind == b"E" and not self.code:
                where = buffer.find(b"\0C", self.at + 5, end)
                self.code = buffer[where + 2 : where + 7].decode("latin-1")
            elif kind == b"G":
                self.out = memoryview(bytes(self.out) + message("d", b"1\n") + message("c"))
            self.at = end
            if kind == b"Z":
                self.client.status = chr(buffer[end - 1])
                now = time.monotonic()
                self.answers.append(Answer(bytes(buffer[self.begun : end]), self.code, took=now - self.last))
                self.last = now
                self.begun, self.code, self.left = end, "", self.left - 1
        if not self.left:
            del buffer[: self.at]

    def lose(self, why: str) -> None:
        """There will be no more answers here; the next ones come from a new session."""
        self.answers.append(Answer(bytes(self.client.buffer[self.begun : self.at]), self.code, why))
        self.answers += [Answer(lost=BEFORE) for _ in range(self.left - 1)]
        self.left = 0
        self.client.close()
        self.renew()

    def end(self) -> None:
        """Leaves no transaction open."""
        self.client.sock.setblocking(True)
        if self.client.status != "I":
            try:
                self.client.query("ROLLBACK")
            except Lost:
                self.renew()


def converse(lines: Sequence[Line], exchanges: Sequence[Exchange]) -> list[tuple[list[Answer], ...]]:
    """Sends all exchanges on every line at once; for each, what the statements in it were told on each line."""
    data, ends = b"".join(e.data for e in exchanges), sum(e.ends for e in exchanges)
    with selectors.DefaultSelector() as selector:
        for line in lines:
            line.begin(data, ends)
            selector.register(line.client.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, line)
        until = time.monotonic() + lines[0].patience
        while waiting := [line for line in lines if line.left]:
            ready = selector.select(until - time.monotonic())
            if not ready and time.monotonic() >= until:
                for line in waiting:
                    line.lose("Silence")
                break
            for key, events in ready:
                line = key.data
                if events & selectors.EVENT_READ:
                    line.receive()
                    until = time.monotonic() + line.patience
                if not line.left:
                    selector.unregister(key.fileobj)
                    continue
                if events & selectors.EVENT_WRITE and line.out:
                    line.send()
                wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.out else 0)
                if key.events != wanted:
                    selector.modify(key.fileobj, wanted, line)
    out: list[tuple[list[Answer], ...]] = []
    at = 0
    for e in exchanges:
        out.append(tuple([line.answers[at + n] for n in e.counted] for line in lines))
        at += e.ends
    for line in lines:
        line.end()
    return out


def texts(statements: Sequence[str]) -> Exchange:
    """Statements as simple queries. What can change anything runs in a transaction that is rolled back."""
    if len(statements) == 1 and statements[0].startswith(("SELECT", "EXPLAIN")):
        return Exchange(message("Q", string(statements[0])), 1, (0,))
    behind = ["ROLLBACK"]
    if any(s.startswith("PREPARE") for s in statements):
        behind.append("DEALLOCATE ALL")
    all_ = ["BEGIN", *statements, *behind]
    return Exchange(b"".join(message("Q", string(s)) for s in all_), len(all_), tuple(range(1, len(statements) + 1)))


def bound(statement: str, values: Sequence[Sequence[str]]) -> Exchange:
    """A statement with parameters, parsed once and run with each row of values; a write is rolled back each time."""
    out = [parse("v", statement) + SYNC]
    begin, rollback = message("Q", string("BEGIN")), message("Q", string("ROLLBACK"))
    run = [bind("", "v", row) + message("D", b"P\0") + execute("") + SYNC for row in values]
    if statement.startswith("SELECT"):
        counted = tuple(range(1, len(run) + 1))
        out += run
    else:
        counted = tuple(range(2, 3 * len(run) + 1, 3))
        out += [piece for r in run for piece in (begin, r, rollback)]
    out.append(message("C", string("Sv")) + SYNC)
    return Exchange(b"".join(out), max(counted) + 2 + (not statement.startswith("SELECT")), counted)


def differ(sides: tuple[list[Answer], ...], lines: Sequence[Line]) -> bool:
    """Whether what the lines were told is not the same, or a session has come to its end."""
    if any(a.lost for side in sides for a in side):
        return True
    if all([a.data for a in side] == [a.data for a in sides[0]] for side in sides[1:]):
        return False
    seen = shown(sides, lines)
    return any(side != seen[0] for side in seen[1:])


def unasked(sides: tuple[list[Answer], ...]) -> bool:
    """Whether a session had ended before this was asked."""
    return any(a.lost == BEFORE for side in sides for a in side)


def shown(sides: tuple[list[Answer], ...], lines: Sequence[Line]) -> tuple[list[Seen], ...]:
    """What the lines were told, with what is never the same twice blanked."""
    return tuple(same([a.shown() for a in side], line.newest) for side, line in zip(sides, lines, strict=True))


def may_tell(side: Sequence[Answer]) -> bool:
    """Whether anything in it looks like a protected value."""
    return any(CANARY.search(a.data) for a in side)
