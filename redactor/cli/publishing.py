"""Each database's newest judge, and how it is replaced: on DDL, on changed files, and by looking now and then.

Knows redactor's own upstream connections and how a judge is made. Must not know sessions. Invariants: a judge is
replaced by one assignment and never changed; after `refresh` returns, the judge in force knows everything that was
committed upstream before it was called; what cannot be read leaves the old judge in force and raises.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import asyncpg  # type: ignore[import-untyped]

from redactor import upstream
from redactor.baseline import Baseline, follow, read, renew
from redactor.catalog import Catalog
from redactor.cli import oplog, reading
from redactor.cli.judging import Usable, maker
from redactor.cli.letting_go import let_go
from redactor.config import Database
from redactor.drift import Differences, compare
from redactor.engine import Engine
from redactor.errors import RedactorError, UpstreamError
from redactor.judge import Judge
from redactor.policy import Policy
from redactor.review import Review
from redactor.wire.pg import Edition

LOOK_SECONDS = 5.0
"""From one look at the catalog's fingerprint to the next."""

TOGETHER_SECONDS = 0.05
"""From being told of DDL to looking."""

AGAIN_SECONDS = 1.0
"""From a reading that failed to the next."""

Maker = Callable[[Catalog, Policy, Review], Judge]


class Published:
    """One database. `refresh` it before `current` is asked for; `watch` it while it is served.

    `read_at`: when the catalog in force was read (seconds, epoch, UTC). `reachable`: whether the last look succeeded.
    """

    def __init__(
        self,
        database: Database,
        policy: Policy,
        review: Review,
        make: Maker,
        kept: Path | None = None,
        keep: bool = True,
    ) -> None:
        """`kept`: the file in which it is remembered which columns were reviewed; `keep`: whether to write it."""
        self.database = database
        self._kept, self._keep = kept, keep
        self._baseline = _read_baseline(kept)
        self._policy, self._review, self._make = policy, review, make
        self._judge: Judge | None = None
        self._catalog: Catalog | None = None
        self._reviewed: Review | None = None
        """The file of the judge in force, as it was read."""
        self._fingerprint = ""
        self._differences: Differences | None = None
        self.read_at = 0.0
        self.reachable = True
        self._connection: asyncpg.Connection | None = None
        self.edition = Edition()
        """Turned whenever `current` or `settled` would answer otherwise."""
        self._lock = asyncio.Lock()
        self._told = asyncio.Event()
        self._begun = self._done = self._wanted = 0
        self._catching_up: asyncio.Task[None] | None = None
        self._letting_go: set[asyncio.Task[None]] = set()

    @property
    def differences(self) -> Differences:
        """How the catalog in force differs from its reviewed file."""
        assert self._differences is not None, "asked for differences before the catalog was read"
        return self._differences

    def current(self) -> Judge:
        """The newest judge."""
        assert self._judge is not None, "asked for a judge before the first was made"
        return self._judge

    def groups_of(self, login: str) -> frozenset[str]:
        """The database roles that a login is a member of, as the newest catalog has it."""
        assert self._catalog is not None, "asked for groups before the catalog was read"
        return self._catalog.groups_of(login)

    async def refresh(self) -> None:
        """Read the catalog anew and publish a judge of it. Raises UpstreamError.

        Those who ask while a reading runs share the next one: the running one may have begun before their change.
        """
        await self._have_read(self._begun + 1)

    def settled(self) -> bool:
        """Whether the judge in force knows all that `outdate` has told of."""
        return self._done >= self._wanted

    def outdate(self) -> None:
        """The catalog has changed: until it has been read again, `settled` says no. Reads it, beside."""
        self._wanted = self._begun + 1
        self.edition.turn()
        if self._catching_up is None:
            self._catching_up = asyncio.create_task(self._follow(), name="catch-up")

    async def catch_up(self) -> None:
        """Returns when the judge in force knows all that `outdate` has told of. Raises UpstreamError."""
        await self._have_read(self._wanted)

    async def _have_read(self, wanted: int) -> None:
        """Returns when that reading, or a later one, is in force."""
        async with self._lock:
            if self._done < wanted:
                await self._read()

    async def _follow(self) -> None:
        try:
            while not self.settled():
                # one reading for all the statements of a migration that come close together
                await asyncio.sleep(TOGETHER_SECONDS)
                try:
                    await self.catch_up()
                except RedactorError as e:
                    # sessions that have to wait for it are told so; the next look tries again
                    oplog.logger().warning("catalog cannot be read after a change", why=e.public)
                    await asyncio.sleep(AGAIN_SECONDS)
        finally:
            self._catching_up = None

    async def replace(self, policy: Policy, review: Review) -> None:
        """Publish a judge by other files, and by the catalog as it is now. Raises UpstreamError."""
        async with self._lock:
            before = self._policy, self._review
            self._policy, self._review = policy, review
            try:
                await self._read()
            except UpstreamError:
                # The files hold even while the database is away: they may hide more than the old ones.
                if self._catalog is None:
                    self._policy, self._review = before
                    raise
                self._publish(self._catalog)
                raise

    async def watch(self, every: float = LOOK_SECONDS) -> None:
        """Look at the fingerprint every so many seconds, or when told of DDL, and refresh where it has changed; until
        cancelled."""
        log = oplog.logger()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(every):
                    await self._told.wait()
                # one look for all the statements of a migration that come close together
                await asyncio.sleep(TOGETHER_SECONDS)
            self._told.clear()
            try:
                async with self._lock:
                    connection = await self._connected()
                    if await self._is_behind(connection):
                        await self._read()
                        log.info("catalog changed", database=self.database.name, snapshot=self.current().snapshot)
                if not self.reachable:
                    log.info("database reachable again", database=self.database.name)
                self.reachable = True
            except RedactorError as e:
                if self.reachable:
                    log.warning("catalog cannot be read; what is known stays in force", why=e.public)
                self.reachable = False

    async def _is_behind(self, connection: asyncpg.Connection) -> bool:
        """Whether there is something to be read, or what could not be read for somebody's lock can be now."""
        if await upstream.fingerprint(connection) != self._fingerprint:
            return True
        unread = frozenset[int]() if self._catalog is None else self._catalog.locked
        return bool(unread) and not unread <= await upstream.locked(connection)

    async def close(self) -> None:
        """Close redactor's own connection."""
        for task in list(self._letting_go):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._catching_up is not None:
            self._catching_up.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._catching_up
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            await connection.close(timeout=5)

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await upstream.connect(self.database.upstream.url)
            await upstream.listen(self._connection, self._told.set)
        return self._connection

    async def _read(self) -> None:
        self._begun += 1
        this = self._begun
        try:
            connection = await self._connected()
            # The fingerprint first: a change between the two is then seen at the next look.
            seen = await upstream.fingerprint(connection)
            known = self._catalog
            if known is None:
                # nobody is being served yet
                with reading.quietly(reading.LARGE):
                    self._publish(await upstream.read_catalog(connection, self.database.name))
            else:
                with reading.quietly(len(known.relations)):
                    catalog = await reading.read(self.database.upstream.url, self.database.name, known)
                    self._take(await reading.beside(lambda: self._made(catalog)))
        except UpstreamError:
            await self._drop()
            raise
        self._fingerprint, self._done, self.read_at, self.reachable = seen, this, time.time(), True
        self.edition.turn()

    def _publish(self, catalog: Catalog) -> None:
        self._take(self._made(catalog))

    def _made(self, catalog: Catalog) -> tuple[Catalog, Judge, Baseline, Differences]:
        """What follows from a catalog; nothing of it is in force yet."""
        baseline = renew(self._baseline, catalog, self._review, self._same(catalog))
        judge = self._make(catalog, self._policy, follow(baseline, catalog, self._review))
        if isinstance(judge, Engine) and isinstance(self._judge, Engine):
            judge.prepare(self._judge)
        if self._keep and self._kept is not None and baseline != self._baseline:
            _write_baseline(self._kept, baseline)
        return catalog, judge, baseline, compare(catalog, self._review)

    def _same(self, catalog: Catalog) -> frozenset[int]:
        """Oids of the relations that are the very ones of the catalog in force, if the file is the same one too."""
        if self._catalog is None or self._review is not self._reviewed:
            return frozenset()
        before = self._catalog.relations
        return frozenset(oid for oid, r in catalog.relations.items() if before.get(oid) is r)

    def _take(self, made: tuple[Catalog, Judge, Baseline, Differences]) -> None:
        before = self._judge, self._catalog, self._baseline, self._differences
        gone: list[object] = [b for b in before if b is not None and not any(b is part for part in made)]
        self._catalog, self._judge, self._baseline, self._differences = made
        del before
        self._reviewed = self._review
        self.edition.turn()
        if gone:
            task = asyncio.create_task(let_go(gone), name="let-go")
            self._letting_go.add(task)
            task.add_done_callback(self._letting_go.discard)

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


def _read_baseline(file: Path | None) -> Baseline:
    if file is None:
        return Baseline()
    try:
        return read(file.read_text("utf-8"))
    except FileNotFoundError:
        return Baseline()
    except (OSError, ValueError) as error:
        # by names alone then: a renamed column waits for review, as it would without the file
        oplog.logger().warning("what was reviewed is not remembered", file=str(file), why=str(error))
        return Baseline()


def _write_baseline(file: Path, baseline: Baseline) -> None:
    fresh = file.with_name(f"{file.name}.{os.getpid()}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(baseline.to_text(), "utf-8")
        fresh.replace(file)
    except OSError as error:
        oplog.logger().warning("what was reviewed cannot be remembered", file=str(file), why=str(error))


def onlooker(installation: Usable, name: str) -> Published:
    """A database of an installation for a process beside the proxy: judged as the proxy does, nothing written down."""
    config = installation.config
    kept = baseline_file(config.log.directory, name)
    parts = installation.policy, installation.reviews[name], maker(config)
    return Published(config.databases[name], *parts, kept, keep=False)


def baseline_file(directory: Path, database: str) -> Path:
    """Where the baseline of a database is kept, beside the journal."""
    return directory / "baselines" / f"{quote(database, safe='')}.json"
