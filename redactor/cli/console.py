"""`redactor console`: the people who may log in to the console, and the console's own process.

Knows options and prompts. `redactor.cli.hosting` knows the parts. Invariant: no password is taken from the command
line, where every process could read it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from redactor.errors import ConfigurationError, Fault, RedactorError
from redactor.store.accounts import Account, Accounts

app = typer.Typer(no_args_is_help=True, help="The console: its people, and its process.")
user = typer.Typer(no_args_is_help=True, help="People with a local account.")
app.add_typer(user, name="user")

ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")]
DEFAULT = Path("redactor.yaml")


@app.command()
def serve(config: ConfigFile = DEFAULT) -> None:
    """Run the console alone, in the foreground. `redactor serve` does this by itself where `console` is configured."""
    from redactor.cli import oplog
    from redactor.cli.hosting import host

    oplog.configure()
    asyncio.run(host(config))


@contextmanager
def _accounts(config: Path) -> Iterator[tuple[Accounts, str]]:
    from redactor.config import load
    from redactor.store.database import Database

    settings = load(config, os.environ)
    database = Database(settings.store, create=True)
    try:
        database.migrate()
        yield Accounts(database), ", ".join(settings.databases)
    finally:
        database.close()


@user.command()
def add(
    name: Annotated[str, typer.Argument(help="The name to log in with.")],
    role: Annotated[list[str], typer.Option("--role", "-r", help="auditor, steward, operator or counsel.")],
    config: ConfigFile = DEFAULT,
    totp: Annotated[
        bool, typer.Option("--totp/--no-totp", help="Whether an authenticator app's code is needed besides.")
    ] = True,
    stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin, a line.")] = False,
) -> None:
    """Add a person. Asks for the password twice; prints the secret for their authenticator app."""
    from datetime import UTC, datetime

    from redactor.console import credentials
    from redactor.console.people import Role

    known = [r.value for r in Role]
    if wrong := [r for r in role if r not in known]:
        raise ConfigurationError([Fault("--role", 0, 0, f"there is no role {wrong[0]!r}", ", ".join(known))])
    if not name.strip() or len(name) > 200 or name != name.strip() or "/" in name:
        instead = "1 to 200 characters; with a slash are those who come by a provider"
        raise ConfigurationError([Fault("NAME", 0, 0, "this is not a name", instead)])
    if stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    if not credentials.SHORTEST <= len(password) <= credentials.LONGEST:
        instead = f"at least {credentials.SHORTEST} characters"
        raise ConfigurationError([Fault("password", 0, 0, "the password is too short or too long", instead)])
    secret = credentials.new_totp() if totp else ""
    made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    account = Account(name, frozenset(role), credentials.hash_password(password), secret, made=made)
    with _accounts(config) as (accounts, place):
        if not accounts.add(account):
            raise RedactorError(f"there is a person {name!r} already; names of disabled people are not given again")
    typer.echo(f"{name} may log in as {', '.join(sorted(role))}.")
    if totp:
        typer.echo("For their authenticator app, shown this once:")
        typer.echo(credentials.totp_uri(secret, name, place))


@user.command("list")
def list_people(config: ConfigFile = DEFAULT) -> None:
    """List people with a local account."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("name", "roles", "code", "since (UTC)", ""):
        table.add_column(heading)
    with _accounts(config) as (accounts, _):
        for a in accounts.all():
            code, state = "yes" if a.totp else "no", "disabled" if a.disabled else ""
            table.add_row(a.name, ", ".join(sorted(a.roles)), code, a.made[:19].replace("T", " "), state)
    Console(highlight=False, markup=False).print(table)


@user.command()
def disable(name: Annotated[str, typer.Argument(help="Whom.")], config: ConfigFile = DEFAULT) -> None:
    """Let a person in no more; their sessions and tokens end at once."""
    with _accounts(config) as (accounts, _):
        if not accounts.disable(name):
            raise RedactorError(f"there is no person {name!r}")
    typer.echo(f"{name} is let in no more.")
