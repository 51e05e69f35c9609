"""The store's database: one engine, one thread that all work on it runs in, its migrations.

Knows URLs and dialects (SQLite; PostgreSQL by pg8000). Must not know what the tables mean. Invariant: a unit of work
is one transaction; a writing one holds the database's write lock from its first statement on (BEGIN IMMEDIATE), so
that it never fails half-way for want of it; and a commit is on disk when it returns (synchronous=FULL).
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from redactor.errors import ConfigurationError, Fault, LogUnavailable

T = TypeVar("T")

REVISION = "0003"
"""The newest migration."""

STORE_SECONDS = 30.0

# A connection that cannot even be closed cleanly would be a traceback on the operator's screen; that the store is away
# is said by LogUnavailable.
logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)


def parse(url: str) -> URL:
    """A store's URL as SQLAlchemy's; ConfigurationError where it is none that can be used."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = make_url("nothing://")
    match parsed.get_backend_name():
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            return parsed.set(drivername="sqlite+pysqlite")
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql+pg8000")
        case _:
            shown = url if parsed.drivername == "nothing" and "@" not in url else parsed.render_as_string()
            what = f"the store {shown!r} cannot be used"
            fault = Fault("store", 0, 0, what, "sqlite:///path/to/file.db or postgresql://user:password@host/database")
            raise ConfigurationError([fault])


def beside(url: str) -> Path:
    """The directory of journal, keys and checkpoints where the configuration names none.

    That is where the SQLite file lies; for a PostgreSQL store, `var` where the process runs.
    """
    parsed = parse(url)
    if parsed.get_backend_name() == "sqlite":
        return Path(parsed.database or "").parent
    return Path("var")


class Database:
    """A store. `call` waits for a unit of work, `run` awaits it; both raise LogUnavailable when the database fails."""

    def __init__(self, url: str, *, create: bool = False) -> None:
        """`create`: make the file, and its directory, where there is none; else ConfigurationError says so."""
        self.url = parse(url)
        self.shown = self.url.render_as_string(hide_password=True)
        if self.url.get_backend_name() == "sqlite":
            path = Path(self.url.database or "")
            if create:
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))  # who asked what is private
                except OSError as e:
                    raise LogUnavailable(f"the store {path} cannot be made: {e.strerror}", str(e)) from None
            elif not path.is_file():
                instead = "redactor serve makes it when it first starts; is this the right path?"
                raise ConfigurationError([Fault("store", 0, 0, f"there is no store {path}", instead)])
        try:
            # A server that has gone without a word must not hold the store's only thread for ever.
            arguments = {"timeout": STORE_SECONDS} if self.url.get_backend_name() == "postgresql" else {}
            self._engine = create_engine(self.url, hide_parameters=True, pool_pre_ping=True, connect_args=arguments)
        except ImportError as e:
            raise ConfigurationError([Fault("store", 0, 0, str(e), "pip install pg8000")]) from None
        if self._engine.dialect.name == "sqlite":
            _tame_sqlite(self._engine)
        self._thread = ThreadPoolExecutor(1, "redactor-store")

    def call(self, work: Callable[[Connection], T], *, write: bool = False) -> T:
        """Do the work in one transaction, and wait for it."""
        return self._thread.submit(self._perform, work, write).result()

    async def run(self, work: Callable[[Connection], T], *, write: bool = False) -> T:
        """As `call`, without holding up the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._perform, work, write)

    def _perform(self, work: Callable[[Connection], T], write: bool) -> T:
        try:
            options: dict[str, Any] = {"redactor_write": write}
            if not write and self._engine.dialect.name == "postgresql":
                options["isolation_level"] = "REPEATABLE READ"  # what is read is of one moment, as in SQLite
            with self._engine.connect().execution_options(**options) as connection, connection.begin():
                return work(connection)
        except (SQLAlchemyError, OSError) as e:
            reason = str(getattr(e, "orig", None) or e)
            raise LogUnavailable(f"the store {self.shown} cannot be used: {reason}", type(e).__name__) from None

    def migrate(self) -> None:
        """Bring the tables up to date; a store of a newer redactor is LogUnavailable."""
        self.call(_migrate, write=True)

    def require(self) -> None:
        """ConfigurationError unless the store's tables are there and up to date: for those who only read."""
        found = self.call(_revision)
        if found != REVISION:
            what = f"{self.shown} holds no log" if found is None else f"the log in {self.shown} is of version {found}"
            instead = f"a store that redactor serve has started on, version {REVISION}"
            raise ConfigurationError([Fault("store", 0, 0, what, instead)])

    def close(self) -> None:
        """Give up the connections; SQLite then folds its write-ahead log into the file."""
        self._thread.submit(self._engine.dispose).result()
        self._thread.shutdown()


def _tame_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: object) -> None:
        # The driver's own way of beginning transactions is late and implicit; SQLAlchemy's event below does it.
        connection.isolation_level = None
        for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("redactor_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7284006)"))
    found = _revision(connection)
    if found == REVISION:
        return
    if found is not None and found > REVISION:
        raise LogUnavailable(f"the store is of a newer redactor: version {found}, this one knows {REVISION}")
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
