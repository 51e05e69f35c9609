"""The log, as the proxy uses it: `append` an entry, and it is on disk; the rest happens behind.

Knows asyncio, the journal, the store and the clock. Must not know policies or the wire. Invariant: entries go
journal first, store second, and leave the journal only when the store's commit is on disk; the tree's head is signed
at least every `checkpoint_every` entries or `checkpoint_seconds` seconds, and when the log is closed.

A store that is down does not stop the proxy: the journal grows until the store is back. A journal that cannot be
written does: `append` raises LogUnavailable, and tries again at the next entry.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
from sqlalchemy import Connection

from redactor.audit import entry as entries
from redactor.audit import sealing
from redactor.audit.checkpoint import Signer
from redactor.audit.verifier import Checkpoint
from redactor.decision import Entry
from redactor.errors import LogUnavailable, RedactorError
from redactor.store import keys as key_files
from redactor.store import ledger, months, published
from redactor.store.database import Database, beside
from redactor.store.journal import Journal
from redactor.store.keys import Keys
from redactor.store.months import Months
from redactor.store.outlets import Courier, Delivery
from redactor.store.segment import START, Damage, Segment
from redactor.tally import Logged

CHECKPOINT_EVERY = 1000
CHECKPOINT_SECONDS = 5.0
DRAIN_SECONDS = 0.25
DRAIN_BYTES = 1 << 20
RETRY_SECONDS = 5.0
SEAL_SECONDS = 60.0
ADOPT_SECONDS = 30.0

T = TypeVar("T")

logger = structlog.get_logger("redactor.log")


@dataclass(frozen=True, slots=True)
class Health:
    """How the log is. `ok`: entries can be made durable. `behind`: bytes in the journal that are not in the store yet.

    `problem` and `store_problem` are empty, or the newest failure in the operator's words (no data). `outlets`: how far
    each of those has come. `signed_at`: when this process signed last (seconds, epoch, UTC; 0: not yet);
    `unsigned_for`: seconds that entries in the store have waited for a checkpoint, 0 where none waits.
    """

    ok: bool
    entries: int
    commits: int
    behind: int
    stored: int
    signed: int
    problem: str
    store_problem: str
    outlets: tuple[Delivery, ...] = ()
    signed_at: float = 0.0
    unsigned_for: float = 0.0


@dataclass(frozen=True, slots=True)
class _Sealing:
    """A seal, the public key that it seals to with that key's name, and until when it serves (monotonic seconds)."""

    public: bytes
    seal: sealing.Seal
    to: str
    until: float


@dataclass(frozen=True, slots=True)
class _Moved:
    segment: Segment
    offset: int
    size: int
    damage: Damage | None


