"""`redactor demo`: options in, exit code out. The demo itself is in `redactor.demo`; nothing is known of it here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def demo(
    once: Annotated[bool, typer.Option("--once", help="No pauses; end after the tour.")] = False,
    directory: Annotated[
        Path | None, typer.Option("--directory", help="Keep the files in this new directory, not in a temporary one.")
    ] = None,
) -> None:
    """An embedded PostgreSQL, a sample city, redactor in front of it, and a tour in the terminal."""
    from redactor.demo.run import run

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 110
    try:
        code = run(console, once=once, directory=directory)
    except KeyboardInterrupt:
        console.print("Ended.")
        code = 0
    raise typer.Exit(code)
