"""Proving the log to others: `redactor audit verify`, `export` and `prove`.

Knows how a verification's result looks, and which files are written. Must not verify by itself: it asks
`audit.verifier` and `store.Reader`. Invariant: what `verify` says of an export it has from the file and the key alone.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from redactor.audit.checkpoint import check
from redactor.audit.formats import FORMATS
from redactor.audit.verifier import (
    LINE_LIMIT,
    PublicKey,
    Report,
    Unverifiable,
    read_checkpoint,
    split_notes,
    verify_export,
)
from redactor.audit.witness import Refused, WitnessKey, consider, cosigned
from redactor.audit.witness import request as request_of
from redactor.cli.audit.options import (
    DEFAULT,
    AsJson,
    Column,
    Config,
    Directory,
    InDatabase,
    Login,
    Rule,
    Since,
    Store,
    Until,
    Verdict,
    bytes_of,
    key_of,
    reader_of,
    selection_of,
    text_of,
)
from redactor.errors import ConfigurationError, Fault, LogUnavailable, RedactorError
from redactor.store.keys import PUBLIC, read_public


def verify(
    config: Config = DEFAULT,
    store: Store = None,
    directory: Directory = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="An exported log; needs nothing else but the public key.")
    ] = None,
    public_key: Annotated[
        str | None, typer.Option("--public-key", "-k", help="The log's public key, or a file that holds it (log.pub).")
    ] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option("--checkpoint", help="Checkpoints kept from before, which must be this log's beginning."),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="The export is a selection: entries may be left out.")
    ] = False,
    witness: Annotated[
        list[str] | None,
        typer.Option("--witness", help="A witness's public key, or its file, that must have cosigned."),
    ] = None,
    request: Annotated[
        Path | None,
        typer.Option("--consistency", help="A proof (from `prove --from`) that the log continues --checkpoint."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify the log: nothing changed, missing, added, moved or cut off since it was signed. Exit code 1 if not."""
    earlier = [note for path in checkpoint or () for note in split_notes(text_of(path))]
    try:
        if file is not None or request is not None:
            if public_key is None:
                instead = "the file log.pub, as the auditor was given it"
                raise ConfigurationError([Fault("--public-key", 0, 0, "an export is verified with a key", instead)])
            if request is not None:
                report, note = _continued(request, read_public(key_of(public_key)), earlier)
            elif file is not None:
                key = PublicKey.read(key_of(public_key).partition("\n")[0])
                with bytes_of(file) as source:
                    first = source.readline(LINE_LIMIT)
                    lines = chain([first], iter(lambda: source.readline(LINE_LIMIT), b""))
                    report = verify_export(lines, key, earlier, partial, check)
                note = str(json.loads(first)["checkpoint"]) if report.origin else ""
        else:
            with reader_of(config, store, directory) as reader:
                given = public_key if public_key is not None else str(reader.directory / PUBLIC)
                report = reader.verify(key_of(given).partition("\n")[0], earlier)
                note = (reader.checkpoint() or (0, ""))[1]
                if public_key is None:
                    report.notes.append(
                        f"verified with {given}, the key found beside the log; "
                        "an auditor uses the copy that was handed over: --public-key"
                    )
        _witnessed(report, note, [WitnessKey.read(key_of(w).strip()) for w in witness or ()])
    except Unverifiable as e:
        raise RedactorError(f"cannot verify: {e}") from None
    _tell(report, as_json)
    raise typer.Exit(0 if report.ok else 1)


def _continued(path: Path, keys: list[PublicKey], earlier: list[str]) -> tuple[Report, str]:
    """Verify a proof of consistency against the checkpoint that was kept from before."""
    with bytes_of(path) as file:
        body = file.read()
    kept = [read_checkpoint(note, keys, check) for note in earlier]
    old = int(m.group(1)) if (m := re.match(rb"old (\d{1,18})\n", body)) else -1
    before = next((c for c in kept if c.size == old), None)
    if before is None:
        instead = "--checkpoint with the file that has it"
        raise ConfigurationError(
            [Fault(str(path), 0, 0, f"the proof begins at {old} entries: which were they?", instead)]
        )
    report = Report(origin=keys[0].name)
    try:
        head, note = consider(body, {keys[0].name: keys}, {keys[0].name: before})
    except Refused as e:
        report.found("checkpoint", e.body.strip())
        return report, ""
    report.size = report.entries = head.size
    report.root = base64.b64encode(head.root).decode()
    report.notes.append(f"the log of {head.size} entries is proved to begin with the {old} entries seen before")
    return report, note


def _witnessed(report: Report, note: str, witnesses: list[WitnessKey]) -> None:
    for key in witnesses:
        if (at := cosigned(note, key)) is None:
            report.found("witness", f"{key.name} has not cosigned the newest checkpoint")
        else:
            when = datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
            report.notes.append(f"{key.name} has cosigned this checkpoint, {when}")


