"""A worker's place among its neighbours: the line to the process that accepts clients for all of them.

Knows what is said on the line, in the worker's half; `redactor.cli.workers` knows the other. Invariants: when the
accepting process ends, so does the worker; what the worker is asked is always answered.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, Mapping

from redactor.errors import RedactorError
from redactor.model import Problem
from redactor.proxy import Proxy
from redactor.proxy.line import Line, LineLost, Message

WORKER = "REDACTOR_WORKER"
"""In a worker's environment: its number and the descriptor of its end of the line, as `2:5`."""

Refresh = Callable[[], Awaitable[None]]
Outdate = Callable[[], None]


class Seat:
    """Where a worker sits. `number` counts from 0; `lost` is called when the accepting process has ended."""

    def __init__(self, number: int, end: socket.socket, lost: Callable[[], None]) -> None:
        self.number = number
        self._line = Line(end, self._hear, lost)
        self._proxy: Proxy | None = None
        self._refreshes: Mapping[str, tuple[Refresh, Outdate]] = {}

    @staticmethod
    def taken(lost: Callable[[], None]) -> Seat | None:
        """The seat that the environment says this process has; None: it is not one of several."""
        said = os.environ.pop(WORKER, None)
        if said is None:
            return None
        number, _, descriptor = said.partition(":")
        return Seat(int(number), socket.socket(fileno=int(descriptor)), lost)

    def open(self, proxy: Proxy, refreshes: Mapping[str, tuple[Refresh, Outdate]]) -> None:
        """From now on clients may come. `refreshes`: by which each database's catalog is read anew, or is to be."""
        self._proxy, self._refreshes = proxy, refreshes
        self._line.tell("ready")

    def close(self) -> None:
        """Gives the seat up."""
        self._line.close()

    # -------------------------------------------------------------- what is asked of the others

    async def enter(self, id: str, login: str) -> Problem | None:
        """Whether one more client may come; counted where all clients are."""
        try:
            # a login may have bytes that are no UTF-8, which JSON cannot say
            said = login.encode("utf-8", "replace").decode()
            answer = await self._line.ask("enter", {"id": id, "login": said})
        except LineLost:
            return Problem("57P01", "terminating connection due to administrator command")
        return None if answer is None else Problem(*map(str, answer))  # type: ignore[call-overload]

    def leave(self, id: str) -> None:
        """A client has gone."""
        self._line.tell("leave", {"id": id})

    async def cancel(self, key: bytes) -> None:
        """Has the others look for the session of a cancel request."""
        try:
            await self._line.ask("cancel", {"key": key.hex()})
        except LineLost:
            return

    async def refresh_others(self, database: str) -> None:
        """Has the others read a catalog anew; returns when they have. Raises RedactorError where one could not."""
        try:
            failed = await self._line.ask("refresh", {"database": database})
        except LineLost:
            failed = True
        if failed:
            raise RedactorError("another worker could not read the catalog again")

    async def outdate_others(self, database: str) -> None:
        """Tells the others that a catalog has changed; returns when they know. RedactorError where none can be told."""
        try:
            await self._line.ask("outdate", {"database": database})
        except LineLost:
            raise RedactorError("the other workers cannot be told that the catalog has changed") from None

    # -------------------------------------------------------------- what is asked of this one

    def _hear(self, what: str, message: Message, passed: socket.socket | None) -> Awaitable[object] | None:
        match what:
            case "client" if passed is not None:
                if self._proxy is None:
                    passed.close()
                else:
                    self._proxy.take(passed)
                return None
            case "cancel":
                return self._cancel(bytes.fromhex(message["key"]))
            case "refresh":
                return self._refresh(str(message["database"]))
            case "outdate":
                return self._outdate(str(message["database"]))
            case _:
                raise AssertionError(f"nobody says {what}")

    async def _cancel(self, key: bytes) -> None:
        if self._proxy is not None:
            await self._proxy.cancel(key)

    async def _refresh(self, database: str) -> bool:
        """Whether it failed."""
        try:
            await self._refreshes[database][0]()
        except (TimeoutError, RedactorError, OSError, KeyError):
            return True
        return False

    async def _outdate(self, database: str) -> None:
        known = self._refreshes.get(database)
        if known is not None:
            known[1]()
