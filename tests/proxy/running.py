"""A proxy that runs in a thread of its own, for tests with blocking clients."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import uvloop

from redactor.config import Address, Upstream
from redactor.decision import Entry
from redactor.effects import Spend
from redactor.errors import LogUnavailable, RedactorError
from redactor.identity import Providers
from redactor.judge import Judge
from redactor.model import Grant, Problem
from redactor.proxy import Neighbours, Proxy, Settings, serve
from redactor.proxy.settings import Counters
from tests import servers
from tests.wire.judges import WordJudge

T = TypeVar("T")


@dataclass
class Memory:
    """A log that keeps entries in a list. `broken` makes it fail; `delay` makes it slow (seconds).

    `takes`: it fails behind so many entries. `together`: how many have been in its hands at once.
    """

    entries: list[Entry] = field(default_factory=list)
    broken: bool = False
    delay: float = 0.0
    takes: int | None = None
    together: int = 0
    _held: int = 0

    def hand_in(self, entry: Entry, done: Callable[[RedactorError | None], None]) -> None:
        self._held += 1
        self.together = max(self.together, self._held)
        asyncio.get_running_loop().call_later(self.delay, self._keep, entry, done)

    def _keep(self, entry: Entry, done: Callable[[RedactorError | None], None]) -> None:
        self._held -= 1
        if self.broken or (self.takes is not None and len(self.entries) >= self.takes):
            done(LogUnavailable("the log cannot be written"))
        else:
            self.entries.append(entry)
            done(None)


class Orders(Protocol):
    """Where disclosure orders come from, and where their rows are counted."""

    def grants_of(self, database: str, login: str) -> tuple[Grant, ...]: ...

    async def spend(self, spend: Spend) -> Problem | None: ...


@dataclass
class Running:
    """A running proxy. `judge` may be replaced at any time, as a published snapshot would be."""

    server: servers.Server
    loop: asyncio.AbstractEventLoop
    proxy: Proxy
    log: Memory
    state: dict[str, Any]

    @property
    def port(self) -> int:
        return self.proxy.port

    @property
    def judge(self) -> WordJudge:
        judge = self.state["judge"]
        assert isinstance(judge, WordJudge)
        return judge

    @judge.setter
    def judge(self, judge: Judge) -> None:
        self.state["judge"] = judge

    @property
    def reports(self) -> list[tuple[str, dict[str, str]]]:
        """What the operator has been told: events and details. What the proxy was in the middle of is done first."""
        self._settle()
        found: list[tuple[str, dict[str, str]]] = self.state["reports"]
        return found

    @property
    def counters(self) -> Counters:
        """As they are when the proxy is done with what it was in the middle of."""
        self._settle()
        return self.proxy.counters

    @property
    def refreshes(self) -> list[str]:
        found: list[str] = self.state["refreshes"]
        return found

    def dsn(self, database: str = "postgres", user: str = "postgres", password: str = "") -> str:
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@127.0.0.1:{self.port}/{database}"

    def _settle(self) -> None:
        if self.loop.is_running():
            self.do(asyncio.sleep(0))

    def do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine in the proxy's loop and waits for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)


@contextmanager
def running(
    server: servers.Server,
    judge: Judge | None = None,
    tls: Any = None,
    upstream: Upstream | None = None,
    more: dict[str, Any] | None = None,
    wrap: Callable[[Settings], Settings] = lambda s: s,
    providers: Providers | None = None,
    orders: Orders | None = None,
    neighbours: Neighbours | None = None,
    clock: Callable[[], float] = time.time,
) -> Iterator[Running]:
    """A proxy in front of that server, for the databases `postgres`, `other` (also postgres) and `nowhere` (down)."""
    loop = uvloop.new_event_loop()
    state: dict[str, Any] = {"judge": judge or WordJudge(), "refreshes": [], "reports": []}
    log = Memory()
    there = upstream or Upstream("127.0.0.1", server.port, "postgres", "postgres")
    nowhere = Upstream("127.0.0.1", servers.free_port(), "postgres", "postgres")
    databases = {"postgres": there, "other": there, "nowhere": nowhere}
    settings = wrap(Settings(Address("127.0.0.1", 0), databases, tls=tls, grace=2.0, **(more or {})))

    async def refresh(database: str) -> None:
        state["refreshes"].append(database)
        if "refreshed" in state:
            state["judge"] = state["refreshed"]

    async def begin() -> Proxy:
        if providers is not None:
            await providers.refresh()
        return await serve(
            settings,
            current=lambda database: state["judge"],
            groups_of=lambda database, login: frozenset({f"group_of_{login}"}),
            refresh=refresh,
            log=log,
            providers=providers,
            grants_of=None if orders is None else orders.grants_of,
            spend=None if orders is None else orders.spend,
            neighbours=neighbours,
            report=lambda event, details: state["reports"].append((event, dict(details))),
            clock=clock,
        )

    ready = threading.Event()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.call_soon(ready.set)
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(10)
    try:
        proxy = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
        try:
            yield Running(server, loop, proxy, log, state)
        finally:
            asyncio.run_coroutine_threadsafe(proxy.close(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
