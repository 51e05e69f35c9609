"""The stage of the tour: where the connections go, how results and refusals look in a terminal, what a claim is.

Knows asyncpg, rich and the `redactor` command; must not know what is shown. Invariant: `claim` prints nothing that it
has not checked: a claim that does not hold ends the tour with `ClaimFailed`.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from redactor.errors import RedactorError

SHOWN = 6
"""Rows of a result that are printed."""


class ClaimFailed(RedactorError):
    """The tour said something that turned out not to be so."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client got for a statement: rows, or PostgreSQL's error fields."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[object, ...], ...] = ()
    error: asyncpg.PostgresError | None = None

    @property
    def sqlstate(self) -> str:
        """The error's SQLSTATE; empty if there was none."""
        return str(self.error.sqlstate) if self.error else ""


@dataclass(frozen=True, slots=True)
class Stage:
    """`direct` and `proxied` are (host, port) of the database itself and of redactor in front of it.

    `pause`: seconds that a person gets to read what was shown.
    """

    console: Console
    directory: Path
    direct: tuple[str, int]
    proxied: tuple[str, int]
    database: str
    pause: float = 0.0

    async def rest(self) -> None:
        """Give a person time to read."""
        await asyncio.sleep(self.pause)

    async def ask(self, login: str, sql: str, *, direct: bool = False) -> Answer:
        """Run one statement as that login (its password is its name), through redactor unless `direct`."""
        host, port = self.direct if direct else self.proxied
        connection = await asyncpg.connect(
            host=host, port=port, user=login, password=login, database=self.database, ssl=False, timeout=20
        )
        try:
            statement = await connection.prepare(sql)
            rows = await statement.fetch()
            columns = tuple(a.name for a in statement.get_attributes())
            return Answer(columns, tuple(tuple(r) for r in rows))
        except asyncpg.PostgresError as e:
            return Answer(error=e)
        finally:
            await connection.close(timeout=10)

    def act(self, number: int, title: str, told: str) -> None:
        """The heading of a step and a sentence or two about it."""
        self.console.print()
        self.console.print(Rule(f"[bold]{number}. {title}", align="left", style="cyan"))
        self.console.print(told)

    def sql(self, text: str) -> None:
        """Show a statement."""
        self.console.print(Syntax(text, "sql", theme="ansi_dark", background_color="default", word_wrap=True))

    def side_by_side(self, answers: Sequence[tuple[str, Answer]]) -> None:
        """Show what several people got, each under a heading."""
        panels = [Panel(_drawn(answer), title=title, title_align="left", padding=(0, 1)) for title, answer in answers]
        width = self.console.width // max(len(panels), 1)
        if any(self.console.measure(p).minimum > width for p in panels) or self.console.width < 110:
            for panel in panels:
                self.console.print(panel)
            return
        grid = Table.grid(expand=True)
        for _ in panels:
            grid.add_column(ratio=1)
        grid.add_row(*panels)
        self.console.print(grid)

    def claim(self, holds: bool, text: str) -> None:
        """Say it, with a tick, if it holds; end the tour if it does not. Raises ClaimFailed."""
        if not holds:
            raise ClaimFailed(f"the tour claims: {text}. It is not so")
        self.console.print(Text("  ✓ ", style="bold green") + Text(text))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `redactor ...` in the demo's directory and show the command and what it prints, both streams."""
        self.console.print(Text("  $ redactor " + shlex.join(arguments), style="bold"))
        environment = dict(os.environ, COLUMNS=str(self.console.width))
        if self.console.is_terminal and not self.console.no_color:
            environment["FORCE_COLOR"] = "1"
        done = self._command(arguments, environment, subprocess.STDOUT)
        self.console.print(Text.from_ansi(done.stdout.rstrip("\n")))
        return done

    def output(self, *arguments: str) -> str:
        """What `redactor ...` prints on stdout, shown to nobody. Raises ClaimFailed if it fails."""
        done = self._command(arguments, dict(os.environ), subprocess.PIPE)
        if done.returncode:
            raise ClaimFailed(f"redactor {shlex.join(arguments)} failed: {done.stderr}")
        return done.stdout

    def _command(
        self, arguments: Sequence[str], environment: dict[str, str], errors: int
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "redactor", *arguments],
            cwd=self.directory,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            timeout=180,
        )


def _drawn(answer: Answer) -> Table | Text:
    if answer.error is not None:
        return refusal(answer.error)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in answer.columns:
        table.add_column(name, overflow="fold")
    for row in answer.rows[:SHOWN]:
        table.add_row(*(Text("NULL", style="dim") if v is None else Text(str(v)) for v in row))
    if len(answer.rows) > SHOWN:
        table.add_row(Text(f"... {len(answer.rows):,} rows", style="dim"))
    if not answer.rows:
        table.add_row(Text("(no rows)", style="dim"))
    return table


def refusal(error: asyncpg.PostgresError) -> Text:
    """An error as psql shows it."""
    text = Text(f"ERROR:  {error.sqlstate}: {error.message}", style="red")
    for label, value in (("DETAIL", error.detail), ("HINT", error.hint)):
        if value:
            text.append(f"\n{label}:  {value}", style="yellow" if label == "HINT" else "")
    return text
