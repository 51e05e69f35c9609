"""Where orders are kept, and who is at the keyboard: what the commands of `redactor orders` stand on.

Knows the configuration, the store, the log and the console's accounts. Must not print. Invariant: no password is
taken from the command line, where every process could read it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import structlog
import typer

from redactor.audit.entry import Closed, Draft
from redactor.config import Config, load
from redactor.errors import RedactorError
from redactor.orders.life import Actor, NotAllowed
from redactor.store import Log
from redactor.store.accounts import Accounts
from redactor.store.database import Database
from redactor.store.orders import Desk

T = TypeVar("T")

ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")]
As = Annotated[str, typer.Option("--as", help="Who you are: the name of your console account.")]
Stdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from stdin, and the code on a second line.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: JSON.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The order's number, such as o-3f9a1c07.")]
DEFAULT = Path("redactor.yaml")


@contextmanager
def reading(path: Path) -> Iterator[Desk]:
    """The orders, to be looked at. Raises ConfigurationError, LogUnavailable."""

    def none(closed: Closed | Draft) -> None:
        raise AssertionError("what only looks notes nothing")

    with _store(load(path, os.environ)) as database:
        yield Desk(database, none, time.time)


@contextmanager
def _store(config: Config) -> Iterator[Database]:
    database = Database(config.store, create=True)
    try:
        database.migrate()
        yield database
    finally:
        database.close()


def act(path: Path, name: str, stdin: bool, work: Callable[[Desk, Actor], T]) -> T:
    """Does something as a person, who says their password first. Raises RedactorError with what stands in the way."""
    config = load(path, os.environ)
    before = structlog.get_config()
    # what the log has to say to its operator goes to stderr: stdout has the command's own result
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        with _store(config) as database:
            actor = _identified(Accounts(database), name, stdin)
            return asyncio.run(_act(config, database, actor, work))
    except NotAllowed as e:
        raise RedactorError(f"not done: {e}") from None
    finally:
        structlog.configure(**before)


async def _act(config: Config, database: Database, actor: Actor, work: Callable[[Desk, Actor], T]) -> T:
    log = await Log.open(config.store, config.log.directory, auditor_key=config.log.auditor_key)
    loop = asyncio.get_running_loop()
    try:

        def note(closed: Closed | Draft) -> None:
            asyncio.run_coroutine_threadsafe(log.note(closed), loop).result()

        return await asyncio.to_thread(work, Desk(database, note, time.time), actor)
    finally:
        await log.close()


def _identified(accounts: Accounts, name: str, stdin: bool) -> Actor:
    from redactor.console import credentials

    account = accounts.find(name)
    password = sys.stdin.readline().rstrip("\n") if stdin else typer.prompt("Password", hide_input=True)
    good = credentials.password_holds(account.password if account else "", password)
    if account is not None and account.totp:
        code = sys.stdin.readline().strip() if stdin else typer.prompt("Code from your authenticator app")
        step = credentials.totp_step(account.totp, code, time.time())
        good = good and step is not None and accounts.use_step(name, step)
    if account is None or account.disabled or not good:
        raise RedactorError("name, password or code is wrong (people are added with: redactor console user add)")
    return Actor(account.name, account.roles)
