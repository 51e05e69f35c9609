"""The catalog file of one database, for the commands that change it: found, compared, written.

Knows the file system and the terminal. Must not know what a catalog says. Invariant: the file is replaced as a whole
or stays as it was.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from rich.console import Console

from redactor.config import Database, load
from redactor.errors import ConfigurationError, Fault
from redactor.store.files import replace


def database_of(name: str, config: Path) -> Database:
    """What the configuration says of a database. Raises ConfigurationError where it does not know it."""
    settings = load(config, os.environ)
    if name not in settings.databases:
        raise ConfigurationError(
            [Fault(str(config), 0, 0, f"no database {name!r}", "one of " + ", ".join(settings.databases))]
        )
    return settings.databases[name]


def show_difference(before: str, after: str, file: Path) -> None:
    """Print how the file changes, on standard error."""
    console = Console(stderr=True, highlight=False)
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), str(file), str(file), lineterm="")
    for line in lines:
        style = "green" if line.startswith("+") else "red" if line.startswith("-") else None
        console.print(line, style=style, markup=False, soft_wrap=True)


def write(file: Path, text: str) -> None:
    """Put the text in place of the file, or of nothing. Raises ConfigurationError where the disk does not let it."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace(file, text.encode(), file.stat().st_mode & 0o777 if file.exists() else 0o644)
    except OSError as e:
        raise ConfigurationError([Fault(str(file), 0, 0, f"cannot be written: {e.strerror}")]) from None
