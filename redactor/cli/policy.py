"""`redactor policy test | matrix | simulate`: a policy's own tests, who can see what, what a change would do.

Knows where a policy's tests are (`NAME.test.yaml` beside it) and how to draw a table. Must not decide anything: every
cell is what `Policy.ruling` says.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import ascii_lowercase
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from redactor import config, expectations, policy, review
from redactor.cli.files import known_tags
from redactor.cli.simulate import simulate
from redactor.errors import ConfigurationError, Fault
from redactor.policy import Policy
from redactor.tags import covers
from redactor.yamlfile import read

app = typer.Typer(no_args_is_help=True, help="Test a policy; show who can see what, and what a change would do.")

NOBODY = "(no role)"
"""The column of an ordinary requester."""

FILES = typer.Argument(help="Policy files; none: the one that the configuration names.")
CONFIG = typer.Option("-c", "--config", help="The configuration file, where no policy file is named.")


@app.command("test")
def run_tests(
    files: Annotated[list[Path] | None, FILES] = None,
    configuration: Annotated[Path, CONFIG] = Path("redactor.yaml"),
) -> None:
    """Run the tests that stand beside a policy; exit 1 where one fails."""
    console = Console(highlight=False, soft_wrap=True)
    failed = False
    for path in files or [config.load(configuration, os.environ).policy]:
        beside = tests_of(path)
        p = policy.parse(read(path), str(path))
        if not beside.exists():
            raise ConfigurationError([Fault(str(path), 0, 0, "has no tests beside it", f"write {beside.name}")])
        cases = expectations.parse(read(beside), str(beside))
        faults = expectations.unmet(p, cases, str(beside))
        for fault in faults:
            console.print(str(fault), style="red", markup=False)
        verdict = f"{len(faults)} not met" if faults else "all met"
        console.print(
            f"{p.name}: {len(cases)} cases, {expectations.count(cases)} expectations, {verdict}", markup=False
        )
        failed = failed or bool(faults)
    raise typer.Exit(1 if failed else 0)


@app.command()
def matrix(
    file: Annotated[Path | None, typer.Argument(help="A policy file; none: the one that is configured.")] = None,
    configuration: Annotated[Path, CONFIG] = Path("redactor.yaml"),
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Only these tags and what is below them.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Who can see what: a row for each tag, a column for each role."""
    catalogs: set[str] = set()
    if file is None:
        c = config.load(configuration, os.environ)
        file = c.policy
        for database in c.databases.values():
            if database.catalog.exists():
                catalogs |= review.parse(read(database.catalog), str(database.catalog)).tags()
    p = policy.parse(read(file), str(file))
    tags = sorted({*catalogs, *known_tags(file), *(t for r in p.rules for t in r.tags), policy.UNREVIEWED})
    if tag:
        tags = sorted({t for t in tags if any(covers(above, t) for above in tag)} | set(tag))
    table = rulings(p, tags)
    if as_json:
        print(json.dumps({"policy": p.name, "digest": p.digest, "matrix": table}, indent=2))
        return
    Console(highlight=False).print(_drawn(p, table))


app.command()(simulate)


def tests_of(path: Path) -> Path:
    """Where a policy's tests are: `policies/a.yaml` has `policies/a.test.yaml`."""
    return path.with_name(f"{path.stem}.test{path.suffix}")


def rulings(p: Policy, tags: Iterable[str]) -> dict[str, dict[str, dict[str, object]]]:
    """Tag, then role (and `(no role)`), then what is got: treatment, when it shapes rows, by which rules."""
    columns: Mapping[str, frozenset[str]] = {NOBODY: frozenset(), **{r: frozenset((r,)) for r in p.roles}}
    out: dict[str, dict[str, dict[str, object]]] = {}
    for tag in tags:
        row: dict[str, dict[str, object]] = {}
        for name, roles in columns.items():
            ruling = p.ruling((tag,), roles)
            row[name] = {"gets": expectations.spelled(ruling.treatment if ruling else None)}
            if ruling:
                row[name]["when_shaping_rows"] = ruling.when_shaping.value
                row[name]["rules"] = [h.rule for h in ruling.hits]
        out[tag] = row
    return out


_SIGNS = {"sees": ("✓", "green"), "refuse": ("✗", "red"), "filter": ("∅", "magenta"), "mask null": ("·", "dim")}
_MEANINGS = {"✓": "sees it", "✗": "statement refused", "∅": "no rows", "·": "masked by NULL"}


def _drawn(p: Policy, table: Mapping[str, Mapping[str, Mapping[str, object]]]) -> Table:
    """One sign a cell, so that sixteen roles fit into a terminal; roles by number, with the names below."""
    names = [NOBODY, *p.roles]
    legend = dict(_MEANINGS)
    drawn = Table(title=f"{p.name}: who gets what", title_justify="left", box=SIMPLE_HEAD, padding=(0, 0, 0, 1))
    drawn.add_column("tag", no_wrap=True)
    for i in range(len(names)):
        drawn.add_column(str(i), justify="center", no_wrap=True)
    for tag, row in _distinct(table):
        cells = []
        for cell in row.values():
            sign, style = _sign(str(cell["gets"]), legend)
            cells.append(f"[{style}]{sign}[/]")
        drawn.add_row(tag, *cells)
    signs = "; ".join(f"{sign} {meaning}" for sign, meaning in legend.items())
    drawn.caption = signs + "\n" + ", ".join(f"{i}: {n}" for i, n in enumerate(names))
    drawn.caption_justify = "left"
    return drawn


def _sign(gets: str, legend: dict[str, str]) -> tuple[str, str]:
    if gets in _SIGNS:
        return _SIGNS[gets]
    known = next((sign for sign, meaning in legend.items() if meaning == gets), None)
    if known is None:
        known = next(c for c in gets.removeprefix("mask ") + ascii_lowercase if c not in legend and c != " ")
        legend[known] = gets
    return known, "yellow"


def _distinct(
    table: Mapping[str, Mapping[str, Mapping[str, object]]],
) -> list[tuple[str, Mapping[str, Mapping[str, object]]]]:
    """The rows without those that only repeat the tag above them."""
    kept = []
    for tag, row in table.items():
        above = max((t for t in table if t != tag and covers(t, tag)), key=len, default=None)
        if above is None or [c["gets"] for c in row.values()] != [c["gets"] for c in table[above].values()]:
            kept.append((tag, row))
    return kept
