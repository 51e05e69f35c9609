"""The port that monitoring asks, over a real socket: what it answers, and to whom it answers nothing."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import AsyncIterator

import pytest

from redactor.config import Address
from redactor.metrics import Endpoint, endpoint


class Place:
    """An endpoint that runs; `problem` is what it says of the service's health."""

    def __init__(self) -> None:
        self.problem = ""
        self.endpoint = Endpoint(lambda: b"redactor_up 1\n", lambda: self.problem)

    async def ask(self, data: bytes, *, end: bool = False) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.endpoint.port)
        try:
            writer.write(data)
            if end:
                writer.write_eof()
            async with asyncio.timeout(5):
                return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    found = Place()
    await found.endpoint.listen(Address("127.0.0.1", 0))
    yield found
    await found.endpoint.close()


async def test_an_http_client_is_given_figures_and_health(place: Place) -> None:
    def get(path: str, method: str = "GET") -> tuple[int, bytes, str]:
        connection = http.client.HTTPConnection("127.0.0.1", place.endpoint.port, timeout=5)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers["Content-Type"]
        finally:
            connection.close()

    ask = asyncio.to_thread
    assert await ask(get, "/metrics") == (200, b"redactor_up 1\n", "text/plain; version=0.0.4; charset=utf-8")
    assert (await ask(get, "/metrics?x=1"))[0] == 200
    assert (await ask(get, "/metrics", "HEAD"))[:2] == (200, b"")
    assert (await ask(get, "/metrics", "POST"))[0] == 405
    assert (await ask(get, "/"))[0] == 404
    assert (await ask(get, "/health"))[:2] == (200, b"ok\n")
    place.problem = "the disk is full"
    assert (await ask(get, "/health"))[:2] == (503, b"the disk is full\n")


@pytest.mark.parametrize("junk", [b"\x00" * 64, b"\r\n\r\n", b"GET\r\n\r\n", b"GET /metrics SPDY/3\r\n\r\n", b""])
async def test_what_is_not_http_is_told_so(place: Place, junk: bytes) -> None:
    assert (await place.ask(junk, end=True)).startswith(b"HTTP/1.1 400 ")


async def test_who_says_nothing_or_too_much_is_cut_off(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "_SECONDS", 0.1)
    assert await place.ask(b"GET /metrics HTTP/1.1\r\n") == b""
    assert b" 200 " not in await place.ask(b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 100_000)
    assert b" 200 " in await place.ask(b"GET /metrics HTTP/1.1\r\n\r\n")


async def test_no_more_than_a_few_at_once(place: Place) -> None:
    held = [await asyncio.open_connection("127.0.0.1", place.endpoint.port) for _ in range(40)]
    assert await place.ask(b"GET /health HTTP/1.1\r\n\r\n") == b""
    for _, writer in held:
        writer.close()
    for _ in range(100):
        await asyncio.sleep(0.02)
        if await place.ask(b"GET /health HTTP/1.1\r\n\r\n"):
            break
    assert (await place.ask(b"GET /health HTTP/1.1\r\n\r\n")).endswith(b"ok\n")
