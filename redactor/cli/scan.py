"""`redactor scan`: proposes tags for columns, with the evidence in words; a person confirms.

Knows where columns come from (a live database, a data dictionary) and where proposals go (standard output, the
catalog file). Must not judge anything itself, nor keep or print a sampled value. Invariant: what a person decided in
the catalog file stays as it is, comments included.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from glob import glob
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from redactor.cli.catalog_file import database_of, show_difference, write
from redactor.cli.scan_derived import Derived, Tagged, derived, inherited
from redactor.cli.scan_postgres import Sampling
from redactor.derivation import ROWS
from redactor.errors import ConfigurationError, Fault
from redactor.model import ColumnName, RelationName
from redactor.review import Addition, Review, Reviewed, parse, propose
from redactor.tagging.exchange import Format, Labelled
from redactor.tagging.exchange import read as read_labels
from redactor.tagging.exchange import write as write_labels
from redactor.tagging.facts import TableFacts, rows_in
from redactor.tagging.judge import Finding, follow_keys, judge_each, judge_rows, suggest
from redactor.tagging.labels import CORE, LABELS
from redactor.tagging.pack import Pack, load
from redactor.yamlfile import read as read_file


def scan(
    database: Annotated[str | None, typer.Argument(help="The database's name in the configuration.")] = None,
    config: Annotated[Path, typer.Option("-c", "--config", help="The configuration file.")] = Path("redactor.yaml"),
    columns: Annotated[
        Path | None,
        typer.Option("--columns", help="Judge a file of columns (JSON lines; - is standard input) instead."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", help="Judge any database that SQLAlchemy can inspect (MySQL, SQLite ...) instead."),
    ] = None,
    sql: Annotated[
        list[str] | None, typer.Option("--sql", help="Follow tags through SQL files too: a pattern, 'etl/**/*.sql'.")
    ] = None,
    pack: Annotated[Path | None, typer.Option("--pack", help="A directory with local additions to the pack.")] = None,
    values: Annotated[
        bool, typer.Option(help="Look at a sample of values; they are turned into rates at once.")
    ] = True,
    rows: Annotated[int, typer.Option(help="At most so many rows of each table.", min=1, max=100_000)] = 500,
    seconds: Annotated[float, typer.Option(help="At most so long for each table.", min=0.1)] = 2.0,
    models: Annotated[
        str | None, typer.Option("--models", help="SQLAlchemy models that declare tags: package.module:Base. Runs it.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="OpenMetadata or DataHub tags (JSON) to count as evidence.")
    ] = None,
    export: Annotated[
        str | None,
        typer.Option("--export", help="Print the confirmed tags for openmetadata, datahub or seclabel; scans nothing."),
    ] = None,
    trigger: Annotated[
        bool,
        typer.Option("--trigger", help="Print the event trigger with which DDL is noticed at once; scans nothing."),
    ] = False,
    proxies: Annotated[
        bool, typer.Option("--proxies", help="List what gives tagged columns away by correlation; tags nothing.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="With --url: the catalog file into which proposals are written.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change in the catalog file.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: one JSON object a line; changes no file.")
    ] = False,
) -> None:
    """Propose tags for the columns of a database, with confidence and evidence; a person confirms them."""
    if trigger:
        from redactor.upstream import TRIGGER

        typer.echo(TRIGGER, nl=False)
        return
    if sum(x is not None for x in (database, columns, url)) != 1:
        raise typer.BadParameter("name a database of the configuration, or give --columns FILE, or --url URL")
    knowledge = load(pack)
    if columns is not None:
        _scan_file(columns, knowledge, as_json)
        return
    if export is not None:
        _export(database or "", config, export)
        return
    if proxies:
        _scan_proxies(database or "", config, knowledge, rows, seconds)
        return
    if url is not None:
        from redactor.cli.scan_inspector import scan as inspect

        found = _judged(inspect(url, knowledge, rows if values else 0), knowledge)
        if out is not None:
            _propose_into(out, out.stem, found, dry_run or as_json)
    else:
        sampling = Sampling(rows, seconds) if values else None
        given = _labels(labels, knowledge) if labels is not None else {}
        if models is not None:
            _add_models(given, models)
        found = _scan_database(database or "", config, knowledge, sampling, sql or [], given, dry_run or as_json)
    if as_json:
        for one in found:
            typer.echo(json.dumps(one.to_json(), ensure_ascii=False))
    else:
        _show(found, Console(highlight=False))


# ------------------------------------------------------------------ what was found


@dataclass(frozen=True, slots=True)
class Found:
    """A finding under the name of its relation; `finding.column` is empty where the rows themselves reveal. `derived`:
    of a view or partition, whose tags follow from what it reads: nobody decides on it."""

    relation: RelationName
    finding: Finding
    note: str = ""
    derived: bool = False

    def to_json(self) -> dict[str, Any]:
        """For programs. `tag` is null where nothing is suggested."""
        f = self.finding
        made = f.label != "none"
        out: dict[str, Any] = {"schema": self.relation.schema, "table": self.relation.name, "column": f.column or None}
        out |= {"label": f.label, "tag": f.tag if made else None, "confidence": f.confidence}
        out |= {"evidence": list(f.evidence)} | ({"note": self.note} if self.note else {})
        return out | ({"derived": True} if self.derived else {})


_NAMED = 5
"""So many tables are named in a line about them."""

_LABELLED = 0.9
"""How sure a label makes that a person gave in another system."""

Table = tuple[RelationName, TableFacts, str]
"""A relation, its facts, and why its values were not looked at."""


def _judged(tables: Iterable[Table], pack: Pack) -> list[Found]:
    known = list(tables)
    each = suggest((facts for _, facts, _ in known), pack)
    columns = [[next(each) for _ in facts.columns] for _, facts, _ in known]
    columns = follow_keys([facts for _, facts, _ in known], [str(name) for name, _, _ in known], columns)
    out = []
    for (name, facts, note), findings in zip(known, columns, strict=True):
        whole = judge_rows(facts, pack)
        if whole is not None:
            out.append(Found(name, whole, note))
        out.extend(Found(name, f, note) for f in findings)
    return out


def _show(found: list[Found], console: Console) -> None:
    made = [f for f in found if f.finding.label != "none" and not f.derived]
    follow = [f for f in found if f.derived]
    for f in (*made, *follow):
        what = f"{f.relation}.{f.finding.column}" if f.finding.column else f"{f.relation} (its rows)"
        console.print(f"{what}: [bold]{f.finding.tag}[/] {f.finding.confidence:.0%}", soft_wrap=True)
        for e in f.finding.evidence:
            console.print(f"    {e}", style="dim", markup=False, soft_wrap=True)
    noted: dict[str, dict[str, None]] = {}
    for f in found:
        if f.note:
            noted.setdefault(f.note, {})[str(f.relation)] = None
    for note, relations in noted.items():
        first, more = list(relations)[:_NAMED], len(relations) - _NAMED
        which = ", ".join(first) + (f" and {more} more" if more > 0 else "")
        console.print(f"{which}: {note}", style="yellow", markup=False, soft_wrap=True)
    labels = Counter(f.finding.label for f in made)
    said = ", ".join(f"{n} {label}" for label, n in labels.most_common()) or "nothing"
    console.print(f"{len(found) - len(follow)} columns looked at; proposed: {said}", markup=False)
    if follow:
        console.print(f"{len(follow)} columns of views and partitions follow from these: nobody decides on them")


# ------------------------------------------------------------------ a live PostgreSQL


def _scan_database(
    name: str, config: Path, pack: Pack, sampling: Sampling | None, sql: list[str], given: Given, keep: bool
) -> list[Found]:
    database = database_of(name, config)
    tables, labelled, deriving = asyncio.run(_tables(database.upstream.url, name, pack, sampling))
    for one in labelled:
        given.setdefault(one.column, []).append(one)
    there = {at: {c.name for c in facts.columns} for at, facts, _ in tables}
    for column in sorted(c for c in given if c.of in there and c.name not in there[c.of]):
        typer.echo(f"{column}: labelled in {given[column][0].system}, and not in the database", err=True)
    found = [_counted(f, given, pack) for f in _judged(tables, pack)]
    if sql:
        found = _followed(found, tables, sql)
    text = _propose_into(database.catalog, name, found, keep)
    return [*found, *_derived(deriving, found, parse(text, str(database.catalog)), pack)]


def _derived(deriving: list[Derived], found: list[Found], review: Review, pack: Pack) -> Iterator[Found]:
    """What follows for the columns of views and partitions from the tags that others have, or are proposed to have."""
    tags: Tagged = {}
    for f in found:
        if f.finding.label != "none":
            at = ColumnName(*f.relation, f.finding.column or ROWS)
            tags[at] = ((f.finding.tag,), f.finding.confidence)
    for relation, reviewed in review.relations.items():
        for column in reviewed.columns.keys() - reviewed.proposed:
            tags[ColumnName(*relation, column)] = (tuple(sorted(reviewed.columns[column])), 1.0)
    for one in inherited(deriving, tags):
        labels = {t: s.label for t, s in pack.tags.items()}
        first = min(one.tags, key=lambda t: LABELS.index(labels.get(t, "none")))
        column = "" if one.column.name == ROWS else one.column.name
        what = "derives from" if column else "which rows it has depends on"
        why = tuple(f"{what} {s.of if s.name == ROWS else s} ({', '.join(tags[s][0])})" for s in one.sources)
        finding = Finding(one.column.relation, column, labels.get(first, "none"), first, one.confidence, why)
        yield Found(one.column.of, finding, derived=True)


def _propose_into(file: Path, name: str, found: list[Found], keep: bool) -> str:
    """Shows how the catalog file changes, and unless `keep`, writes it. Its text with the proposals."""
    before = read_file(file) if file.exists() else ""
    after = proposals(before, str(file), name, found)
    show_difference(before, after, file)
    if not keep and after != before:
        write(file, after)
    return after


Given = dict[ColumnName, list[Labelled]]
"""What another system says of columns."""


def _labels(file: Path, pack: Pack) -> Given:
    try:
        document = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError([Fault(str(file), 0, 0, f"cannot be read: {error}")]) from error
    out: Given = {}
    for labelled in read_labels(document, str(file), pack):
        out.setdefault(labelled.column, []).append(labelled)
    return out


def _add_models(given: Given, place: str) -> None:
    from redactor.cli.scan_inspector import declared
    from redactor.cli.scan_inspector import models as models_at

    if "" not in sys.path:
        sys.path.insert(0, "")  # as `python -m` has it, for an app in the current directory
    for column, tags in declared(models_at(place)).items():
        given.setdefault(column, []).extend(Labelled(column, tag, tag, place) for tag in tags)


def _counted(f: Found, given: Given, pack: Pack) -> Found:
    """The finding with another system's labels: a known one decides where nothing stronger speaks for another tag."""
    for said in given.get(ColumnName(*f.relation, f.finding.column), []):
        why = f"labelled {said.label} in {said.system}"
        finding = replace(f.finding, evidence=(*f.finding.evidence, why))
        if said.tag and (f.finding.label == "none" or f.finding.confidence < _LABELLED):
            label = next((s.label for t, s in pack.tags.items() if said.tag in (t, t.split(".")[0])), None)
            if label is not None:
                finding = replace(finding, tag=said.tag, label=label, confidence=_LABELLED)
        f = replace(f, finding=finding)
    return f


