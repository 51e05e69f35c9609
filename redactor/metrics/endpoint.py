"""The port that monitoring asks: GET /metrics, and GET /health for whoever restarts services.

Knows as much of HTTP/1.1 (RFC 9112) as that takes. Must not know what the figures mean. Invariant: whoever connects is
given a few seconds and a few kilobytes, and then the connection is closed, whatever they send.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from redactor.config import Address

_SECONDS = 5.0
_BYTES = 8192
_AT_ONCE = 32


class Endpoint:
    """Listens from `listen` to `close`. `figures`: the text for /metrics; `problem`: why not healthy; empty: it is."""

    def __init__(self, figures: Callable[[], bytes], problem: Callable[[], str]) -> None:
        self._figures, self._problem = figures, problem
        self._server: asyncio.Server | None = None
        self._busy = 0
        self.port = 0

    async def listen(self, address: Address) -> None:
        """Begin. OSError where the address cannot be had."""
        host = None if address.host == "*" else address.host
        self._server = await asyncio.start_server(self._serve, host, address.port, limit=_BYTES)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Take no more questions."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._busy >= _AT_ONCE:
            writer.transport.abort()
            return
        self._busy += 1
        try:
            async with asyncio.timeout(_SECONDS):
                try:
                    asked = await reader.readuntil(b"\r\n\r\n")
                except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                    asked = b""
                writer.write(self._answer(asked))
                await writer.drain()
        except (TimeoutError, OSError):
            writer.transport.abort()
        finally:
            self._busy -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _answer(self, asked: bytes) -> bytes:
        words = asked.partition(b"\r\n")[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return _response("400 Bad Request", b"this port speaks HTTP: GET /metrics, GET /health\n")
        method, path = words[0], words[1].partition(b"?")[0]
        if method not in (b"GET", b"HEAD"):
            return _response("405 Method Not Allowed", b"GET only\n", "Allow: GET, HEAD\r\n")
        match path:
            case b"/metrics":
                answer = _response("200 OK", self._figures(), kind="text/plain; version=0.0.4; charset=utf-8")
            case b"/health":
                problem = self._problem()
                status = "503 Service Unavailable" if problem else "200 OK"
                answer = _response(status, (problem or "ok").encode() + b"\n")
            case _:
                answer = _response("404 Not Found", b"there is /metrics and /health\n")
        return answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if method == b"HEAD" else answer


def _response(status: str, body: bytes, more: str = "", kind: str = "text/plain; charset=utf-8") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{more}\r\n"
    )
    return head.encode() + body
