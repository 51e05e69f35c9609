"""Looking at entries: `redactor audit list` and `show`.

Knows how entries look to a person and to a program. Must not know how they are stored, sealed or proved. Invariant:
nothing that a client wrote reaches a terminal as anything but text.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from redactor.audit import sealing
from redactor.audit.checkpoint import check
from redactor.audit.verifier import Unverifiable, included, leaf_hash, read_checkpoint
from redactor.cli.audit.options import (
    COLOURS,
    DEFAULT,
    PEOPLE_LIMIT,
    AsJson,
    Column,
    Config,
    Directory,
    InDatabase,
    Limit,
    Login,
    Rule,
    Since,
    Store,
    Until,
    Verdict,
    reader_of,
    selection_of,
)
from redactor.errors import LogUnavailable
from redactor.store import Reader, Stored, months
from redactor.store.keys import PUBLIC, private_key, read_public


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
    selection = selection_of(since, until, login, database, verdict, rule, column)
    with reader_of(config, store, directory) as reader:
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
            plain(str(v.get("at", ""))[:19].replace("T", " ")),
            plain(v.get("login", "")),
            plain(verdict, COLOURS.get(verdict, "")),
            plain(", ".join(dict.fromkeys(r["rule"] for r in v.get("rules", ())))),
            plain(_short(_said(v), 160)),
        )
    return table


def _said(value: dict[str, Any]) -> str:
    """What an entry is about, in a line: a statement's shape, or what was done."""
    match value.get("kind"):
        case "order":
            return f"{value.get('order', '')} {value.get('step', '')}: {value.get('because', '')}".rstrip(": ")
        case "deed":
            return f"{value.get('by', '')} {value.get('deed', '')}"
        case _:
            return str(value.get("shape", "") or value.get("because", ""))


def plain(text: object, style: str = "") -> Text:
    """The text as it is: no markup, and nothing in it that a terminal would obey."""
    shown = re.sub(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", lambda m: f"\\x{ord(m[0]):02x}", str(text))
    return Text(shown, style)


def _short(text: str, width: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"


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
    with reader_of(config, store, directory) as reader:
        found = reader.find(which)
        if not found and which.isdecimal():
            found = [e for e in (reader.get(int(which)),) if e is not None]
        if not found:
            raise LogUnavailable(f"there is no entry {which!r}: give its number, or the decision's id from the error")
        console = Console(highlight=False)
        for entry in found:
            covered = _covered(reader, entry)
            unsealed = None if private is None else opened(reader.directory, private, entry)
            if as_json:
                value = {"covered": covered, "entry": entry.value}
                sys.stdout.write(
                    json.dumps(value | ({"opened": unsealed} if unsealed else {}), ensure_ascii=False) + "\n"
                )
            else:
                console.print(_sheet(entry, covered, unsealed))


def _covered(reader: Reader, entry: Stored) -> str:
    """What the newest checkpoint proves of an entry, in words."""
    newest = reader.checkpoint()
    if newest is None or entry.sequence >= newest[0]:
        return "not signed yet"
    try:
        head = read_checkpoint(newest[1], read_public((reader.directory / PUBLIC).read_text()), check)
    except (OSError, Unverifiable) as e:
        return f"cannot be said: {e}"
    proof = reader.inclusion(entry.sequence, head.size)
    if (
        included(entry.leaf_hash, entry.sequence, head.size, proof, head.root)
        and leaf_hash(entry.leaf) == entry.leaf_hash
    ):
        return f"in the log as signed ({head.size} entries)"
    return "NOT as it was signed: run redactor audit verify"


def opened(place: Path, private: bytes, entry: Stored) -> dict[str, Any]:
    """What is sealed of an entry, with the auditor's private key; `error` where it cannot be opened."""
    if entry.sealed is None:
        return {"error": "the sealed text is gone (retention)"}
    to = str((entry.value.get("sealed") or {}).get("to", ""))
    try:
        month = months.unwrap(place, private, to)
        if month is None:
            return {"error": f"the key {to} of its month is not in {place / months.DIRECTORY}: destroyed, or elsewhere"}
        opened = sealing.open_sealed(month, entry.sealed, str(entry.value.get("decision", "")))
    except sealing.CannotOpen as e:
        return {"error": str(e)}
    value: dict[str, Any] = json.loads(opened)
    return value


def _sheet(entry: Stored, covered: str, unsealed: dict[str, Any] | None) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    v = entry.value
    table.add_row("entry", str(entry.sequence))
    for name in ("at", "kind", "verdict", "outcome", "decision", "login", "groups", "database", "address"):
        if v.get(name):
            table.add_row(name, plain(", ".join(v[name]) if name == "groups" else str(v[name])))
    for name in ("on_behalf_of", "authentication", "sqlstate", "because", "through"):
        if name in v and v[name] != "":
            table.add_row(name, plain(str(v[name])))
    for rule in v.get("rules", ()):
        table.add_row("rule", plain(f"{rule['rule']}: {rule['because']}"))
    for use in v.get("columns", ()):
        table.add_row("column", plain(f"{use['column']} ({use['use']})"))
    table.add_row("statement", plain(str(v.get("shape", ""))))
    for name in ("digest", "snapshot"):
        if v.get(name):
            table.add_row(name, plain(str(v[name])))
    table.add_row("log", plain(covered))
    if unsealed is not None:
        for name, value in unsealed.items():
            if value:
                table.add_row(name, plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
    return table
