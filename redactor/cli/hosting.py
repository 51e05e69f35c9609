"""The console's own process: log, accounts, catalogs and pages put together, until a signal ends it.

Knows which part needs which. Must not know pages. Invariants: the console shares no thread and no memory with the
proxy, so nothing that it does can delay a statement; it ends when the process that started it is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import uvicorn

from redactor.audit.entry import Closed, Draft
from redactor.cli import oplog
from redactor.cli.companion import CHILD
from redactor.cli.files import known_tags
from redactor.cli.judging import Usable, usable
from redactor.cli.publishing import Published, onlooker
from redactor.cli.service import why_not
from redactor.config import Config
from redactor.console import Files, Site, create
from redactor.console.register import Register
from redactor.engine import Engine
from redactor.errors import ConfigurationError, LogUnavailable, RedactorError, UpstreamError
from redactor.identity import Providers
from redactor.proxy.doorstep import sockets
from redactor.store import Log, Reader
from redactor.store.accounts import Accounts
from redactor.store.database import Database
from redactor.store.orders import Desk

AGAIN_SECONDS = 5.0
ENTER_SECONDS = 1.0
ENTERED_AT_ONCE = 10_000
NOTE_SECONDS = 30.0


@asynccontextmanager
async def site(path: Path) -> AsyncIterator[Site]:
    """Everything that the pages stand on, made from a configuration file. Raises ConfigurationError, LogUnavailable."""
    installation = usable(path)
    config, loop = installation.config, asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        # What is published and forwarded is the proxy's work: its couriers know how far they have come.
        log = await Log.open(
            config.store,
            config.log.directory,
            auditor_key=config.log.auditor_key,
            checkpoint_every=config.log.checkpoint_every,
        )
        stack.push_async_callback(log.close)
        accounts = Database(config.store)
        stack.callback(accounts.close)
        judges: dict[str, Published] = {}
        for name in config.databases:
            one = onlooker(installation, name)
            stack.push_async_callback(one.close)
            stack.push_async_callback(_end, asyncio.create_task(_watch(one), name=f"watch-{name}"))
            judges[name] = one
        providers = Providers(config.providers, lambda event, more: oplog.logger().warning(event, **more))
        await providers.refresh()
        stack.push_async_callback(_end, asyncio.create_task(providers.watch(), name="watch-keys"))
        seen = _Seen(path, installation)
        stack.push_async_callback(_end, asyncio.create_task(_follow(seen, judges), name="watch-files"))

        read = _readers(config, stack)
        register = Register(config.log.directory / "console" / "register.db")
        stack.push_async_callback(_end, asyncio.create_task(_enter(register, config), name="register"))

        def note(closed: Closed | Draft) -> None:
            try:
                asyncio.run_coroutine_threadsafe(log.note(closed), loop).result(NOTE_SECONDS)
            except TimeoutError:
                raise LogUnavailable("the log takes no entries at present") from None

        def judge(name: str) -> Engine | None:
            try:
                found = judges[name].current()
            except (KeyError, AssertionError):
                return None
            return found if isinstance(found, Engine) else None

        yield Site(
            config=config,
            url=url_of(config),
            reader=read,
            register=register,
            accounts=Accounts(accounts),
            desk=Desk(accounts, note, time.time),
            files=seen.files,
            judge=judge,
            note=note,
            health=log.health,
            clock=time.time,
            reload=_reload,
            providers=providers,
        )


def _reload() -> bool:
    """SIGHUP to the proxy that this console belongs to."""
    if not os.environ.get(CHILD):
        return False
    os.kill(os.getppid(), signal.SIGHUP)
    return True


def url_of(config: Config) -> str:
    """How browsers reach the console."""
    assert config.console is not None
    if config.reception.url is not None:
        return config.reception.url
    host = "127.0.0.1" if config.console.host == "*" else config.console.host
    return f"http://{f'[{host}]' if ':' in host else host}:{config.console.port}"


def _readers(config: Config, stack: AsyncExitStack) -> Callable[[], Reader]:
    """A reader that all pages share; `close` is left to the end."""
    shared = Reader(config.store, config.log.directory)
    stack.callback(shared.close)
    return lambda: shared


class _Seen:
    """The files as they were when last read without a fault; read again when one has changed."""

    def __init__(self, path: Path, first: Usable) -> None:
        self._path = path
        self._stamp = ""
        self.newest = first

    def files(self) -> Files:
        """What the files say now. ConfigurationError where they cannot be used."""
        stamp = self._stamped()
        if stamp != self._stamp:
            self.newest, self._stamp = usable(self._path), stamp
        return Files(self.newest.policy, self.newest.reviews, known_tags(self.newest.config.policy))

    def _stamped(self) -> str:
        config = self.newest.config
        places = [self._path, config.policy, config.policy.with_name("tags.yaml")]
        places += [d.catalog for d in config.databases.values()]
        return " ".join(_stamp(p) for p in places)


def _stamp(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return "-"
    return f"{found.st_mtime_ns}/{found.st_size}/{found.st_ino}"


async def _watch(one: Published) -> None:
    """Read the catalog, as soon as that can be done, and keep looking."""
    while True:
        try:
            await one.refresh()
            break
        except UpstreamError as e:
            oplog.logger().warning("the console has no catalog yet", database=one.database.name, why=e.public)
            await asyncio.sleep(AGAIN_SECONDS)
    await one.watch()


async def _follow(seen: _Seen, judges: dict[str, Published]) -> None:
    """Judge by changed files as soon as they are without a fault."""
    known = seen.newest
    while True:
        await asyncio.sleep(1.0)
        with contextlib.suppress(ConfigurationError):
            await asyncio.to_thread(seen.files)
        if seen.newest is not known:
            known = seen.newest
            for name, one in judges.items():
                if name in known.reviews:
                    with contextlib.suppress(UpstreamError):
                        await one.replace(known.policy, known.reviews[name])


async def _enter(register: Register, config: Config) -> None:
    """Enter what the log grows by into the register, a second after it did."""
    while True:
        try:
            with Reader(config.store, config.log.directory) as reader:
                while True:
                    if not await asyncio.to_thread(register.follow, reader, ENTERED_AT_ONCE):
                        await asyncio.sleep(ENTER_SECONDS)
        except (RedactorError, sqlite3.Error) as e:
            oplog.logger().warning("the console's index cannot be brought up to date", why=type(e).__name__)
            await asyncio.sleep(AGAIN_SECONDS)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


class _Server(uvicorn.Server):
    """Signals end it, and are not raised again afterwards: the log is still to be closed then."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        yield

    def _stop(self) -> None:
        self.should_exit = True


async def host(path: Path) -> None:
    """Run the console of a configuration until a signal ends it. Raises RedactorError where it cannot begin."""
    config = usable(path).config
    if config.console is None:
        raise RedactorError(f"{path} configures no console: add `console: 127.0.0.1:8080`")
    try:
        listening = sockets(None if config.console.host == "*" else config.console.host, config.console.port)
    except OSError as e:
        raise RedactorError(why_not(config, "console", config.console, e)) from e
    async with site(path) as made:
        settings = uvicorn.Config(
            create(made),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            timeout_keep_alive=30,
            limit_concurrency=200,
        )
        server = _Server(settings)
        watching = asyncio.create_task(_until_orphaned(server, made.url), name="watch-parent")
        try:
            await server.serve(listening)
        finally:
            await _end(watching)


async def _until_orphaned(server: uvicorn.Server, url: str) -> None:
    """End the server when the process that started it for itself is gone."""
    parent = os.getppid() if os.environ.get(CHILD) else 0
    said = False
    while True:
        await asyncio.sleep(0.2)
        if server.started and not said:
            said = True
            oplog.logger().info("console listening", url=url)
        if parent and os.getppid() != parent:
            server.should_exit = True