def _export(name: str, config: Path, to: str) -> None:
    if to not in ("openmetadata", "datahub", "seclabel"):
        raise typer.BadParameter("--export is one of openmetadata, datahub, seclabel")
    database = database_of(name, config)
    review = parse(read_file(database.catalog), str(database.catalog))
    tags = {
        ColumnName(*relation, column): given
        for relation, reviewed in review.relations.items()
        for column, given in reviewed.columns.items()
        if given and column not in reviewed.proposed
    }
    out = write_labels(tags, cast(Format, to), name)
    typer.echo(out if isinstance(out, str) else json.dumps(out, indent=2, ensure_ascii=False))


def _followed(found: list[Found], tables: list[Table], patterns: list[str]) -> list[Found]:
    """The findings, with those that values bring along through the statements of SQL files."""
    from redactor.tagging.lineage import Flow, flows, follow

    known = {name: [c.name for c in facts.columns] for name, facts, _ in tables}
    all_flows: list[Flow] = []
    for pattern in patterns:
        for file in sorted(glob(pattern, recursive=True)):
            made, faults = flows(Path(file).read_text("utf-8", "replace"), file, known)
            all_flows += made
            for fault in faults:
                typer.echo(str(fault), err=True)
    tagged = {ColumnName(*f.relation, f.finding.column): f.finding for f in found}
    brought = follow(all_flows, tagged)
    out = []
    for f in found:
        b = brought.get(ColumnName(*f.relation, f.finding.column))
        better = b is not None and f.finding.label == "none"
        out.append(replace(f, finding=b) if b is not None and better else f)
    return out


