"""`redactor doctor`: does the second wall hold, and what leads round it?

Knows how to gather facts, and how findings look to a person and to a program. Must not judge or change anything
itself. Invariant: exit code 0 only where no check failed; what could not be looked at is said.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from redactor.cli import built
from redactor.cli.judging import Usable, maker, usable
from redactor.config import Database
from redactor.errors import RedactorError, UpstreamError
from redactor.wall.findings import Finding, State, fail, ok, warn
from redactor.wall.limits import Limits

_COLOURS = {State.OK: "green", State.WARN: "yellow", State.FAIL: "bold red", State.UNKNOWN: "magenta"}
_ORDER = {State.FAIL: 0, State.UNKNOWN: 1, State.WARN: 2, State.OK: 3}


def doctor(
    database: Annotated[str | None, typer.Argument(help="One database; default: all in the configuration.")] = None,
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")] = Path("redactor.yaml"),
    look_as: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="URL",
            envvar="REDACTOR_DOCTOR_URL",
            help="Look with this login (postgresql://...), such as a superuser's, which may read pg_hba.conf's rules."
            " Its database part is replaced.",
        ),
    ] = None,
    proxy: Annotated[
        list[str] | None,
        typer.Option("--proxy", help="An address that redactor connects from; default: this machine's."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Columns that partial masks read count as hidden; warnings fail.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show also what is as it should be.")] = False,
) -> None:
    """Check whether the database can be read without the proxy, and whether its own grants hide what is hidden."""
    installation = usable(config)
    databases = installation.config.databases
    if database is not None and database not in databases:
        raise RedactorError(f"{config} has no database `{database}` (it has {', '.join(databases)})")
    chosen = [databases[database]] if database is not None else list(databases.values())
    found: dict[str, list[Finding]] = {}
    for one in chosen:
        found[one.name] = sorted(_look(installation, one, look_as, proxy or [], strict), key=lambda f: _ORDER[f.state])
    found["this machine"] = sorted(_machine(installation), key=lambda f: _ORDER[f.state])
    states = [f.state for findings in found.values() for f in findings]
    bad = State.FAIL in states or (strict and (State.WARN in states or State.UNKNOWN in states))
    if as_json:
        document = {
            "ok": not bad,
            "findings": [
                {"about": about, "state": f.state.value, "check": f.check, "what": f.what, "why": f.why, "do": f.do}
                for about, findings in found.items()
                for f in findings
            ],
        }
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        show(Console(highlight=False), found, verbose)
    raise typer.Exit(1 if bad else 0)


def _machine(installation: Usable) -> Iterator[Finding]:
    from redactor.proxy import certificates
    from redactor.wall import machine

    config, now = installation.config, time.time()
    yield ok("build", built())
    yield from machine.judge(config, machine.utc(now))
    for fault in certificates.complaints(config, now):
        if config.tls is None or fault.file != str(config.tls.certificate):  # which `machine` has judged
            finding = warn if "expires on" in fault.what else fail
            yield finding("certificate", f"{fault.file}: {fault.what}", f"{fault.instead.capitalize()}.", "Renew it.")


def _look(
    installation: Usable, database: Database, look_as: str | None, proxies: list[str], strict: bool
) -> list[Finding]:
    try:
        return asyncio.run(_read(installation, database, look_as, proxies, strict))
    except UpstreamError as e:
        why = f"{e.public}" + (f" ({e.private})" if e.private else "")
        return [fail("database", why, "Nothing can be said about it.", "Correct `upstream`, or --as.")]


async def _read(
    installation: Usable, database: Database, look_as: str | None, proxies: list[str], strict: bool
) -> list[Finding]:
    from redactor import upstream
    from redactor.drift import compare
    from redactor.wall import standing, surroundings
    from redactor.wall.reading import read_holdings, read_server

    url = database.upstream.url if look_as is None else _with_database(look_as, database.upstream.database)
    connection = await upstream.connect(url)
    try:
        catalog = await upstream.read_catalog(connection, database.name)
        holdings = await read_holdings(connection)
        server = await read_server(connection)
    finally:
        await connection.close()
    now = time.time()
    review = installation.reviews[database.name]
    limits = Limits(maker(installation.config)(catalog, installation.policy, review), strict=strict)
    # redactor's own login is not one of the watchers that people have
    server = replace(server, login=database.upstream.user)
    given = proxies or ([server.client.split("/")[0]] if server.client else [])
    return [
        *standing.judge(limits, holdings),
        *standing.waiting(compare(catalog, review)),
        *surroundings.judge(server, limits, given, now),
    ]


def _with_database(url: str, database: str) -> str:
    from urllib.parse import quote, urlsplit, urlunsplit

    try:
        return urlunsplit(urlsplit(url)._replace(path="/" + quote(database, safe="")))
    except ValueError:
        raise RedactorError("--as is not a URL that can be read") from None


def show(console: Console, found: dict[str, list[Finding]], verbose: bool) -> None:
    """For people: what is wrong first, with why it matters and what to do."""
    for about, findings in found.items():
        shown = [f for f in findings if verbose or f.state is not State.OK]
        if shown:
            console.print(Text(about, "bold"))
        for f in shown:
            head = Text.assemble((f"{f.state.value:<8}", _COLOURS[f.state]), (f.check, "bold"), f": {f.what}")
            # a line is never broken, so that commands can be taken from it
            console.print(head, soft_wrap=True)
            for text, style in ((f.why, ""), (f.do, "bold")):
                if text:
                    console.print(Text(" " * 8 + text, style), soft_wrap=True)
        if shown:
            console.print()
    console.print(_summary(f for findings in found.values() for f in findings))


def _summary(findings: Iterable[Finding]) -> Text:
    count = dict.fromkeys(State, 0)
    for f in findings:
        count[f.state] += 1
    text = Text()
    for state in (State.FAIL, State.UNKNOWN, State.WARN, State.OK):
        text.append(f"{count[state]} {state.value}", _COLOURS[state] if count[state] else "dim")
        text.append("  ")
    return text
