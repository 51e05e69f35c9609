"""The listening socket, and all relays behind it: `serve` begins, `Proxy.close` ends.

Knows where to listen and who is connected. Must not know what sessions say. Keeps: after `close` nothing of the proxy
is running, and every client that could be told why has been.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from functools import partial

from redactor.proxy.relay import Relay
from redactor.proxy.settings import Counters, Current, GroupsOf, Log, Services, Settings
from redactor.wire.pg import Place


class Proxy:
    """A proxy that is listening. `counters` says what it has done."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._relays: set[Relay] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        """The port that it listens on: the one that was asked for, or the one that was free."""
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def counters(self) -> Counters:
        return self._services.counters

    async def listen(self) -> None:
        """Begins to accept clients. Raises OSError when the address cannot be had."""
        loop = asyncio.get_running_loop()
        address = self._services.settings.listen
        host = None if address.host == "*" else address.host
        self._server = await loop.create_server(self._accept, host, address.port, backlog=1024)
        self.port = int(self._server.sockets[0].getsockname()[1])

    def _accept(self) -> Relay:
        relay = Relay(self._services, self._done)
        self._relays.add(relay)
        self._empty.clear()
        return relay

    def _done(self, relay: Relay) -> None:
        if relay in self._relays:
            self._relays.remove(relay)
            self._services.counters.active -= 1
        if not self._relays:
            self._empty.set()

    async def close(self) -> None:
        """Accepts no more, tells every client, and returns when all have gone; at the latest after the grace time."""
        if self._server is not None:
            self._server.close()
        for relay in list(self._relays):
            relay.shutdown()
        try:
            async with asyncio.timeout(self._services.settings.grace):
                await self._empty.wait()
        except TimeoutError:
            for relay in list(self._relays):
                relay.abort()
            try:
                async with asyncio.timeout(1):
                    await self._empty.wait()
            except TimeoutError:
                self._relays.clear()


def _new_id() -> str:
    return secrets.token_hex(5)


async def serve(
    settings: Settings,
    *,
    current: Current,
    groups_of: GroupsOf,
    refresh: Callable[[str], Awaitable[None]],
    log: Log,
    clock: Callable[[], float] = time.time,
    new_id: Callable[[], str] = _new_id,
) -> Proxy:
    """Listens, and relays every client's session. Raises OSError when the address cannot be had.

    `current(database)`: the newest snapshot. `groups_of(database, login)`: the roles that a login belongs to there.
    `refresh(database)`: publishes a new snapshot, because the schema has changed; returns when it is published.
    `clock`: seconds since the epoch, UTC. `new_id`: names of sessions, at most 16 ASCII letters and digits.
    """
    places = {
        name: Place(name, upstream.database, partial(current, name), partial(groups_of, name))
        for name, upstream in settings.databases.items()
    }
    services = Services(settings, places, refresh, log, clock, new_id, Counters(), {})
    proxy = Proxy(services)
    await proxy.listen()
    return proxy
