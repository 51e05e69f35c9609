"""The line between processes: order, answers, sockets handed over, and its end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable

import pytest

from redactor.proxy.line import Line, LineLost, Message, pair


class Ear:
    """One end that keeps what it hears; `double` is answered, `never` is not."""

    def __init__(self, end: socket.socket) -> None:
        self.heard: list[tuple[str, Message]] = []
        self.passed: list[socket.socket] = []
        self.more, self.lost = asyncio.Event(), asyncio.Event()
        self.line = Line(end, self._hear, self.lost.set)

    def _hear(self, what: str, message: Message, passed: socket.socket | None) -> Awaitable[object] | None:
        self.heard.append((what, message))
        self.more.set()
        if passed is not None:
            self.passed.append(passed)
        if what == "double":
            return self._double(int(message["n"]))
        if what == "never":
            return asyncio.Event().wait()
        return None

    async def _double(self, n: int) -> int:
        await asyncio.sleep(0.001 * (5 - n))
        return 2 * n


def ears() -> tuple[Ear, Ear]:
    here, there = pair()
    return Ear(here), Ear(there)


async def until_heard(ear: Ear, count: int) -> None:
    async with asyncio.timeout(10):
        while len(ear.heard) < count:
            await ear.more.wait()
            ear.more.clear()


async def test_messages_come_in_order_however_many() -> None:
    one, other = ears()
    for n in range(3000):
        one.line.tell("number", {"n": n})
    await until_heard(other, 3000)
    assert [m["n"] for _, m in other.heard] == list(range(3000))
    one.line.close()
    async with asyncio.timeout(10):
        await other.lost.wait()


async def test_each_question_gets_its_own_answer() -> None:
    one, other = ears()
    found = await asyncio.gather(
        *(one.line.ask("double", {"n": n}) for n in range(5)), other.line.ask("double", {"n": 9})
    )
    assert found == [0, 2, 4, 6, 8, 18]
    other.line.close()
    one.line.close()


async def test_a_socket_that_is_handed_over_goes_on_there() -> None:
    one, other = ears()
    ours, theirs = socket.socketpair()
    one.line.tell("client", passed=theirs)
    await until_heard(other, 1)
    assert theirs.fileno() == -1, "it is closed where it came from"
    other.passed[0].sendall(b"hello")
    assert ours.recv(10) == b"hello"
    for s in (ours, *other.passed):
        s.close()
    one.line.close()
    other.line.close()


async def test_who_waits_for_an_answer_hears_when_the_line_is_lost() -> None:
    one, other = ears()
    asking = asyncio.create_task(one.line.ask("never", {}))
    await until_heard(other, 1)
    other.line.close()
    with pytest.raises(LineLost):
        await asking
    with pytest.raises(LineLost):
        await one.line.ask("double", {"n": 1})
    left, right = socket.socketpair()
    one.line.tell("client", passed=left)
    assert left.fileno() == -1
    right.close()
    # what was still being answered ends, too
    await asyncio.sleep(0.01)
