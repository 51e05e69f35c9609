"""The proxy's shell: sockets, TLS and waiting around `redactor.wire` sessions.

Knows asyncio and performs a session's effects strictly in their order; knows nothing of SQL, policy or the protocol's
messages. `serve` is the entry.
"""

from redactor.proxy.listener import Proxy, serve
from redactor.proxy.room import Alone, Room
from redactor.proxy.settings import Counters, Log, Neighbours, Settings

__all__ = ["Alone", "Counters", "Log", "Neighbours", "Proxy", "Room", "Settings", "serve"]