class Log:
    """Made by `open`. Safe for any number of tasks of one event loop."""

    def __init__(
        self,
        database: Database,
        directory: Path,
        keys: Keys,
        journal_options: dict[str, object],
        clock: Callable[[], float],
        checkpoint_every: int,
        checkpoint_seconds: float,
    ) -> None:
        """Not for callers: see `open`."""
        self.keys = keys
        self.directory = directory
        self._months = Months(directory, keys.auditor)
        self._outlines = entries.Outlines()
        self._sealed_with: _Sealing | None = None
        self._database = database
        self._clock = clock
        self._every, self._seconds = checkpoint_every, checkpoint_seconds
        self._size = self._published = 0
        self._newest: Checkpoint | None = None
        self._unsigned_since: float | None = None
        self._signed_at = 0.0
        self.logged = Logged()
        self._offsets: dict[str, int] = {}
        self._damaged: set[str] = set()
        self._store_problem = ""
        self._waked = asyncio.Event()
        self._stopping = asyncio.Event()
        self._draining = asyncio.Lock()
        self._closing = False
        self._journal: Journal[Entry | entries.Closed | entries.Draft] = Journal(
            directory / "journal",
            self._encode,
            durable=self._waked.set,
            **journal_options,  # type: ignore[arg-type]
        )
        self._task: asyncio.Task[None] | None = None
        self._courier: Courier | None = None

    @staticmethod
    async def open(
        url: str,
        directory: Path | str | None = None,
        *,
        auditor_key: Path | str | None = None,
        origin: str | None = None,
        checkpoint_every: int = CHECKPOINT_EVERY,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
        publish: Sequence[str] = (),
        forward: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
        sync: Callable[[int], None] = os.fdatasync,
    ) -> Log:
        """Open the log, or make it: keys, tables, journal; what a process that died left in the journal is stored.

        `directory`: of journal, keys and checkpoints, else `database.beside(url)`. `auditor_key`: the auditor's
        X25519 public key (a PEM file); without it a pair is made, loudly. `publish` and `forward`: URLs of outlets
        (`store.outlets`), which are served behind. ConfigurationError and LogUnavailable say
        what stands in the way.
        """
        place = Path(directory) if directory is not None else beside(url)
        given = Path(auditor_key) if auditor_key is not None else None

        def start() -> tuple[Database, Keys, int, Checkpoint | None, int]:
            keys = key_files.prepare(place, origin=origin, auditor=given)
            database = Database(url, create=True)
            try:
                database.migrate()
                cut = published.mend(place / published.NAME)
                if cut:
                    logger.warning("half-written checkpoint cut off", bytes=cut)
                notes = published.read(place / published.NAME)
                newest = notes[-1] if notes else None
                try:
                    size, signed = database.call(lambda c: ledger.begin(c, keys.first, keys.signer, newest), write=True)
                except ledger.KeyChanged as e:
                    keys = _renew(place, keys, e)
                    size, signed = database.call(lambda c: ledger.begin(c, keys.first, keys.signer, newest), write=True)
                return database, keys, size, signed, int(newest.split("\n")[1]) if newest else 0
            except BaseException:
                database.close()
                raise

        database, keys, size, signed, published_size = await asyncio.to_thread(start)
        if keys.left is not None:
            logger.warning(
                "the auditor's private key lies on this machine: whoever has it reads every logged statement. "
                "Move it to the auditor's machine",
                file=str(keys.left),
            )
        try:
            log = Log(database, place, keys, {"sync": sync}, clock, checkpoint_every, checkpoint_seconds)
            log._courier = Courier(database, place, publish, forward)
        except BaseException:
            database.close()
            raise
        log._size, log._newest, log._published = size, signed, published_size
        with contextlib.suppress(LogUnavailable):
            await log._drain(final=True)
        log._courier.start()
        log._task = asyncio.create_task(log._drain_always(), name="redactor-drain")
        return log

    async def append(self, entry: Entry) -> None:
        """Make the entry durable; returns when it is on disk. LogUnavailable where it cannot be."""
        begun = time.perf_counter()
        await self._journal.append(entry)
        self.logged.add(entry, time.perf_counter() - begun)

    def hand_in(self, entry: Entry, done: Callable[[RedactorError | None], None]) -> None:
        """As `append`; `done` is called with None when the entry is on disk, or with why it is not."""
        begun = time.perf_counter()

        def told(failure: RedactorError | None) -> None:
            if failure is None:
                self.logged.add(entry, time.perf_counter() - begun)
            done(failure)

        self._journal.hand_in(entry, told)

    async def note(self, closed: entries.Closed | entries.Draft) -> None:
        """Make an entry of another kind durable, as `append` does (`audit.entry.deed` makes one)."""
        await self._journal.append(closed)

    async def retire(self, through: int, because: str, before: str = "") -> int:
        """Remove the sealed texts of entries 0 to `through`, having said so in the log; gives how many there were.

        `before`: a month (`2026-11`); the keys of all months before it are destroyed, with which every copy of those
        texts is lost, too. What the tree holds stays, so every proof still holds.
        """
        await self._drain(final=False)
        through = min(through, self._size - 1)
        before = min(before, entries.month(self._clock()))  # the present month's key is in use
        gone = sorted({k.month for k in months.found(self.directory) if k.month < before})
        await self._journal.append(entries.retention(self._clock(), through, because, gone))
        await self._drain(final=True)
        await asyncio.to_thread(months.shred, self.directory, before)
        return await self._database.run(lambda c: ledger.retire(c, through), write=True)

    async def ask(self, question: Callable[[Connection], T]) -> T:
        """The answer of the store to a question that changes nothing. LogUnavailable where it is down."""
        return await self._database.run(question)

    async def change_key(self) -> str:
        """Sign the log with a new key from now on, which the old one introduces; gives the new public key's text.

        Other processes on this directory follow by themselves. LogUnavailable where that cannot be done.
        """
        await self._drain(final=True)
        async with self._draining:
            old, place, at = self.keys.signer, self.directory, self._clock()
            try:
                new = await asyncio.to_thread(key_files.propose, place, old.origin)
                journal = secrets.token_hex(16)
                notes = await self._database.run(lambda c: ledger.change_key(c, old, new, at, journal), write=True)
                await asyncio.to_thread(key_files.settle, place, notes, new.public.public)
            except OSError as e:
                raise LogUnavailable(f"the log's keys in {place} cannot be changed: {e.strerror}", str(e)) from None
            self.keys = replace(self.keys, signer=new)
            self._size += 1
        await self._drain(final=True)
        return str(new.public)

    @property
    def _signed(self) -> int:
        return self._newest.size if self._newest else 0

    def health(self) -> Health:
        """How things are now."""
        behind = sum(max(0, s.durable - self._offset(s)) for s in self._journal.segments())
        journal, since = self._journal, self._unsigned_since
        return Health(
            ok=not journal.problem and not self._closing,
            entries=journal.entries,
            commits=journal.commits,
            behind=behind,
            stored=self._size,
            signed=self._signed,
            problem=journal.problem,
            store_problem=self._store_problem,
            outlets=tuple(replace(d) for d in self._courier.deliveries) if self._courier else (),
            signed_at=self._signed_at,
            unsigned_for=max(0.0, time.monotonic() - since) if since is not None else 0.0,
        )

    async def flush(self) -> None:
        """Wait until all that is durable is in the store, and sign it. LogUnavailable where the store is down."""
        await self._drain(final=True)

    async def close(self) -> None:
        """Take no more entries, store the rest, sign. What the store cannot take stays in the journal."""
        if self._closing:
            return
        self._closing = True
        await self._journal.stop()
        if self._task is not None:
            self._stopping.set()
            self._waked.set()
            await self._task
        try:
            await self._drain(final=True)
        except LogUnavailable as e:
            logger.warning("the store is down; entries stay in the journal until the next start", why=e.public)
        if self._courier is not None:
            await self._courier.close()
        self._journal.close()
        await asyncio.to_thread(self._database.close)

    # -------------------------------------------------------------- sealing

    def _encode(self, batch: Sequence[Entry | entries.Closed | entries.Draft]) -> list[bytes]:
        # After each commit its seal takes a step: nothing that stays here opens these texts.
        digest, outlines, records = self.keys.digest, self._outlines, []
        used: dict[str, _Sealing] = {}
        try:
            for item in batch:
                if not isinstance(item, entries.Closed):
                    month = entries.month(item.at)
                    by = used.get(month)
                    if by is None:
                        used[month] = by = self._sealing(month)
                    if isinstance(item, entries.Draft):
                        item = item.close(digest, by.seal, by.to)
                    else:
                        item = entries.close(item, digest, by.seal, by.to, outlines)
                records.append(item.pack())
        finally:
            for by in used.values():
                by.seal.step()
        return records

    def _sealing(self, month: str) -> _Sealing:
        """The seal for texts of a month, made anew when it is of another month's key, used up, or old."""
        public, now = self._months.public(month), time.monotonic()
        found = self._sealed_with
        if found is None or found.public != public or found.seal.used_up or now >= found.until:
            seal = sealing.Seal(public, secrets.token_bytes(32))
            found = _Sealing(public, seal, sealing.key_name(public), now + SEAL_SECONDS)
            self._sealed_with = found
        return found

    # -------------------------------------------------------------- draining

    def _offset(self, segment: Segment) -> int:
        return self._offsets.get(segment.id, START)

    async def _drain_always(self) -> None:
        known = ""
        adopted = time.monotonic()
        while not self._stopping.is_set():
            await _wait(self._waked, self._patience())
            self._waked.clear()
            try:
                if time.monotonic() > adopted + ADOPT_SECONDS:
                    adopted = time.monotonic()
                    await asyncio.to_thread(self._journal.adopt)
                await self._drain(final=False)
            except Exception as e:
                # A bug here must not end the draining, nor stop the proxy: the journal still holds every entry.
                why = e.public if isinstance(e, LogUnavailable) else f"internal error: {type(e).__name__}"
                if why != known:
                    logger.error("the store cannot take entries; the journal keeps them", why=why)
                self._store_problem = known = why
                self._waked.set()
                await _wait(self._stopping, RETRY_SECONDS)
            else:
                known = ""
                await _wait(self._stopping, DRAIN_SECONDS)

    def _patience(self) -> float:
        if self._unsigned_since is None:
            return ADOPT_SECONDS
        return max(0.0, self._unsigned_since + self._seconds - time.monotonic())

    async def _drain(self, final: bool) -> None:
        """Move all that is durable into the store; sign where it is time, or `final`."""
        async with self._draining:
            try:
                for segment in self._journal.segments():
                    await self._drain_segment(segment)
                await self._sign(final)
                self._store_problem = ""
            except LogUnavailable as e:
                self._store_problem = e.public
                raise

    async def _drain_segment(self, segment: Segment) -> None:
        while True:
            full = segment.full  # before `durable` is looked at: a segment that is full grows no more
            if segment.durable > self._offset(segment):
                self._moved(await self._database.run(partial(self._move, segment), write=True))
            elif full:
                return await asyncio.to_thread(self._finish, segment)
            else:
                return None

    def _move(self, segment: Segment, connection: Connection) -> _Moved:
        offset = self._offset(segment)
        records, damage = segment.read(offset, DRAIN_BYTES)
        size = self._size
        if records:
            offset = records[-1].end
            try:
                size = ledger.append(connection, segment.id, [(r.number, r.payload) for r in records])
                if size < self._size:
                    raise LogUnavailable(f"the store was put back: it had {self._size} entries, and has {size} now")
            except ValueError as e:
                what = f"the journal's file {segment.path.name} holds a record that this redactor cannot read"
                raise LogUnavailable(what, str(e)) from None
        elif damage is not None:
            offset = damage.offset + damage.length
        return _Moved(segment, offset, size, damage)

    def _moved(self, moved: _Moved) -> None:
        """After the commit: only now is it true."""
        self._offsets[moved.segment.id] = moved.offset
        if moved.size > self._size and self._unsigned_since is None:
            self._unsigned_since = time.monotonic()
        self._size = moved.size
        if moved.damage is None:
            return
        if not moved.damage.torn:
            self._damaged.add(moved.segment.id)
            logger.error(
                "the journal is damaged: entries that were durable cannot be read",
                file=moved.segment.path.name,
                offset=moved.damage.offset,
                bytes=moved.damage.length,
            )
        else:
            logger.warning(
                "a half-written end of the journal was cut off: its entries were never acknowledged",
                file=moved.segment.path.name,
                offset=moved.damage.offset,
                bytes=moved.damage.length,
            )

    def _finish(self, segment: Segment) -> None:
        if segment.id in self._damaged:
            kept = segment.set_aside()
            logger.error("the damaged journal is kept", file=str(kept))
        else:
            segment.remove()
        self._journal.done_with(segment)
        self._offsets.pop(segment.id, None)

    async def _sign(self, final: bool) -> None:
        late = self._unsigned_since is not None and time.monotonic() >= self._unsigned_since + self._seconds
        if self._size > self._signed and (final or late or self._size - self._signed >= self._every):
            at = self._clock()
            try:
                self._newest = await self._database.run(
                    lambda c: ledger.sign(c, self.keys.signer, at, self._newest), write=True
                )
            except ledger.KeyChanged as e:
                self.keys = await asyncio.to_thread(_renew, self.directory, self.keys, e)
                self._newest = await self._database.run(
                    lambda c: ledger.sign(c, self.keys.signer, at, self._newest), write=True
                )
            self._unsigned_since, self._signed_at = None, at
        if self._signed > self._published:
            notes = await self._database.run(lambda c: ledger.notes_after(c, self._published))
            path = self.directory / published.NAME
            try:
                await asyncio.to_thread(published.append, path, notes)
            except OSError as e:
                self._store_problem = f"{path} cannot be written: {e.strerror}"
                raise LogUnavailable(self._store_problem, str(e)) from None
            if notes:
                self._published = notes[-1][0]


def _renew(place: Path, keys: Keys, changed: ledger.KeyChanged) -> Keys:
    """The keys with the one that signs the log by now, if it is in the directory; else `changed` is raised."""
    following = key_files.proposed(place, keys.first.name)
    new = following.public.public if following and str(following.public) == changed.current else None
    if new is not None or changed.introductions:
        key_files.settle(place, changed.introductions, new)
    signer: Signer = key_files.prepare(place).signer
    if str(signer.public) != changed.current:
        raise changed
    return replace(keys, signer=signer)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
