"""A relay's connection to the server, and the other one by which what it does is cancelled.

Knows which of the relay's methods is which event. Must not know what is said. Invariant: all that is heard is told, at
once and in order.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from redactor.errors import UpstreamError
from redactor.proxy import upstream

if TYPE_CHECKING:
    from redactor.proxy.relay import Relay
    from redactor.proxy.settings import Services


async def cancel(services: Services, key: bytes) -> bool:
    """Cancels what the session of that key is doing, if it is one of this process; whether it is."""
    name = services.cancel_keys.get(key)
    if name is None:
        return False
    services.counters.cancels += 1
    settings = services.settings
    with contextlib.suppress(UpstreamError):  # a cancel request is never answered, whatever becomes of it
        await upstream.cancel(settings.databases[name], name, key, settings.connect_timeout)
    return True


class ServerSide(asyncio.Protocol):
    """The server's connection; all it hears it tells the relay."""

    __slots__ = ("_relay",)

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def data_received(self, data: bytes) -> None:
        self._relay.server_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._relay.server_lost()

    def pause_writing(self) -> None:
        self._relay.server_full(True)

    def resume_writing(self) -> None:
        self._relay.server_full(False)
