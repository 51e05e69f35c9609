"""A line between two processes of one service: messages, questions with answers, and sockets handed over.

Knows a Unix socket that keeps messages apart (SOCK_SEQPACKET; Linux). Must not know what is said. Invariants: messages
come in the order in which they were sent; a question is answered once, or fails when the line is lost.
"""

from __future__ import annotations

import array
import asyncio
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import orjson

_LONGEST = 64 << 10
_AT_ONCE = 32

Message = dict[str, Any]
Hear = Callable[[str, Message, socket.socket | None], Awaitable[object] | None]
"""Told of a message: its name, its parts, and the socket that came with it. What it gives, awaited, is the answer."""


class LineLost(Exception):
    """The other process has ended."""


def pair() -> tuple[socket.socket, socket.socket]:
    """Both ends of a new line. OSError where the system has none such."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class Line:
    """One end. `lost` is called once, when the other process has ended or `close` was called."""

    def __init__(self, end: socket.socket, hear: Hear, lost: Callable[[], None]) -> None:
        end.setblocking(False)
        self._end = end
        self._hear = hear
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[bytes, socket.socket | None]] = deque()
        self._asked: dict[int, asyncio.Future[object]] = {}
        self._answering: set[asyncio.Future[object]] = set()
        self._last = 0
        self._open = True
        self._loop.add_reader(end.fileno(), self._readable)

    def tell(self, what: str, parts: Message | None = None, passed: socket.socket | None = None) -> None:
        """Sends a message. `passed` is handed over: it is closed here. Nothing happens where the line is lost."""
        if not self._open:
            if passed is not None:
                passed.close()
            return
        self._waiting.append((orjson.dumps({"what": what, **(parts or {})}), passed))
        if len(self._waiting) == 1:
            self._writable()

    async def ask(self, what: str, parts: Message) -> object:
        """Sends a question; its answer. Raises LineLost."""
        if not self._open:
            raise LineLost
        self._last += 1
        number = self._last
        answer: asyncio.Future[object] = self._loop.create_future()
        self._asked[number] = answer
        try:
            self.tell(what, {"ask": number, **parts})
            return await answer
        finally:
            self._asked.pop(number, None)

    def close(self) -> None:
        """Ends the line."""
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._end.fileno())
        self._loop.remove_writer(self._end.fileno())
        self._end.close()
        for _, passed in self._waiting:
            if passed is not None:
                passed.close()
        self._waiting.clear()
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(LineLost())
        for task in self._answering:
            task.cancel()
        self._lost()

    def _writable(self) -> None:
        while self._waiting:
            data, passed = self._waiting[0]
            try:
                if passed is None:
                    self._end.send(data)
                else:
                    handed = array.array("i", [passed.fileno()])
                    self._end.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handed)])
            except BlockingIOError:
                self._loop.add_writer(self._end.fileno(), self._writable)
                return
            except OSError:
                self.close()
                return
            self._waiting.popleft()
            if passed is not None:
                passed.close()
        self._loop.remove_writer(self._end.fileno())

    def _readable(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                data, handed, _, _ = socket.recv_fds(self._end, _LONGEST, 1)
            except BlockingIOError:
                return
            except OSError:
                data, handed = b"", []
            if not data:
                self.close()
                return
            passed = socket.socket(fileno=handed[0]) if handed else None
            self._heard(orjson.loads(data), passed)
            if not self._open:
                return

    def _heard(self, message: Message, passed: socket.socket | None) -> None:
        what = str(message["what"])
        if what == "answer":
            answer = self._asked.get(int(message["to"]))
            if answer is not None and not answer.done():
                answer.set_result(message["is"])
            return
        found = self._hear(what, message, passed)
        if found is not None:
            task = asyncio.ensure_future(found)
            self._answering.add(task)
            task.add_done_callback(partial(self._answer, message.get("ask")))

    def _answer(self, number: int | None, task: asyncio.Future[object]) -> None:
        self._answering.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            # nobody may take silence for an answer: where one cannot be given, there is no line
            if not isinstance(error, LineLost):
                self._loop.call_exception_handler({"message": "a line's question failed", "exception": error})
            self.close()
        elif number is not None:
            self.tell("answer", {"to": number, "is": task.result()})
