"""`redactor scan`: proposes tags for columns, with the evidence in words; a person confirms.

Knows where columns come from (a file of columns, a database) and where proposals go (standard output, the catalog
file). Must not judge anything itself, nor keep or print a sampled value.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from redactor.errors import ConfigurationError, Fault
from redactor.tagging.facts import rows_in, tables_of
from redactor.tagging.judge import Finding, suggest
from redactor.tagging.pack import Pack, load


def scan(
    columns: Annotated[
        Path | None,
        typer.Option(
            "--columns", help="Judge a file of columns (JSON lines) instead of a database; - is standard input."
        ),
    ] = None,
    pack: Annotated[
        Path | None, typer.Option("--pack", help="A directory of local additions to the domain pack.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON object a line.")] = False,
) -> None:
    """Propose tags for columns, with confidence and evidence."""
    if columns is None:
        raise typer.BadParameter("what to scan? --columns FILE")
    knowledge = load(pack)
    _scan_file(columns, knowledge, as_json)


def _scan_file(file: Path, pack: Pack, as_json: bool) -> None:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([Fault(str(file), 0, 0, f"cannot be read: {error}")]) from error
    rows = rows_in(text, str(file))
    tables = list(tables_of(rows))
    findings: dict[tuple[str, str, str], Finding] = {}
    each = suggest(tables, pack)
    for table in tables:
        for fact in table.columns:
            findings[table.source, table.name, fact.name] = next(each)
    for row in rows:
        f = findings[str(row.get("source") or ""), str(row.get("table") or ""), str(row["column"])]
        if as_json:
            out = {**row, "label": f.label, "tag": f.tag if f.label != "none" else None, "confidence": f.confidence}
            typer.echo(json.dumps({**out, "evidence": list(f.evidence)}, ensure_ascii=False))
        elif f.label != "none":
            typer.echo(f"{f.table}.{f.column}: {f.tag} ({f.confidence:.0%}) {'; '.join(f.evidence)}")
