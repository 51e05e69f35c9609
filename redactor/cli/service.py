"""All parts running together: databases published, log open, proxy listening; begun and ended in that order.

Knows which part needs which. Must not know the command line. Invariants: the port is open only once every database has
a judge and the log can take entries; at the end the log closes last, so that what the proxy recorded is signed.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from redactor.cli import oplog
from redactor.cli.companion import attend
from redactor.cli.judging import Usable, maker, usable
from redactor.cli.monitoring import answering
from redactor.cli.publishing import Published, baseline_file
from redactor.cli.seat import Seat
from redactor.config import Address, Config, TlsFiles
from redactor.errors import ConfigurationError, Fault, RedactorError, UpstreamError
from redactor.identity import Providers
from redactor.judge import Judge
from redactor.limits import Limits
from redactor.proxy import Alone, Proxy, Room, Settings, certificates
from redactor.proxy import serve as listen
from redactor.store import Log, retention
from redactor.store.database import Database
from redactor.store.orders import Tills
from redactor.tally import Pace
from redactor.wall import machine
from redactor.wall.findings import State
from redactor.wire import pg as wire

TRY_AGAIN_SECONDS = 2.0


class CannotServe(RedactorError):
    """Something outside redactor keeps it from serving: the message says what, and what to do."""


@dataclass(frozen=True, slots=True)
class Service:
    """What runs. `config` is what it was started with; `published` has each database by its name."""

    config: Config
    published: Mapping[str, Published]
    proxy: Proxy
    log: Log
    providers: Providers
    expiries: _Expiries

    async def reload(self, path: Path) -> None:
        """Read policy, catalogs, certificates and keys anew.

        A broken file changes nothing; an absent database keeps its old catalog.
        """
        log = oplog.logger()
        if self.config.tls is not None:
            try:
                self.proxy.show(_tls(self.config.tls))
            except ConfigurationError as e:
                log.error("the old certificate stays in force", fault=str(e.faults[0]))
        self.expiries.look()
        _tell_of_open_keys(self.config)
        await self.providers.refresh()
        try:
            installation = usable(path)
        except ConfigurationError as e:
            for fault in e.faults:
                log.error("reload refused, the old files stay in force", fault=str(fault))
            return
        if installation.config != self.config:
            log.warning("redactor.yaml has changed: that takes a restart", file=str(path))
        for name, published in self.published.items():
            if name not in installation.reviews:
                continue
            try:
                await published.replace(installation.policy, installation.reviews[name])
                log.info("reloaded", database=name, snapshot=published.current().snapshot)
            except UpstreamError as e:
                log.warning("the new files are in force, with the old catalog", database=name, why=e.public)


@asynccontextmanager
async def running(installation: Usable, *, wait: bool = False, seat: Seat | None = None) -> AsyncIterator[Service]:
    """Everything, ready for clients. `wait`: go on trying while a database cannot be reached.

    `seat`: this is one of several processes, which another one hands the clients to. Raises CannotServe,
    ConfigurationError, LogUnavailable.
    """
    settings = installation.config
    async with AsyncExitStack() as stack:
        published = {}
        paces = {name: Pace(time.perf_counter) for name in settings.databases}
        for name, database in settings.databases.items():
            kept = baseline_file(settings.log.directory, name)
            make = maker(settings, paces[name])
            one = Published(database, installation.policy, installation.reviews[name], make, kept)
            stack.push_async_callback(one.close)
            await _first(one, wait)
            published[name] = one
        log = await Log.open(
            settings.store,
            settings.log.directory,
            auditor_key=settings.log.auditor_key,
            checkpoint_every=settings.log.checkpoint_every,
            publish=settings.log.publish,
            forward=settings.log.forward,
        )
        stack.push_async_callback(log.close)
        if seat is None or seat.number == 0:
            _tell_of_open_keys(settings)
        providers = Providers(settings.providers, _report)
        await providers.refresh()
        expiries = _Expiries(settings)
        orders = Database(settings.store)
        stack.callback(orders.close)

        def turn() -> None:
            for one in published.values():
                one.edition.turn()

        tills = Tills(orders, log.note, turn)
        await tills.look()
        proxy = await _listening(settings, published, log, providers, seat, tills)
        stack.push_async_callback(proxy.close)
        for name, one in published.items():
            await stack.enter_async_context(_task(one.watch(), f"watch-{name}"))
        await stack.enter_async_context(_task(providers.watch(), "watch-keys"))
        await stack.enter_async_context(_task(tills.watch(), "watch-orders"))
        await stack.enter_async_context(_task(expiries.watch(), "watch-certificates"))
        if settings.log.retention is not None and (seat is None or seat.number == 0):
            keeping = retention.keep(log, settings.log.retention, time.time, time.monotonic)
            await stack.enter_async_context(_task(keeping, "retention"))
        if settings.metrics is not None:
            address = settings.metrics
            if seat is not None and address.port:
                # each process has figures of its own
                address = Address(address.host, address.port + seat.number)
            try:
                endpoint = answering(address, proxy, log, published, paces, lambda: expiries.known)
                port = (await stack.enter_async_context(endpoint)).port
            except OSError as e:
                raise CannotServe(why_not(settings, "metrics", address, e)) from e
            oplog.logger().info("figures for monitoring", address=str(address), port=port)
        if settings.console is not None and seat is None:
            await stack.enter_async_context(_task(attend(settings.file), "console"))
        yield Service(settings, published, proxy, log, providers, expiries)


async def _first(published: Published, wait: bool) -> None:
    name, log, said = published.database.name, oplog.logger(), False
    while True:
        try:
            await published.refresh()
            log.info("catalog read", database=name, snapshot=published.current().snapshot)
            return
        except UpstreamError as e:
            reason = f"{e.public}" + (f" ({e.private})" if e.private else "")
            if not wait:
                raise CannotServe(
                    f"database `{name}`: {reason}.\n"
                    f"Without its catalog nothing can be decided. Start it, or correct `upstream`; or use --wait."
                ) from e
            if not said:
                log.warning("waiting for the database", database=name, why=reason)
            said = True
            await asyncio.sleep(TRY_AGAIN_SECONDS)


def _tell_of_open_keys(settings: Config) -> None:
    """An error in the operator's log for each key that other users of this machine may read."""
    for finding in machine.private_files(settings):
        if finding.state is not State.OK:
            oplog.logger().error("a key is not private", what=finding.what, why=finding.why, do=finding.do)


