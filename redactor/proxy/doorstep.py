"""Accepting clients where TLS is offered: the first byte says whether TLS begins at once or is asked for later.

Knows listening sockets, and the one byte by which a TLS handshake begins (PostgreSQL docs, 54.2.10, direct
negotiation). Must not read anything: it only peeks. Invariant: a client that sends nothing, or breaks off, costs a
socket until its time is over and nothing more.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Callable

from redactor.proxy.certificates import Tls

_HANDSHAKE = b"\x16"
_BACKLOG = 1024
_FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def sockets(host: str | None, port: int) -> list[socket.socket]:
    """Sockets that listen at all addresses of a host (None: all). Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    opened: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            try:
                s = socket.socket(family, kind, protocol)
            except OSError:
                # a machine may know of IPv6 and not have it
                continue
            opened.append(s)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            s.setblocking(False)
            s.bind(address)
            s.listen(_BACKLOG)
    except BaseException:
        for s in opened:
            s.close()
        raise
    if not opened:
        raise OSError(errno.EADDRNOTAVAIL, "no address to listen at")
    return opened


class Doorstep:
    """Sockets that accept. `make`: a protocol for a new client; `gone`: one that was made and never connected."""

    def __init__(
        self,
        listening: list[socket.socket],
        tls: Callable[[], Tls | None],
        make: Callable[[], asyncio.Protocol],
        gone: Callable[[asyncio.Protocol], None],
        patience: float,
    ) -> None:
        self._listening = listening
        self._tls = tls
        self._make = make
        self._gone = gone
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._welcoming: set[asyncio.Task[None]] = set()
        self._accepting = [self._loop.create_task(self._accept(s)) for s in listening]

    def close(self) -> None:
        """Accepts no more; who has not said anything yet is let go."""
        for task in (*self._accepting, *self._welcoming):
            task.cancel()
        for s in self._listening:
            s.close()

    def welcome(self, client: socket.socket) -> None:
        """A client that has been accepted, here or by another process."""
        task = self._loop.create_task(self._welcome(client))
        self._welcoming.add(task)
        task.add_done_callback(self._welcoming.discard)

    async def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                client, _ = await self._loop.sock_accept(listening)
            except OSError as e:
                if e.errno in _FULL:
                    # as long as there is no room for another socket, asking again at once would only burn time
                    await asyncio.sleep(0.2)
                continue
            self.welcome(client)

    async def _welcome(self, client: socket.socket) -> None:
        made: list[asyncio.Protocol] = []

        def make() -> asyncio.Protocol:
            made.append(self._make())
            return made[0]

        try:
            client.setblocking(False)
            tls = self._tls()
            first = b""
            if tls is not None:
                async with asyncio.timeout(self._patience):
                    first = await self._peeked(client)
                tls = self._tls()
            if first == _HANDSHAKE and tls is not None:
                await self._loop.connect_accepted_socket(
                    make, client, ssl=tls.context, ssl_handshake_timeout=self._patience
                )
            else:
                await self._loop.connect_accepted_socket(make, client)
        except (OSError, ssl.SSLError, TimeoutError, asyncio.CancelledError):
            with contextlib.suppress(OSError):
                client.close()
            for protocol in made:
                self._gone(protocol)

    async def _peeked(self, client: socket.socket) -> bytes:
        """The first byte that a client sends, left where it is; empty: it has gone."""
        readable: asyncio.Future[None] = self._loop.create_future()

        def ready() -> None:
            if not readable.done():
                readable.set_result(None)

        self._loop.add_reader(client.fileno(), ready)
        try:
            await readable
        finally:
            self._loop.remove_reader(client.fileno())
        return client.recv(1, socket.MSG_PEEK)
