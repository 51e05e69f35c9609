"""`redactor harden`: prints the GRANT and REVOKE that make the database itself hide what the proxy hides.

Knows how to gather what the plan needs and how to print it. Must not change a database: what it prints is for a
person to read and to run. Invariant: nothing but SQL goes to stdout, so that it can be saved and run.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redactor.errors import RedactorError

if TYPE_CHECKING:
    from redactor.wall.grants import Holdings
    from redactor.wall.limits import Limits

Config = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")]


@dataclass(frozen=True, slots=True)
class Seen:
    """A database as the wall looks at it: what may be held, and what is."""

    limits: Limits
    holdings: Holdings
    waiting: int
    """How many relations and columns nobody has reviewed."""


def harden(
    database: Annotated[str, typer.Argument(help="The database's name in the configuration.")],
    config: Config = Path("redactor.yaml"),
    undo: Annotated[
        bool, typer.Option("--undo", help="Print what restores the grants as they are now. Save it first.")
    ] = False,
    role: Annotated[
        str | None, typer.Option("--role", "-r", help="Only what is taken from that role (public: PUBLIC).")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Take away also what partial masks and left-out rows read; they then fail.")
    ] = False,
) -> None:
    """Print the SQL that takes hidden columns away from ordinary requesters' own roles. Nothing is changed."""
    from redactor.wall import plan, statements

    seen = asyncio.run(_look(config, database, strict))
    engine = seen.limits.engine
    if role is not None and role.lower() != "public" and role not in engine.catalog.roles:
        raise RedactorError(f"there is no role `{role}` in that server")
    groups = [g for r in engine.policy.roles.values() for g in r.groups]
    made = plan.make(seen.limits, seen.holdings, groups)
    if role is not None:
        made = made.only(role)
    if seen.waiting and made.alterations:
        what = (
            f"{seen.waiting} relations and columns. They count as hidden, so what is granted on them is taken away too"
        )
        made = replace(made, notes=(plan.Note("waiting for review", what), *made.notes))
    if undo:
        typer.echo(statements.undo(made, database), nl=False)
    else:
        typer.echo(statements.harden(made, database, engine.snapshot), nl=False)


async def _look(config: Path, database: str, strict: bool) -> Seen:
    from redactor.cli.judging import usable

    installation = usable(config)
    if database not in installation.config.databases:
        known = ", ".join(installation.config.databases)
        raise RedactorError(f"{config} has no database `{database}` (it has {known})")
    from redactor import upstream
    from redactor.cli.judging import maker
    from redactor.drift import compare
    from redactor.wall.limits import Limits
    from redactor.wall.reading import read_holdings

    where = installation.config.databases[database]
    connection = await upstream.connect(where.upstream.url)
    try:
        catalog = await upstream.read_catalog(connection, database)
        holdings = await read_holdings(connection)
    finally:
        await connection.close()
    engine = maker(installation.config)(catalog, installation.policy, installation.reviews[database])
    differences = compare(catalog, installation.reviews[database])
    waiting = len(differences.unreviewed_relations) + len(differences.unreviewed_columns)
    return Seen(Limits(engine, strict=strict), holdings, waiting)
