"""The listening socket, and all relays behind it: `serve` begins, `Proxy.close` ends.

Knows where to listen and who is connected. Must not know what sessions say. Keeps: after `close` nothing of the proxy
is running, and every client that could be told why has been.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import cast

from redactor.config import Upstream
from redactor.effects import Spend
from redactor.identity import Providers, TokenRefused
from redactor.model import Identity, Problem
from redactor.proxy.certificates import Tls
from redactor.proxy.doorstep import Doorstep, sockets
from redactor.proxy.relay import Relay
from redactor.proxy.room import Alone, Room
from redactor.proxy.serverside import cancel
from redactor.proxy.settings import (
    Counters,
    Current,
    Front,
    GrantsOf,
    GroupsOf,
    Log,
    Neighbours,
    Report,
    Services,
    Settings,
    SpendRows,
)
from redactor.proxy.verifiers import Verifiers
from redactor.wire.pg import Edition, Entrance, Place


class Proxy:
    """A proxy that is listening. `counters` says what it has done."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._relays: set[Relay] = set()
        self._server: asyncio.Server | Doorstep | None = None
        self._looking: asyncio.Task[None] | None = None
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
        settings, front = self._services.settings, self._services.front
        address = settings.listen
        if settings.idle_timeout is not None:
            self._looking = loop.create_task(self._look(settings.idle_timeout), name="idle")
        if address is None:
            self._server = Doorstep([], lambda: front.tls, self._accept, self._never, settings.login_timeout)
            return
        host = None if address.host == "*" else address.host
        if front.tls is not None:
            listening = sockets(host, address.port)
            self.port = int(listening[0].getsockname()[1])
            self._server = Doorstep(listening, lambda: front.tls, self._accept, self._never, settings.login_timeout)
            return
        server = await loop.create_server(self._accept, host, address.port, backlog=1024)
        self._server = server
        self.port = int(server.sockets[0].getsockname()[1])

    def take(self, client: socket.socket) -> None:
        """A client that another process has accepted. Only where the proxy does not listen itself."""
        assert isinstance(self._server, Doorstep)
        self._server.welcome(client)

    async def cancel(self, key: bytes) -> None:
        """Cancels what the session of that key is doing, if it is here; returns when the server has seen to it."""
        await cancel(self._services, key)

    async def _look(self, patience: float) -> None:
        """Looks for clients that are idle, often enough to let them go at most an eighth too late."""
        every = patience / 8
        while True:
            await asyncio.sleep(every)
            for relay in list(self._relays):
                relay.look(every, patience)

    def show(self, tls: Tls) -> None:
        """From now on new clients are shown that certificate. Only where they were shown one before."""
        if self._services.front.tls is not None:
            self._services.front.tls = tls

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

    def _never(self, relay: asyncio.Protocol) -> None:
        """A relay whose client did not get through its TLS handshake."""
        self._relays.discard(cast(Relay, relay))
        if not self._relays:
            self._empty.set()

    async def close(self) -> None:
        """Accepts no more, tells every client, and returns when all have gone; at the latest after the grace time."""
        if self._looking is not None:
            self._looking.cancel()
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
        await self._services.verifiers.close()


def _new_id() -> str:
    return secrets.token_hex(5)


def _nonce() -> str:
    return secrets.token_urlsafe(24)


def _always() -> bool:
    return True


async def _no_orders(spend: Spend) -> Problem | None:
    del spend
    return Problem("42501", "there are no disclosure orders here")


def _silent(event: str, more: Mapping[str, str]) -> None:
    del event, more


async def serve(
    settings: Settings,
    *,
    current: Current,
    groups_of: GroupsOf,
    refresh: Callable[[str], Awaitable[None]],
    log: Log,
    providers: Providers | None = None,
    grants_of: GrantsOf | None = None,
    spend: SpendRows | None = None,
    neighbours: Neighbours | None = None,
    settled: Callable[[str], bool] | None = None,
    outdate: Callable[[str], Awaitable[None]] | None = None,
    catch_up: Callable[[str], Awaitable[None]] | None = None,
    edition: Callable[[str], Edition] | None = None,
    report: Report = _silent,
    clock: Callable[[], float] = time.time,
    new_id: Callable[[], str] = _new_id,
) -> Proxy:
    """Listens, and relays every client's session. Raises OSError when the address cannot be had.

    `current(database)`: the newest snapshot. `groups_of(database, login)`: the roles that a login belongs to there.
    `refresh(database)`: publishes a new snapshot, because the schema has changed; returns when it is published.
    `providers`: who signs tokens. `report`: is told what the operator should know; never a token or a statement.
    `grants_of`, `spend`: the disclosure orders, and how their rows are counted; without these there are none.
    `outdate(database)`: sees to it that from its return on `settled(database)` is false, in every process, until a new
    snapshot is published, and that one is; `catch_up(database)` returns when one is that knows of all that. Without
    these the answer to DDL always waits for `refresh`.
    `edition(database)`: what is turned whenever `current`, `settled` or `grants_of` would answer otherwise; without it
    they are asked for every batch of messages.
    `neighbours`: the other processes of the service; without them this one is alone, and takes as many as come.
    `clock`: seconds since the epoch, UTC. `new_id`: names of sessions, at most 16 ASCII letters and digits.
    """
    known = providers or Providers({})
    logins = settings.logins
    pretence = secrets.token_bytes(32)

    def identify(token: str, issuers: frozenset[str], now: float) -> Identity | str:
        try:
            return known.identify(token, issuers, now)
        except TokenRefused as e:
            return e.why

    async def check_token(provider: str, token: str, now: float) -> Identity | str:
        try:
            return await known.check(provider, token, now)
        except TokenRefused as e:
            return e.why

    def place(name: str, upstream: Upstream) -> Place:
        entrance = Entrance(lambda login: logins.rule(login, name), _nonce, pretence, known.all)
        grants = None if grants_of is None or spend is None else partial(grants_of, name)
        current_here, groups_here = partial(current, name), partial(groups_of, name)
        settled_here = _always if settled is None else partial(settled, name)
        turned = None if edition is None else edition(name)
        return Place(
            name, upstream.database, current_here, groups_here, entrance, identify, grants, settled_here, turned
        )

    places = {name: place(name, upstream) for name, upstream in settings.databases.items()}
    verifiers = Verifiers(logins, settings.databases)
    front = Front(settings.tls)
    services = Services(
        settings,
        places,
        refresh,
        log,
        clock,
        new_id,
        Counters(),
        {},
        front,
        verifiers,
        check_token,
        report,
        spend or _no_orders,
        neighbours or Alone(Room()),
        outdate or refresh,
        catch_up or refresh,
    )
    proxy = Proxy(services)
    await proxy.listen()
    return proxy
