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
from dataclasses import dataclass
from pathlib import Path

from redactor.cli import oplog
from redactor.cli.judging import Usable, maker, usable
from redactor.cli.publishing import Published
from redactor.config import Config, TlsFiles
from redactor.errors import ConfigurationError, Fault, RedactorError, UpstreamError
from redactor.identity import Providers
from redactor.model import Judge
from redactor.proxy import Proxy, Settings, certificates
from redactor.proxy import serve as listen
from redactor.store import Log

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
        warn_of_certificates(self.config)
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
async def running(installation: Usable, *, wait: bool = False) -> AsyncIterator[Service]:
    """Everything, ready for clients. `wait`: go on trying while a database cannot be reached.

    Raises CannotServe, ConfigurationError, LogUnavailable.
    """
    settings = installation.config
    async with AsyncExitStack() as stack:
        published = {}
        make = maker(settings)
        for name, database in settings.databases.items():
            one = Published(database, installation.policy, installation.reviews[name], make)
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
        providers = Providers(settings.providers, _report)
        await providers.refresh()
        warn_of_certificates(settings)
        proxy = await _listening(settings, published, log, providers)
        stack.push_async_callback(proxy.close)
        for name, one in published.items():
            await stack.enter_async_context(_task(one.watch(), f"watch-{name}"))
        await stack.enter_async_context(_task(providers.watch(), "watch-keys"))
        await stack.enter_async_context(_task(_watch_certificates(settings), "watch-certificates"))
        yield Service(settings, published, proxy, log, providers)


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


async def _watch_certificates(settings: Config) -> None:
    while True:
        await asyncio.sleep(86400)
        warn_of_certificates(settings)


def warn_of_certificates(settings: Config) -> None:
    """An error in the operator's log for each certificate that has expired, or soon will."""
    for fault in certificates.complaints(settings, time.time()):
        oplog.logger().error("certificate", fault=str(fault))


def _report(event: str, details: Mapping[str, str]) -> None:
    oplog.logger().warning(event, **details)


async def _listening(settings: Config, published: Mapping[str, Published], log: Log, providers: Providers) -> Proxy:
    def current(database: str) -> Judge:
        return published[database].current()

    def groups_of(database: str, login: str) -> frozenset[str]:
        return published[database].groups_of(login)

    async def refresh(database: str) -> None:
        await published[database].refresh()

    upstreams = {name: d.upstream for name, d in settings.databases.items()}
    tls = _tls(settings.tls) if settings.tls else None
    try:
        return await listen(
            Settings(settings.listen, upstreams, tls, settings.logins),
            current=current,
            groups_of=groups_of,
            refresh=refresh,
            log=log,
            providers=providers,
            report=_report,
        )
    except OSError as e:
        raise CannotServe(_why_not(settings, e)) from e


def _why_not(settings: Config, e: OSError) -> str:
    if e.errno == errno.EADDRINUSE:
        return f"{settings.listen} is taken by another process: end it, or change `listen` in {settings.file}"
    if e.errno in (errno.EACCES, errno.EPERM):
        return f"no right to listen on {settings.listen}: ports below 1024 need it; change `listen` in {settings.file}"
    return f"cannot listen on {settings.listen} ({e.strerror or e}): correct `listen` in {settings.file}"


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