class _Expiries:
    """When certificates expire, looked at once a day; an error in the operator's log for each that has or soon will."""

    def __init__(self, settings: Config) -> None:
        self._settings = settings
        self.known: Mapping[str, float] = {}
        self.look()

    def look(self) -> None:
        self.known = certificates.expiries(self._settings)
        for fault in certificates.complaints(self._settings, time.time()):
            oplog.logger().error("certificate", fault=str(fault))

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(86400)
            self.look()


def _report(event: str, details: Mapping[str, str]) -> None:
    oplog.logger().warning(event, **details)


async def _listening(
    settings: Config,
    published: Mapping[str, Published],
    log: Log,
    providers: Providers,
    seat: Seat | None,
    tills: Tills,
) -> Proxy:
    def current(database: str) -> Judge:
        return published[database].current()

    def groups_of(database: str, login: str) -> frozenset[str]:
        return published[database].groups_of(login)

    async def refresh(database: str) -> None:
        await published[database].refresh()
        if seat is not None:
            await seat.refresh_others(database)

    async def outdate(database: str) -> None:
        published[database].outdate()
        if seat is not None:
            await seat.outdate_others(database)

    async def catch_up(database: str) -> None:
        await published[database].catch_up()

    def settled(database: str) -> bool:
        return published[database].settled()

    upstreams = {name: d.upstream for name, d in settings.databases.items()}
    tls = _tls(settings.tls) if settings.tls else None
    limits = settings.limits
    room = Room(limits.connections, limits.connections_per_login)
    try:
        proxy = await listen(
            Settings(
                None if seat is not None else settings.listen,
                upstreams,
                tls,
                settings.logins,
                _bounds(limits),
                login_timeout=limits.login_timeout,
                idle_timeout=limits.idle_timeout,
            ),
            current=current,
            groups_of=groups_of,
            refresh=refresh,
            settled=settled,
            outdate=outdate,
            catch_up=catch_up,
            edition=lambda database: published[database].edition,
            log=log,
            providers=providers,
            neighbours=seat or Alone(room),
            grants_of=tills.grants_of,
            spend=tills.spend,
            report=_report,
        )
    except OSError as e:
        raise CannotServe(why_not(settings, "listen", settings.listen, e)) from e
    if seat is not None:
        seat.open(proxy, {name: (one.refresh, one.outdate) for name, one in published.items()})
    return proxy


def _bounds(limits: Limits) -> wire.Limits:
    """The bounds of a session: the built-in ones, where no others are given."""
    built_in = wire.Limits()
    text = built_in.text if limits.statement_bytes is None else limits.statement_bytes
    return replace(built_in, text=text, message=limits.message_bytes or built_in.message)


def why_not(settings: Config, key: str, address: Address, e: OSError) -> str:
    if e.errno == errno.EADDRINUSE:
        return f"{address} is taken by another process: end it, or change `{key}` in {settings.file}"
    if e.errno in (errno.EACCES, errno.EPERM):
        return f"no right to listen on {address}: ports below 1024 need it; change `{key}` in {settings.file}"
    return f"cannot listen on {address} ({e.strerror or e}): correct `{key}` in {settings.file}"


def _tls(files: TlsFiles) -> certificates.Tls:
    try:
        return certificates.load(files)
    except ValueError as e:
        file, _, what = str(e).partition(": ")
        raise ConfigurationError([Fault(file, 0, 0, what)]) from e


@asynccontextmanager
async def _task(work: Coroutine[None, None, None], name: str) -> AsyncIterator[None]:
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
