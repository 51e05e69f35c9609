"""`redactor check`: is everything that people wrote usable, and does it fit the real database?

Knows the files (through `redactor.cli.files`) and how to print what is wrong with them. Must not change anything.
Invariant: exit code 0 only where `redactor serve` would accept the same files.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from redactor.cli.files import Installation, load
from redactor.config import Config, Database
from redactor.drift import Differences, compare
from redactor.errors import ConfigurationError, Fault, UpstreamError
from redactor.review import Review

CONFIG = typer.Option("-c", "--config", help="The configuration file.")


def check(
    config: Annotated[Path, CONFIG] = Path("redactor.yaml"),
    offline: Annotated[bool, typer.Option("--offline", help="Do not compare with the real databases.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Notes count as faults.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Check configuration, policy and catalog files, and compare them with the databases where these answer."""
    try:
        found = load(config, os.environ)
    except ConfigurationError as e:
        _show(e.faults, [], [], as_json)
        raise typer.Exit(1) from None
    faults, notes = judge_certificates(found.config, time.time())
    found.faults += faults
    found.notes += notes
    if not offline and not found.faults:
        for name, reviewed in found.reviews.items():
            found.notes += compare_live(found.config.databases[name], reviewed)
    _show(found.faults, found.notes, summary(found), as_json)
    raise typer.Exit(1 if found.faults or (strict and found.notes) else 0)


def judge_certificates(config: Config, now: float) -> tuple[list[Fault], list[Fault]]:
    """What is wrong with the certificates of a configuration at `now` (seconds, epoch, UTC), and what soon will be."""
    from redactor.proxy import certificates

    faults: list[Fault] = []
    notes: list[Fault] = []
    if config.tls is not None:
        try:
            certificates.load(config.tls)
        except ValueError as e:
            file, _, what = str(e).partition(": ")
            faults.append(Fault(file, 0, 0, what))
    for fault in certificates.complaints(config, now):
        (notes if "expires on" in fault.what else faults).append(fault)
    return faults, notes


def compare_live(database: Database, reviewed: Review, within: float = 3.0) -> list[Fault]:
    """Notes on how a real database differs from its review; one that says so where it does not answer."""
    file = str(database.catalog)
    try:
        return list(described(asyncio.run(_differences(database, reviewed, within)), reviewed, file))
    except UpstreamError as e:
        return [Fault(file, 0, 0, f"not compared with the database: {e.public}")]


async def _differences(database: Database, reviewed: Review, within: float) -> Differences:
    from redactor.upstream import connect, read_catalog

    connection = await connect(database.upstream.url, within=within)
    try:
        return compare(await read_catalog(connection, database.name), reviewed)
    finally:
        await connection.close()


def described(d: Differences, reviewed: Review, file: str) -> Iterator[Fault]:
    """Differences in words, at most ten names to a line; proposals in the file are told of with the file."""
    add = "add them, or run redactor scan"
    relations = [r for r in d.unreviewed_relations if r not in reviewed.relations]
    columns = [
        c
        for c in d.unreviewed_columns
        if (known := reviewed.relations.get(c.of)) is None or c.name not in known.proposed
    ]
    for what, names, instead in (
        ("upstream and not in this file, so hidden", relations, add),
        ("upstream and not in this file, so hidden", columns, add),
        ("reviewed and no longer upstream", d.vanished_relations, "remove them, or correct their names"),
        ("reviewed and no longer upstream", d.vanished_columns, "remove them, or correct their names"),
        ("declared and not upstream under this signature", d.vanished_functions, "remove them, or correct them"),
    ):
        if names:
            listed = ", ".join(str(n) for n in names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
            yield Fault(file, 0, 0, f"{len(names)} {what}: {listed}", instead)


def summary(found: Installation) -> list[str]:
    """A line for the policy and one for each database."""
    lines = []
    if found.policy is not None:
        p = found.policy
        lines.append(f"policy {p.name}: {len(p.roles)} roles, {len(p.rules)} rules, digest {p.digest[:12]}")
    for name, r in found.reviews.items():
        columns = [tags for relation in r.relations.values() for tags in relation.columns.values()]
        tagged = sum(bool(tags) for tags in columns) + sum(bool(x.tags) for x in r.relations.values())
        lines.append(f"database {name}: {len(r.relations)} relations, {len(columns)} columns, {tagged} tagged")
    return lines


def _show(faults: list[Fault], notes: list[Fault], lines: list[str], as_json: bool) -> None:
    if as_json:
        document = {"ok": not faults, "faults": [_plain(f) for f in faults], "notes": [_plain(n) for n in notes]}
        print(json.dumps(document, indent=2))
        return
    for kind, style, found in (("", "red", faults), ("note: ", "yellow", notes)):
        console = Console(stderr=kind == "", highlight=False, soft_wrap=True)
        for f in found:
            where, rest = _split(f)
            console.print(Text.assemble((where, "bold"), ": ", (kind, style), rest))
    console = Console(highlight=False, soft_wrap=True)
    if faults:
        Console(stderr=True, highlight=False).print(f"{len(faults)} to put right", style="red")
        return
    for line in lines:
        console.print(line)
    console.print("ok", style="green")


def _plain(fault: Fault) -> dict[str, object]:
    return {**asdict(fault), "file": _near(fault.file)}


def _split(fault: Fault) -> tuple[str, str]:
    near = Fault(_near(fault.file), fault.line, fault.column, fault.what, fault.instead)
    where = str(Fault(near.file, near.line, near.column, "")).removesuffix(": ")
    return where, str(near)[len(where) + 2 :]


def _near(file: str) -> str:
    """The path as seen from where the command was run, if it is below it."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_absolute() and path.is_relative_to(Path.cwd()) else file