async def _tables(
    url: str, name: str, pack: Pack, sampling: Sampling | None
) -> tuple[list[Table], list[Labelled], list[Derived]]:
    from redactor.cli.scan_postgres import for_review, security_labels
    from redactor.cli.scan_postgres import scan as scan_tables
    from redactor.upstream import connect, read_catalog

    connection = await connect(url)
    try:
        catalog = await read_catalog(connection, name)
        out: list[Table] = []
        bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*bar, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("looking at tables", total=len(for_review(catalog)))
            async for one in scan_tables(connection, catalog, pack, sampling, lambda _: progress.advance(task)):
                out.append((one.name, one.facts, one.note))
        return out, await security_labels(connection, pack), list(derived(catalog))
    finally:
        await connection.close()


def _scan_proxies(name: str, config: Path, pack: Pack, rows: int, seconds: float) -> None:
    """For each table with a column of the core labels, by the file or by its looks, what gives that column away."""
    database = database_of(name, config)
    text = read_file(database.catalog) if database.catalog.exists() else ""
    reviewed = parse(text, str(database.catalog)).relations
    lines = asyncio.run(_giveaways(database.upstream.url, name, pack, reviewed, rows, seconds))
    for line in lines:
        typer.echo(line)
    if not lines:
        typer.echo("nothing was found that gives a tagged column away", err=True)


