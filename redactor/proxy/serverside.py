"""A relay's connection to the server.

Knows which of the relay's methods is which event. Must not know what is said. Invariant: all that is heard is told, at
once and in order.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redactor.proxy.relay import Relay


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
