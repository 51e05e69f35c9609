"""`redactor audit`: the log for the auditor's eyes: list, show, verify, export.

Knows how entries look to a person and to a program. Must not know how they are stored, sealed or proved: it asks
`store.Reader` and `audit.verifier`. Invariant: exit code 0 of `verify` means that nothing wrong was found in what a
checkpoint covers; 1 that something was, or that it could not be looked at.
"""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from redactor.audit import sealing
from redactor.audit.checkpoint import check
from redactor.audit.verifier import (
    LINE_LIMIT,
    PublicKey,
    Report,
    Unverifiable,
    included,
    read_checkpoint,
    split_notes,
    verify_export,
)
from redactor.errors import ConfigurationError, Fault, LogUnavailable, RedactorError
from redactor.store import Reader, Selection, Stored
from redactor.store.keys import PUBLIC, private_key

app = typer.Typer(no_args_is_help=True, help="The log: what was refused and rewritten, and the proof that it is whole.")

Config = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")]
Store = Annotated[str | None, typer.Option("--store", help="The store's URL, instead of a configuration.")]
Directory = Annotated[
    Path | None, typer.Option("--directory", help="Of the keys and checkpoints; default: beside the store.")
]
Since = Annotated[
    str | None, typer.Option("--since", help="From that time on (UTC): 2026-03-01, 2026-03-01T09:30, or 90m, 12h, 7d.")
]
Until = Annotated[str | None, typer.Option("--until", help="Before that time; as --since.")]
Login = Annotated[str | None, typer.Option("--login", "-u", help="Of that database login.")]
InDatabase = Annotated[str | None, typer.Option("--database", "-d", help="On that database.")]
Verdict = Annotated[str | None, typer.Option("--verdict", help="allowed, redacted or refused.")]
Rule = Annotated[str | None, typer.Option("--rule", help="In which that rule took part.")]
Column = Annotated[str | None, typer.Option("--column", help="That used the column: name, table.name or in full.")]
Limit = Annotated[int | None, typer.Option("--limit", "-n", min=1, help="At most so many, the newest.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: one JSON object a line.")]

DEFAULT = Path("redactor.yaml")
PEOPLE_LIMIT = 50
COLOURS = {"refused": "red", "redacted": "yellow", "allowed": "green"}


def _reader(config: Path, store: str | None, directory: Path | None) -> Reader:
    if store is not None:
        return Reader(store, directory)
    from redactor.config import load

    settings = load(config, os.environ)
    return Reader(settings.store, directory or settings.log.directory)