async def _giveaways(
    url: str, name: str, pack: Pack, reviewed: Mapping[RelationName, Reviewed], rows: int, seconds: float
) -> list[str]:
    import asyncpg  # type: ignore[import-untyped]

    from redactor.cli.scan_postgres import facts_of, for_review, give_aways, why_not
    from redactor.upstream import connect, read_catalog

    connection = await connect(url)
    try:
        catalog = await read_catalog(connection, name)
        relations = for_review(catalog)
        found = _judged([(r.qualified, facts_of(r, catalog), "") for r in relations], pack)
        targets: dict[RelationName, set[str]] = {}
        for f in found:
            if f.finding.column and f.finding.label in CORE:
                targets.setdefault(f.relation, set()).add(f.finding.column)
        roots = {tag.split(".")[0] for tag, spec in pack.tags.items() if spec.label in CORE}
        for relation, review in reviewed.items():
            for column, tags in review.columns.items():
                if any(tag.split(".")[0] in roots for tag in tags):
                    targets.setdefault(relation, set()).add(column)
        out = []
        for r in relations:
            wanted = sorted(targets.get(r.qualified, set()) & {c.name for c in r.columns})
            if wanted:
                try:
                    given = await give_aways(connection, r, wanted, Sampling(max(rows, 2000), seconds))
                except asyncpg.PostgresError as error:
                    out.append(f"{r.qualified}: not sampled: {why_not(error)}")
                else:
                    out += [f"{r.qualified}: {g}" for g in given]
        return out
    finally:
        await connection.close()


def proposals(text: str, file: str, database: str, found: Iterable[Found]) -> str:
    """The catalog file with everything that is new, or was only proposed before, as proposals.

    What a person decided is left alone. Raises ConfigurationError where the text is not a catalog file.
    """
    reviewed = parse(text, file)
    additions = []
    for f in found:
        relation = reviewed.relations.get(f.relation)
        made = f.finding.label != "none"
        if not f.finding.column:
            if relation is None or not relation.tags:
                additions.append(_addition(f))
            continue
        if relation is not None and f.finding.column in relation.columns.keys() - relation.proposed:
            continue
        # what looks harmless is proposed too: until a person agrees, the column stays hidden
        additions.append(_addition(f) if made else replace(_addition(f), tags=()))
    return propose(text, additions, database)


def _addition(f: Found) -> Addition:
    made = f.finding.label != "none"
    evidence = "; ".join(f.finding.evidence) if made else "nothing speaks for a tag"
    sure = f.finding.confidence if made else 1 - f.finding.confidence
    column = f.finding.column or None
    return Addition(f.relation, column, (f.finding.tag,) if made else (), True, round(sure, 2), evidence)


# ------------------------------------------------------------------ a file of columns


def _scan_file(file: Path, pack: Pack, as_json: bool) -> None:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([Fault(str(file), 0, 0, f"cannot be read: {error}")]) from error
    for row, f in judge_each(rows_in(text, str(file)), pack):
        if as_json:
            tag = f.tag if f.label != "none" else None
            out = {**row, "label": f.label, "tag": tag, "confidence": f.confidence, "evidence": list(f.evidence)}
            typer.echo(json.dumps(out, ensure_ascii=False))
        elif f.label != "none":
            typer.echo(f"{f.table}.{f.column}: {f.tag} {f.confidence:.0%}; {'; '.join(f.evidence)}")
