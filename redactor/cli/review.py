"""`redactor review`: what a scan has suggested, and a person's yes, other or no, for many columns at once.

Knows the catalog file and which of its entries wait. Must not look at the database, nor suggest anything itself.
Invariants: nothing is decided that was not named; a file that cannot be read as a whole afterwards is not written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from redactor.cli.catalog_file import database_of, show_difference, write
from redactor.errors import ConfigurationError, Fault
from redactor.model import RelationName
from redactor.review import Decided, ReviewForm, parse, settle
from redactor.signature import split_name
from redactor.tags import UNREVIEWED, is_tag
from redactor.yamlfile import parse as parse_yaml
from redactor.yamlfile import read


@dataclass(frozen=True, slots=True)
class Waiting:
    """An entry of the file. `column` None: the relation's own rows. `confidence`: 0 to 1, of the suggestion, which may
    be no tag at all. `decided`: a person has said something already."""

    relation: RelationName
    column: str | None
    tags: tuple[str, ...]
    confidence: float = 0.0
    evidence: str = ""
    decided: bool = False

    @property
    def name(self) -> str:
        """schema.table or schema.table.column, as patterns are compared with."""
        return f"{self.relation}.{self.column}" if self.column is not None else str(self.relation)


def review(
    database: Annotated[str, typer.Argument(help="The database's name in the configuration.")],
    patterns: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATTERN]...",
            help="Tables or columns: residents, 'residents.*_number', 'public.*'. None: all that waits, to be listed.",
        ),
    ] = None,
    config: Annotated[Path, typer.Option("-c", "--config", help="The configuration file.")] = Path("redactor.yaml"),
    accept: Annotated[bool, typer.Option("--accept", help="Decide as suggested.")] = False,
    tags: Annotated[str | None, typer.Option("--tags", help="Decide these tags: document.a_number,status.")] = None,
    none: Annotated[bool, typer.Option("--none", help="Decide that no tag is needed: anybody may see it.")] = False,
    above: Annotated[
        float, typer.Option("--above", help="Only suggestions with at least this confidence.", min=0, max=1)
    ] = 0.0,
    every: Annotated[bool, typer.Option("--all", help="List also what no tag is suggested for.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change in the catalog file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: what waits, one JSON object a line.")] = False,
) -> None:
    """List what waits for a person in the catalog file, and decide on it."""
    file = database_of(database, config).catalog
    if not file.exists():
        raise ConfigurationError([Fault(str(file), 0, 0, "there is no such file", f"run: redactor scan {database}")])
    text = read(file)
    parse(text, str(file))
    asked = [accept, tags is not None, none]
    if sum(asked) > 1:
        raise typer.BadParameter("one of --accept, --tags, --none")
    matching = list(_matching(entries(text), patterns or [], above, again=tags is not None or none))
    if not any(asked):
        _list([w for w in matching if not w.decided], Console(highlight=False), every, as_json, database)
        return
    if not patterns:
        raise typer.BadParameter("name what is decided: a table, a column, a pattern, or '*' for all that waits")
    wanted = _tags(tags)
    if not matching:
        raise ConfigurationError(
            [
                Fault(
                    str(file),
                    0,
                    0,
                    f"nothing that waits is called {' or '.join(patterns)}",
                    f"list it with: redactor review {database}; what is new in the database: redactor scan {database}",
                )
            ]
        )
    made = [Decided(w.relation, w.column, w.tags if accept else wanted) for w in matching]
    after = settle(text, made)
    if dry_run:
        show_difference(text, after, file)
        return
    write(file, after)
    _report(made, after, Console(highlight=False), database)


def _tags(given: str | None) -> tuple[str, ...]:
    tags = tuple(t for t in (given or "").replace(",", " ").split() if t)
    for tag in tags:
        if not is_tag(tag) or tag == UNREVIEWED:
            raise typer.BadParameter(f"{tag!r} is not a tag; they are lower-case words joined by dots: document.ssn")
    if given is not None and not tags:
        raise typer.BadParameter("--tags names none; to decide that none is needed, say --none")
    return tags


def entries(text: str) -> Iterator[Waiting]:
    """All entries of a catalog file, in its order. The text is one that `parse` has taken."""
    form, _ = parse_yaml(text, "catalog").check(ReviewForm)
    if form is None:
        return
    for key, r in form.relations.items():
        relation = RelationName(*split_name(key))
        if r.proposed is not None or r.tags:
            yield _entry(relation, None, r)
        for column, c in r.columns.items():
            yield _entry(relation, column, c)


def _entry(relation: RelationName, column: str | None, form: Any) -> Waiting:
    proposed = form.proposed
    if proposed is None:
        return Waiting(relation, column, tuple(form.tags), decided=True)
    evidence = proposed.evidence if isinstance(proposed.evidence, str) else "; ".join(proposed.evidence)
    # what a person wrote beside a proposal holds too: accepting never takes a tag away
    return Waiting(relation, column, tuple(dict.fromkeys((*form.tags, *proposed.tags))), proposed.confidence, evidence)


def _matching(all_of_them: Iterable[Waiting], patterns: list[str], above: float, again: bool) -> Iterator[Waiting]:
    """What the patterns name and what waits; with `again` also what is decided, if it is named without a wildcard."""
    for w in all_of_them:
        full, short = w.name, w.name.removeprefix(f"{w.relation.schema}.")
        tables = (str(w.relation), w.relation.name)
        exact = full in patterns or short in patterns
        named = not patterns or exact or any(fnmatchcase(n, p) for p in patterns for n in (full, short, *tables))
        if named and (again and exact if w.decided else w.confidence >= above):
            yield w


def _list(waiting: list[Waiting], console: Console, every: bool, as_json: bool, database: str) -> None:
    if as_json:
        for w in waiting:
            about: dict[str, Any] = {"schema": w.relation.schema, "table": w.relation.name, "column": w.column}
            about |= {"tags": list(w.tags), "confidence": w.confidence, "evidence": w.evidence}
            typer.echo(json.dumps(about, ensure_ascii=False))
        return
    shown = [w for w in waiting if every or w.tags]
    for relation, group in groupby(shown, lambda w: w.relation):
        console.print(f"[bold]{escape(str(relation))}[/]")
        drawn = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        drawn.add_column("column", no_wrap=True)
        drawn.add_column("suggested", no_wrap=True)
        drawn.add_column("sure", justify="right")
        drawn.add_column("because", style="dim", overflow="fold")
        for w in group:
            column = "(its rows)" if w.column is None else w.column
            drawn.add_row(*map(Text, (f"  {column}", " ".join(w.tags) or "none", f"{w.confidence:.0%}", w.evidence)))
        console.print(drawn)
    silent = len(waiting) - len(shown)
    if silent:
        console.print(f"{silent} more for which no tag is suggested (--all lists them)")
    if waiting:
        console.print(
            f"Decide with: redactor review {database} PATTERN --accept | --tags TAG,TAG | --none", markup=False
        )
    else:
        console.print(f"nothing waits; what is new in the database is found by: redactor scan {database}")


def _report(made: list[Decided], after: str, console: Console, database: str) -> None:
    protected = sum(bool(d.tags) for d in made)
    left = sum(not w.decided for w in entries(after))
    still = f"; {left} still wait (redactor review {database})" if left else "; nothing waits"
    console.print(f"{len(made)} decided: {protected} with tags, {len(made) - protected} without{still}", markup=False)
    console.print("A redactor that runs reads it upon SIGHUP.")
