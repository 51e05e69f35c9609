"""One client and its one server connection: bytes to the session, the session's effects to the sockets.

Knows transports, waiting and back-pressure; knows no message, and leaves to `errands` what has to be asked elsewhere.
Keeps: effects are performed strictly in their order, so what stands behind a `Record` leaves only once the entry is
durable; while one session waits the others go on; what waits in memory is bounded, since neither side is read while
the other does not take what it is sent.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, assert_never, cast

from redactor.decision import Entry
from redactor.effects import (
    CatchUp,
    CheckToken,
    Close,
    Effect,
    FindSecret,
    Outdate,
    Record,
    Refresh,
    Spend,
    StartTLS,
    ToClient,
    ToServer,
)
from redactor.errors import LogUnavailable, RedactorError
from redactor.model import Problem
from redactor.proxy import certificates, errands, upstream
from redactor.wire.pg import Channel, Session
from redactor.wire.pg.passage import Passage

if TYPE_CHECKING:
    from redactor.proxy.settings import Services

_WAITING = 256 << 10
"""Bytes of effects that may wait behind a Record before both sides stop being read."""
_LINGER = 5.0
"""Seconds that a closed connection has to take what is still to be sent to it."""


class Relay(asyncio.Protocol):
    """The client's connection, and what is done for it. `done` is called once, when both connections have ended.

    What has no underscore is for `errands`, of which one at a time is under way.
    """

    __slots__ = (
        "_busy",
        "_client_full",
        "_closing",
        "_deadline",
        "_done",
        "_durable",
        "_handed",
        "_heard",
        "_key",
        "_lost",
        "_passage",
        "_quiet",
        "_server_full",
        "_todo",
        "_todo_size",
        "_work",
        "client",
        "client_gone",
        "client_paused",
        "clock",
        "entered",
        "id",
        "loop",
        "server",
        "server_paused",
        "services",
        "session",
    )

    def __init__(self, services: Services, done: Callable[[Relay], None]) -> None:
        self.services = services
        self.clock = services.clock
        self._done = done
        self.loop = asyncio.get_running_loop()
        self.client: asyncio.Transport | None = None
        self.server: asyncio.Transport | None = None
        self.session = Session("", services.places.get)
        self._passage: Passage | None = None
        self.id = services.new_id()
        self.entered = False
        self._heard = True
        self._quiet = 0.0
        self._todo: deque[Effect] = deque()
        self._todo_size = 0
        self._busy = False
        """Whether effects wait: for the log, or for what a task does."""
        self._handed = 0
        self._durable: deque[Entry] = deque()
        """Entries in the log's hands, and those that it has made durable and whose turn has not come."""
        self._lost = False
        self._work: asyncio.Task[None] | None = None
        self._client_full = self._server_full = False
        self.client_paused = self.server_paused = False
        self.client_gone = False
        self._closing = False
        self._key: bytes | None = None
        self._deadline: asyncio.TimerHandle | None = None

    # -------------------------------------------------------------- what is heard

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.client = cast(asyncio.Transport, transport)
        upstream.tune(transport)
        settings, tls = self.services.settings, self.services.front.tls
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else "local"
        self.session = Session(
            self.id,
            self.services.places.get,
            address,
            tls is not None,
            settings.limits,
        )
        self.services.counters.sessions += 1
        self.services.counters.active += 1
        self._deadline = self.loop.call_later(settings.login_timeout, self._late)
        secure = transport.get_extra_info("ssl_object")
        if secure is not None:
            # TLS from the first byte: only who names the protocol is surely no stranger to it (ALPN)
            if secure.selected_alpn_protocol() != certificates.ALPN:
                self.client.abort()
                return
            self.session.tls_started(self.channel())

    def channel(self) -> Channel:
        """What is known of the client by its TLS."""
        assert self.client is not None
        secure, tls = self.client.get_extra_info("ssl_object"), self.services.front.tls
        names = certificates.names_of(secure.getpeercert())
        # a certificate that has just been replaced is not the one that this client was shown
        return Channel(tls.binding if tls is not None and secure.context is tls.context else None, names)

    def data_received(self, data: bytes) -> None:
        self._heard = True
        server, passage = self.server, self._passage
        if passage is not None and server is not None and not self._busy and passage.client(data):
            if passage.due is None:
                server.write(data)
            else:
                self._perform([passage.record(self.clock()), ToServer(data)])
            return
        effects = self.session.client_data(data, self.clock())
        if effects:
            self._perform(effects)
        else:
            # it was kept: there may be enough of it
            self._balance()

    def eof_received(self) -> bool:
        """The client has closed its half. True: the other half stays open, for what it has asked (never under TLS)."""
        if self.client is None or self.client.get_extra_info("ssl_object") is not None:
            return False
        self._perform(self.session.client_ended(self.clock()))
        return not self._closing

    def connection_lost(self, exc: Exception | None) -> None:
        self.client_gone = True
        self._perform(self.session.client_closed())
        self._balance()
        if self.server is None and not self._busy:
            self._finish()

    def pause_writing(self) -> None:
        self._client_full = True
        self._balance()

    def resume_writing(self) -> None:
        self._client_full = False
        self._balance()

    def server_data(self, data: bytes) -> None:
        session, passage = self.session, self._passage
        if passage is not None and not self._busy and not self.client_gone:
            passed = passage.server(data)
            if passed is not None:
                self.client.write(passed)  # type: ignore[union-attr]  # there is a client as long as it is not gone
                if self.client_paused:
                    self._balance()
                return
        self._perform(session.server_data(data, self.clock()))
        if self._deadline is not None and session.ready and not self._closing:
            self._deadline.cancel()
            self._deadline = None
        if passage is None:
            self._passage = session.passage
        if self._key is None and session.backend_key is not None and session.place is not None:
            self._key = session.backend_key
            self.services.cancel_keys[self._key] = session.place.name
        if self.client_paused:
            self._balance()

    def server_lost(self) -> None:
        self.server = None
        self._perform(self.session.server_closed())
        if self.client_gone and not self._busy:
            self._finish()

    def server_full(self, full: bool) -> None:
        self._server_full = full
        self._balance()

    def _late(self) -> None:
        self._deadline = None
        if not self.session.ready:
            problem = Problem("57014", "the login took too long")
            self._perform(self.session.upstream_failed(problem))

    def look(self, passed: float, patience: float) -> None:
        """Lets the client go that has been quiet for too long; `passed`: seconds since the last look."""
        if self._heard or not self.session.idle:
            self._heard, self._quiet = False, 0.0
            return
        self._quiet += passed
        if self._quiet >= patience and not self._busy:
            self._perform(self.session.expire())

    def shutdown(self) -> None:
        """Tells the client that the proxy is being stopped, and closes."""
        self._perform(self.session.shutdown())

    def abort(self) -> None:
        """Closes at once."""
        if self._work is not None:
            self._work.cancel()
        self._forget()
        for transport in (self.client, self.server):
            if transport is not None:
                transport.abort()

    # -------------------------------------------------------------- effects, in their order

    def _perform(self, effects: list[Effect]) -> None:
        if self._busy:
            self.wait_with(effects)
            return
        for i, effect in enumerate(effects):
            if type(effect) is ToClient and not self.client_gone:
                self.client.write(effect.data)  # type: ignore[union-attr]  # there is a client as long as it is not gone
            elif type(effect) is ToServer and self.server is not None:
                self.server.write(effect.data)
            elif type(effect) is Record or not self._at_once(effect):
                self._busy = True
                self.wait_with(effects[i:])
                self._go_on()
                return

    def _at_once(self, effect: Effect) -> bool:
        """Performs an effect, unless that takes waiting."""
        match effect:
            case ToClient(data):
                if not self.client_gone and self.client is not None:
                    self.client.write(data)
            case ToServer(data):
                if self.server is None:
                    # connect, if that has not been done; else the server has gone and the session will hear of it
                    return self.session.ready or self._closing
                self.server.write(data)
            case Close(reason):
                if self.session.cancel is not None and not self._closing:
                    return False
                self.report(reason)
                self.close()
            case StartTLS() | Record() | Spend() | Refresh() | Outdate() | CatchUp() | FindSecret() | CheckToken():
                return False
            case _:
                assert_never(effect)
        return True

    def wait_with(self, effects: list[Effect]) -> None:
        self._todo.extend(effects)
        for effect in effects:
            if isinstance(effect, (ToClient, ToServer)):
                self._todo_size += len(effect.data)
        if self._todo_size > _WAITING:
            self._balance()

    def _go_on(self) -> None:
        """Performs what has been waiting, until something takes waiting again; it will call this when that is over."""
        todo = self._todo
        try:
            while todo:
                effect = todo[0]
                if type(effect) is Record:
                    if self._lost:
                        todo.clear()
                    elif self._durable:
                        if self._durable.popleft() is not effect.entry:
                            raise AssertionError("entries become durable in their order")
                        todo.popleft()
                    elif self._handed or self._hand_in():
                        return
                    continue
                todo.popleft()
                if isinstance(effect, (ToClient, ToServer)):
                    self._todo_size -= len(effect.data)
                if not self._at_once(effect):
                    self._work = self.loop.create_task(self._wait(effect))
                    return
        except Exception:
            self._give_up()
            raise
        self._rest()

    def _give_up(self) -> None:
        self._forget()
        self.close()
        self._rest()

    def _forget(self) -> None:
        """Nothing of what waits is done. Entries that are in the log's hands become durable all the same."""
        self._lost = self._lost or self._handed > 0 or bool(self._durable)
        self._durable.clear()
        self._todo.clear()
        self._todo_size = 0

    def _rest(self) -> None:
        """Nothing waits any more."""
        self._busy = False
        self._balance()
        if self.client_gone and self.server is None:
            self._finish()

    def _hand_in(self) -> bool:
        """Hands the entry that is next to the log, and those behind it that are waiting to be sent only; whether it is
        in the log's hands. One commit then serves all of a pipeline."""
        for effect in self._todo:
            if type(effect) is Record:
                try:
                    self.services.log.hand_in(effect.entry, partial(self._recorded, effect.entry))
                except Exception as error:
                    if self._handed:
                        break  # it has its turn
                    self._todo.popleft()
                    self.log_failed(error)
                    return False
                self._handed += 1
            elif type(effect) is not ToServer and type(effect) is not ToClient:
                break
        return True

    def _recorded(self, entry: Entry, failure: RedactorError | None) -> None:
        self._handed -= 1
        if self._lost:
            if self._busy and not self._handed and self._work is None:
                self._go_on()
            return
        if failure is None:
            self.services.counters.count(entry)
            self._durable.append(entry)
        else:
            # what stood before it has been done, each as its own entry was told of
            self._todo.popleft()
            self.log_failed(failure)
        self._go_on()

    async def _wait(self, effect: Effect) -> None:
        """Performs what takes waiting; then what has come behind it meanwhile."""
        try:
            await errands.perform(self, effect)
        except BaseException:
            self._work = None
            self._give_up()
            raise
        self._work = None
        self._go_on()

    def log_failed(self, why: Exception | None) -> None:
        error = why if isinstance(why, LogUnavailable) else LogUnavailable("the log cannot be written")
        self.services.counters.log_failures += 1
        closed = self.session.closed
        if self._todo and isinstance(self._todo[0], ToClient):
            # the refusal itself, which must not be seen since it is not in the log
            self._todo.clear()
            closed = False
        self.instead([] if closed else self.session.log_failed(error))

    def instead(self, effects: list[Effect]) -> None:
        """Something has failed: what waited behind it and is not for the client is not done; this is, last."""
        # nor is what stands behind an entry that will not be made
        before = takewhile(lambda e: not isinstance(e, Record), self._todo)
        left: list[Effect] = [e for e in before if isinstance(e, ToClient)]
        self._forget()
        # a session that was closing already had a Close among what has just been thrown away
        self.wait_with(left + (effects or [Close("")]))

    def report(self, reason: str) -> None:
        """A login that did not succeed, for the operator."""
        session = self.session
        if session.ready or not session.login or self.client_gone:
            return
        self.services.counters.login_failures += 1
        peer = self.client.get_extra_info("peername") if self.client is not None else None
        address = str(peer[0]) if isinstance(peer, tuple) else "local"
        database = "" if session.place is None else session.place.name
        details = {"login": session.login, "database": database, "address": address, "why": reason}
        self.services.report("login refused", details)

    # -------------------------------------------------------------- back-pressure

    def _balance(self) -> None:
        """Reads of each side only while what comes of it has somewhere to go."""
        room = self._todo_size <= _WAITING
        client, server = self.client, self.server
        pause = not (room and not self._server_full and self.session.wants_client)
        if client is not None and pause != self.client_paused and not client.is_closing():
            self.client_paused = pause
            (client.pause_reading if pause else client.resume_reading)()
        pause = not (room and (not self._client_full or self.client_gone))
        if server is not None and pause != self.server_paused and not server.is_closing():
            self.server_paused = pause
            (server.pause_reading if pause else server.resume_reading)()

    # -------------------------------------------------------------- the end

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        for transport in (self.client, self.server):
            if transport is not None and not transport.is_closing():
                transport.close()
        if not self.client_gone or self.server is not None:
            self._deadline = self.loop.call_later(_LINGER, self.abort)

    def _finish(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if self._key is not None:
            self.services.cancel_keys.pop(self._key, None)
            self._key = None
        if self.entered:
            self.services.neighbours.leave(self.id)
            self.entered = False
        self._done(self)