def _tell(report: Report, as_json: bool) -> None:
    if as_json:
        found = [{"kind": w.kind, "sequence": w.sequence, "what": w.what} for w in report.wrong]
        value = {
            "ok": report.ok,
            "origin": report.origin,
            "size": report.size,
            "root": report.root,
            "verified": report.entries,
            "wrong": found,
            "notes": report.notes,
        }
        sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
        return
    console = Console(highlight=False)
    for note in report.notes:
        console.print(Text(f"note: {note}", "dim"), soft_wrap=True)
    for wrong in report.wrong[:20]:
        console.print(Text(f"WRONG: {wrong.kind}: {wrong.what}", "red"), soft_wrap=True)
    if len(report.wrong) > 20:
        console.print(f"... and {len(report.wrong) - 20} more (--json tells all)")
    console.print(f"{report.origin}: {report.entries} of {report.size} entries verified", soft_wrap=True)
    if report.root:
        console.print(f"root {report.root}", soft_wrap=True)
    if report.ok:
        what = (
            "The log is as it was signed."
            if report.entries == report.size
            else "These entries are as they were signed."
        )
        console.print(Text(what, "green"))
    else:
        first = next((w.sequence for w in report.wrong if w.sequence is not None), None)
        where = "" if first is None else f" The first that is wrong is entry {first}."
        console.print(Text(f"The log is NOT as it was signed.{where}", "bold red"), soft_wrap=True)


def export(
    config: Config = DEFAULT,
    store: Store = None,
    directory: Directory = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; default: to stdout.")
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="jsonl, with proofs; or for others to read: csv, ocsf, cef, syslog, otlp.")
    ] = "jsonl",
    witnessed: Annotated[
        bool, typer.Option("--cosigned", help="Up to the newest checkpoint that a witness has cosigned.")
    ] = False,
    since: Since = None,
    until: Until = None,
    login: Login = None,
    database: InDatabase = None,
    verdict: Verdict = None,
    rule: Rule = None,
    column: Column = None,
) -> None:
    """Write the log as JSON Lines, each entry with its proof: what `verify --file` needs, and all it needs.

    The other formats are for other systems; they hold no proofs and no sealed texts.
    """
    if form != "jsonl" and form not in FORMATS:
        named = ", ".join(["jsonl", *FORMATS])
        raise ConfigurationError([Fault("--format", 0, 0, f"there is no format {form!r}", named)])
    selection = selection_of(since, until, login, database, verdict, rule, column)
    with reader_of(config, store, directory) as reader:
        try:
            with nullcontext(sys.stdout.buffer) if output is None else output.open("wb") as file:
                if form == "jsonl":
                    count = reader.export(file.write, selection, witnessed)
                else:
                    count = reader.render(file.write, FORMATS[form], selection)
        except OSError as e:
            if isinstance(e, BrokenPipeError):
                raise
            raise ConfigurationError(
                [Fault(str(output or "stdout"), 0, 0, f"the file cannot be written: {e.strerror}")]
            ) from None
        left = reader.size() - (reader.checkpoint() or (0, ""))[0]
    said = f"{count} entries exported"
    if form != "jsonl":
        typer.echo(said, err=True)
        return
    if not selection.everything:
        said += "; it is a selection: verify it with --partial"
    if left:
        said += f"; {left} newer ones are not signed yet"
    typer.echo(said, err=True)


def prove(
    which: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="An entry's number, or a decision's id: prove that it is there."),
    ] = None,
    old: Annotated[
        int | None, typer.Option("--from", min=0, help="Prove that the log continues the one of so many entries.")
    ] = None,
    to: Annotated[
        int | None, typer.Option("--to", min=1, help="With --from: up to that checkpoint; default: the newest.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write; default: stdout.")] = None,
    config: Config = DEFAULT,
    store: Store = None,
    directory: Directory = None,
) -> None:
    """Write a proof: that an entry is in the log as signed (verify it with --file and --partial), or that the log only
    grew (what a witness is sent; verify it with --consistency)."""
    if (which is None) == (old is None):
        raise ConfigurationError([Fault("prove", 0, 0, "an entry or --from", "redactor audit prove 17")])
    with reader_of(config, store, directory) as reader:
        pieces: list[bytes] = []
        if which is not None:
            found = reader.find(which) or [e for e in (reader.get(int(which)) if which.isdecimal() else None,) if e]
            if not found:
                raise LogUnavailable(f"there is no entry {which!r}: give its number, or the decision's id")
            if reader.prove(pieces.append, [e.sequence for e in found]) < len(found):
                raise LogUnavailable(f"entry {which} is not signed yet: try again in a few seconds")
        elif old is not None:
            notes = dict(reader.checkpoints())
            size = to if to is not None else max(notes, default=0)
            if size not in notes or old > size:
                raise LogUnavailable(f"there is no checkpoint of {size} entries that could continue {old}")
            pieces.append(request_of(old, reader.consistency(old, size) if old else [], notes[size]))
    try:
        with nullcontext(sys.stdout.buffer) if output is None else output.open("wb") as file:
            file.write(b"".join(pieces))
    except OSError as e:
        raise ConfigurationError(
            [Fault(str(output or "stdout"), 0, 0, f"the file cannot be written: {e.strerror}")]
        ) from None