def _moment(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    if m := re.fullmatch(r"(\d+)([mhdw])", text):
        unit = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[m.group(2)]
        return datetime.now(UTC) - timedelta(**{unit: int(m.group(1))})
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        what = f"{text!r} is not a time"
        raise ConfigurationError([Fault(option, 0, 0, what, "2026-03-01, 2026-03-01T09:30 or 12h")]) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _selection(
    since: str | None,
    until: str | None,
    login: str | None,
    database: str | None,
    verdict: str | None,
    rule: str | None,
    column: str | None,
) -> Selection:
    if verdict not in (None, *COLOURS):
        raise ConfigurationError([Fault("--verdict", 0, 0, f"there is no verdict {verdict!r}", ", ".join(COLOURS))])
    return Selection(_moment(since, "--since"), _moment(until, "--until"), login, database, verdict, rule, column)


@app.command("list")
def list_entries(
    config: Config = DEFAULT,
    store: Store = None,
    directory: Directory = None,
    since: Since = None,
    until: Until = None,
    login: Login = None,
    database: InDatabase = None,
    verdict: Verdict = None,
    rule: Rule = None,
    column: Column = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List entries, oldest first: the newest 50 for people, all for programs, unless told."""
    selection = _selection(since, until, login, database, verdict, rule, column)
    with _reader(config, store, directory) as reader:
        if as_json and limit is None:
            for entry in reader.walk(selection):
                sys.stdout.write(entry.leaf.decode() + "\n")
            return
        wanted = limit or PEOPLE_LIMIT
        found = reader.select(selection, wanted + 1)
        more, shown = len(found) > wanted, found[:wanted][::-1]
        if as_json:
            for entry in shown:
                sys.stdout.write(entry.leaf.decode() + "\n")
            return
        console = Console(highlight=False)
        if not shown:
            console.print("No entries." if selection.everything else "No entries are meant by that.")
            return
        console.print(_table(shown))
        if more:
            console.print(f"The newest {wanted}; --limit shows more, --since, --login, --rule and others choose.")


def _table(shown: list[Stored]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    table.add_column("entry", justify="right", no_wrap=True)
    table.add_column("time (UTC)", no_wrap=True)
    table.add_column("login", no_wrap=True, max_width=20)
    table.add_column("verdict", no_wrap=True)
    table.add_column("rule", max_width=24)
    table.add_column("statement, without its literals", ratio=1)
    for entry in shown:
        v = entry.value
        verdict = str(v.get("verdict", v.get("kind", "")))
        table.add_row(
            str(entry.sequence),
            _plain(str(v.get("at", ""))[:19].replace("T", " ")),
            _plain(v.get("login", "")),
            _plain(verdict, COLOURS.get(verdict, "")),
            _plain(", ".join(dict.fromkeys(r["rule"] for r in v.get("rules", ())))),
            _plain(_short(str(v.get("shape", "") or v.get("because", "")), 160)),
        )
    return table


def _plain(text: object, style: str = "") -> Text:
    """Text as it is: no markup, and nothing in it that a terminal would obey."""
    shown = re.sub(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", lambda m: f"\\x{ord(m[0]):02x}", str(text))
    return Text(shown, style)


def _short(text: str, width: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"


@app.command()
def show(
    which: Annotated[str, typer.Argument(metavar="ID", help="An entry's number, or a decision's id.")],
    config: Config = DEFAULT,
    store: Store = None,
    directory: Directory = None,
    key: Annotated[
        Path | None, typer.Option("--key", help="The auditor's private key (PEM): shows the full text as well.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show an entry, or all entries of a decision, and whether a checkpoint covers it."""
    private = None if key is None else private_key(key)
    with _reader(config, store, directory) as reader:
        found = reader.find(which)
        if not found and which.isdecimal():
            found = [e for e in (reader.get(int(which)),) if e is not None]
        if not found:
            raise LogUnavailable(f"there is no entry {which!r}: give its number, or the decision's id from the error")
        console = Console(highlight=False)
        for entry in found:
            covered = _covered(reader, entry)
            opened = None if private is None else _opened(private, entry)
            if as_json:
                value = {"covered": covered, "entry": entry.value}
                sys.stdout.write(json.dumps(value | ({"opened": opened} if opened else {}), ensure_ascii=False) + "\n")
            else:
                console.print(_sheet(entry, covered, opened))


def _covered(reader: Reader, entry: Stored) -> str:
    """What the newest checkpoint proves of an entry, in words."""
    newest = reader.checkpoint()
    if newest is None or entry.sequence >= newest[0]:
        return "not signed yet"
    try:
        key = PublicKey.read((reader.directory / PUBLIC).read_text())
        head = read_checkpoint(newest[1], key, check)
    except (OSError, Unverifiable) as e:
        return f"cannot be said: {e}"
    proof = reader.inclusion(entry.sequence, head.size)
    if included(entry.leaf_hash, entry.sequence, head.size, proof, head.root) and _hash(entry) == entry.leaf_hash:
        return f"in the log as signed ({head.size} entries)"
    return "NOT as it was signed: run redactor audit verify"


def _hash(entry: Stored) -> bytes:
    from redactor.audit.verifier import leaf_hash

    return leaf_hash(entry.leaf)


def _opened(private: bytes, entry: Stored) -> dict[str, Any]:
    if entry.sealed is None:
        return {"error": "the sealed text is gone (retention)"}
    try:
        opened = sealing.open_sealed(private, entry.sealed, str(entry.value.get("decision", "")))
    except sealing.CannotOpen as e:
        return {"error": str(e)}
    value: dict[str, Any] = json.loads(opened)
    return value


def _sheet(entry: Stored, covered: str, opened: dict[str, Any] | None) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    v = entry.value
    table.add_row("entry", str(entry.sequence))
    for name in ("at", "kind", "verdict", "outcome", "decision", "login", "groups", "database", "address"):
        if v.get(name):
            table.add_row(name, _plain(", ".join(v[name]) if name == "groups" else str(v[name])))
    for name in ("authentication", "sqlstate", "because", "through"):
        if name in v and v[name] != "":
            table.add_row(name, _plain(str(v[name])))
    for rule in v.get("rules", ()):
        table.add_row("rule", _plain(f"{rule['rule']}: {rule['because']}"))
    for use in v.get("columns", ()):
        table.add_row("column", _plain(f"{use['column']} ({use['use']})"))
    table.add_row("statement", _plain(str(v.get("shape", ""))))
    for name in ("digest", "snapshot"):
        if v.get(name):
            table.add_row(name, _plain(str(v[name])))
    table.add_row("log", _plain(covered))
    if opened is not None:
        for name, value in opened.items():
            if value:
                table.add_row(name, _plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
    return table


@app.command()
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
    as_json: AsJson = False,
) -> None:
    """Verify the log: nothing changed, missing, added, moved or cut off since it was signed. Exit code 1 if not."""
    earlier = [note for path in checkpoint or () for note in split_notes(_text(path) + "\n")]
    try:
        if file is not None:
            if public_key is None:
                instead = "the file log.pub, as the auditor was given it"
                raise ConfigurationError([Fault("--public-key", 0, 0, "an export is verified with a key", instead)])
            key = PublicKey.read(_key(public_key))
            with _bytes(file) as export:
                lines = iter(lambda: export.readline(LINE_LIMIT), b"")
                report = verify_export(lines, key, earlier, partial, check)
        else:
            with _reader(config, store, directory) as reader:
                given = public_key if public_key is not None else str(reader.directory / PUBLIC)
                report = reader.verify(_key(given), earlier)
                if public_key is None:
                    report.notes.append(
                        f"verified with {given}, the key found beside the log; "
                        "an auditor uses the copy that was handed over: --public-key"
                    )
    except Unverifiable as e:
        raise RedactorError(f"cannot verify: {e}") from None
    _tell(report, as_json)
    raise typer.Exit(0 if report.ok else 1)


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
        console.print(Text(f"WRONG: {wrong}", "red"), soft_wrap=True)
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


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        reason = e.strerror if isinstance(e, OSError) else "it is not text"
        raise ConfigurationError([Fault(str(path), 0, 0, f"the file cannot be read: {reason}")]) from None


def _key(text: str) -> str:
    return text if re.fullmatch(r"\S+\+[0-9a-f]{8}\+\S+", text) else _text(Path(text))


def _bytes(path: Path) -> Any:
    try:
        return path.open("rb")
    except OSError as e:
        raise ConfigurationError([Fault(str(path), 0, 0, f"the file cannot be read: {e.strerror}")]) from None


@app.command()
def export(
    config: Config = DEFAULT,
    store: Store = None,
    directory: Directory = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; default: to stdout.")
    ] = None,
    since: Since = None,
    until: Until = None,
    login: Login = None,
    database: InDatabase = None,
    verdict: Verdict = None,
    rule: Rule = None,
    column: Column = None,
) -> None:
    """Write the log as JSON Lines, each entry with its proof: what `verify --file` needs, and all it needs."""
    selection = _selection(since, until, login, database, verdict, rule, column)
    with _reader(config, store, directory) as reader:
        try:
            with nullcontext(sys.stdout.buffer) if output is None else output.open("wb") as file:
                count = reader.export(file.write, selection)
        except OSError as e:
            if isinstance(e, BrokenPipeError):
                raise
            raise ConfigurationError([Fault(str(output), 0, 0, f"the file cannot be written: {e.strerror}")]) from None
        left = reader.size() - (reader.checkpoint() or (0, ""))[0]
    said = f"{count} entries exported"
    if not selection.everything:
        said += "; it is a selection: verify it with --partial"
    if left:
        said += f"; {left} newer ones are not signed yet"
    typer.echo(said, err=True)
