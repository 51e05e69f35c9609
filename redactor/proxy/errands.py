"""What a session waits for: its connection to the server, TLS, how a login is proved, rows that are counted, snapshots.

Knows whom to ask for each and what the session makes of the answer. Must not know messages, nor the order of effects:
`relay` has only one of these under way at a time. Invariant: what fails ends in something that the client is told
instead, never in silence.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, assert_never

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
from redactor.errors import UpstreamError
from redactor.model import Problem
from redactor.proxy import certificates, upstream
from redactor.proxy.serverside import ServerSide, cancel

if TYPE_CHECKING:
    from redactor.proxy.relay import Relay


async def perform(relay: Relay, effect: Effect) -> None:
    """Does what takes waiting; what comes of it waits its turn with the relay."""
    if isinstance(effect, (ToServer, FindSecret, CheckToken)) and not await _may_enter(relay):
        return
    match effect:
        case ToServer(data):
            await _connect(relay)
            if relay.server is not None:
                relay.server.write(data)
        case Spend():
            await _spend(relay, effect)
        case Refresh():
            await _refresh(relay, relay.services.refresh)
        case CatchUp():
            await _refresh(relay, relay.services.catch_up)
        case Outdate():
            await _outdate(relay)
        case StartTLS():
            await _start_tls(relay)
        case FindSecret(login):
            await _find_secret(relay, login)
        case CheckToken(provider, token):
            await _check_token(relay, provider, token)
        case Close(reason):
            await _cancel(relay)
            relay.report(reason)
            relay.close()
        case ToClient() | Record():
            raise AssertionError("performed without a task")
        case _:
            assert_never(effect)


async def _may_enter(relay: Relay) -> bool:
    """Whether there is room for one more client with that login; asked once, before anything is done for it."""
    if relay.entered:
        return True
    relay.entered = True
    problem = await relay.services.neighbours.enter(relay.id, relay.session.login)
    if problem is not None:
        relay.instead(relay.session.upstream_failed(problem))
    return problem is None


async def _connect(relay: Relay) -> None:
    place = relay.session.place
    assert place is not None, "a session names its place before it sends anything there"
    settings = relay.services.settings
    try:
        server = await upstream.connect(
            settings.databases[place.name], place.name, ServerSide(relay), settings.connect_timeout
        )
    except UpstreamError as error:
        relay.services.counters.upstream_failures += 1
        relay.services.report("database cannot be reached", {"database": place.name, "why": error.private})
        relay.instead(relay.session.upstream_failed(Problem(error.sqlstate, error.public)))
        return
    relay.server = server
    secure = server.get_extra_info("ssl_object")
    if secure is not None:
        shown = secure.getpeercert(binary_form=True)
        relay.session.server_secure(certificates.binding_of(shown) if shown else None)


async def _start_tls(relay: Relay) -> None:
    client, tls = relay.client, relay.services.front.tls
    assert client is not None
    assert tls is not None, "TLS is offered only with a certificate"
    # nothing may be read before TLS has begun: it would be taken for a part of the session
    client.pause_reading()
    client.write(b"S")
    try:
        secure = await relay.loop.start_tls(
            client, relay, tls.context, server_side=True, ssl_handshake_timeout=relay.services.settings.login_timeout
        )
    except (OSError, ssl.SSLError):
        secure = None
    if secure is None:
        client.abort()
        relay.instead([Close("TLS could not be agreed on")])
        relay.client_gone = True
        return
    relay.client = secure
    relay.client_paused = False
    relay.wait_with(relay.session.tls_started(relay.channel()))


async def _find_secret(relay: Relay, login: str) -> None:
    place = relay.session.place
    assert place is not None, "a login is always one to a database"
    try:
        secret = await relay.services.verifiers.secret(place.name, login)
    except UpstreamError as error:
        _cannot_check(relay, error)
        return
    relay.wait_with(relay.session.secret_found(secret))


async def _check_token(relay: Relay, provider: str, token: str) -> None:
    answer = await relay.services.check_token(provider, token, relay.clock())
    try:
        kept = relay.services.verifiers.kept(relay.session.login)
    except UpstreamError as error:
        _cannot_check(relay, error)
        return
    relay.wait_with(relay.session.token_checked(answer, None if kept is None else kept.password))


def _cannot_check(relay: Relay, error: UpstreamError) -> None:
    relay.services.report("logins cannot be checked", {"why": f"{error.public}: {error.private}"})
    relay.instead(relay.session.upstream_failed(Problem("58000", error.public)))


async def _spend(relay: Relay, effect: Spend) -> None:
    try:
        problem = await relay.services.spend(effect)
    except Exception as error:
        relay.log_failed(error)
    else:
        relay.wait_with(relay.session.spent(problem, relay.clock()))


async def _refresh(relay: Relay, refresh: Callable[[str], Awaitable[None]]) -> None:
    place = relay.session.place
    assert place is not None, "only a session that is ready changes a schema, or sees that it has changed"
    server = relay.server
    if server is not None and not relay.server_paused and not server.is_closing():
        # an answer may be waiting for the newer snapshot; what comes behind it stays where it is
        relay.server_paused = True
        server.pause_reading()
    try:
        await refresh(place.name)
    except Exception:
        _not_refreshed(relay)
        return
    relay.wait_with(relay.session.refreshed(relay.clock()))


async def _outdate(relay: Relay) -> None:
    place = relay.session.place
    assert place is not None, "only a session that is ready changes a schema"
    try:
        await relay.services.outdate(place.name)
    except Exception:
        _not_refreshed(relay)


def _not_refreshed(relay: Relay) -> None:
    # without a snapshot that knows of the change nothing more of this session can be decided
    relay.services.counters.refresh_failures += 1
    problem = Problem("58000", "the catalog could not be read again after the schema changed")
    relay.instead(relay.session.upstream_failed(problem))


async def _cancel(relay: Relay) -> None:
    key = relay.session.cancel
    if key is not None and not await cancel(relay.services, key):
        await relay.services.neighbours.cancel(key)
