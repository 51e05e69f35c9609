"""What the commands on the log have in common: where the log is, which entries, which key.

Knows options, the configuration and files. Must not print. Invariant: what cannot be read is said with its name.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from redactor.errors import ConfigurationError, Fault
from redactor.store import Reader, Selection

Config = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")]
Store = Annotated[str | None, typer.Option("--store", help="The store's URL, instead of a configuration.")]
Directory = Annotated[
    Path | None, typer.Option("--directory", help="Of the keys and checkpoints; default: beside the store.")
]
Since = Annotated[
    str | None,
    typer.Option("--since", help="From that time on (UTC): 2026-03-01, 2026-03-01T09:30, or 90m, 12h, 7d, 3y."),
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


def place_of(config: Path, store: str | None, directory: Path | None) -> tuple[str, Path | None, Path | None]:
    """The store's URL, the log's directory and the auditor's public key, as the options or the configuration say."""
    if store is not None:
        return store, directory, None
    from redactor.config import load

    settings = load(config, os.environ)
    return settings.store, directory or settings.log.directory, settings.log.auditor_key


def reader_of(config: Path, store: str | None, directory: Path | None) -> Reader:
    return Reader(*place_of(config, store, directory)[:2])


def moment(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    if m := re.fullmatch(r"(\d+)([mhdwy])", text):
        unit = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}[m.group(2)]
        return datetime.now(UTC) - timedelta(seconds=unit * int(m.group(1)))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        what = f"{text!r} is not a time"
        raise ConfigurationError([Fault(option, 0, 0, what, "2026-03-01, 2026-03-01T09:30 or 12h")]) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def selection_of(
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
    return Selection(moment(since, "--since"), moment(until, "--until"), login, database, verdict, rule, column)


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        reason = e.strerror if isinstance(e, OSError) else "it is not text"
        raise ConfigurationError([Fault(str(path), 0, 0, f"the file cannot be read: {reason}")]) from None


def key_of(text: str) -> str:
    return text if re.fullmatch(r"\S+\+[0-9a-f]{8}\+\S+", text) else text_of(Path(text))


def bytes_of(path: Path) -> Any:
    try:
        return path.open("rb")
    except OSError as e:
        raise ConfigurationError([Fault(str(path), 0, 0, f"the file cannot be read: {e.strerror}")]) from None
