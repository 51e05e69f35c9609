"""The command line's frame: which commands there are, and how a failure looks to a person.

Knows the commands by name and imports only the one that is asked for, so that `redactor explain` does not pay for the
console's imports. Must not hold any command's own logic. Invariant: every foreseen failure leaves as one clear message
on stderr and exit code 1; only a bug leaves as a traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer

from redactor import __version__
from redactor.errors import ConfigurationError, RedactorError, UpstreamError

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("redactor.cli.demo", "demo"),
    "init": ("redactor.cli.init", "init"),
    "serve": ("redactor.cli.serve", "serve"),
    "scan": ("redactor.cli.scan", "scan"),
    "review": ("redactor.cli.review", "review"),
    "check": ("redactor.cli.check", "check"),
    "explain": ("redactor.cli.explain", "explain"),
    "policy": ("redactor.cli.policy", "app"),
    "audit": ("redactor.cli.audit", "app"),
    "console": ("redactor.cli.console", "app"),
    "orders": ("redactor.cli.orders", "app"),
    "harden": ("redactor.cli.harden", "harden"),
    "doctor": ("redactor.cli.doctor", "doctor"),
}
"""Command -> (module, attribute): a function becomes a command, a typer app a group of commands."""

SUMMARIES = {
    "demo": "An embedded PostgreSQL, a sample city, redactor in front of it, and a tour in the terminal.",
    "init": "Write a first redactor.yaml, the shipped policies and the schemas for editors. Overwrites nothing.",
    "serve": "Run the proxy. SIGHUP reads policy and catalogs anew; SIGTERM and SIGINT end it.",
    "scan": "Propose tags for the columns of a database, with confidence and evidence; a person confirms them.",
    "review": "List what waits for a person in the catalog file, and decide on it.",
    "check": "Check configuration, policy and catalog files, and compare them with the databases where these answer.",
    "explain": "What would become of a statement of that login, and why. Nothing is run.",
    "policy": "Test a policy; show who can see what, and what a change would do.",
    "audit": "The log: what was refused and rewritten, and the proof that it is whole.",
    "console": "The console: its people, and its process.",
    "orders": "Disclosure orders: judicial warrants and subpoenas, checked, approved by two, opened for one login.",
    "harden": "Print the SQL that takes hidden columns away from ordinary requesters' own roles. Nothing is changed.",
    "doctor": "Check whether the database can be read without the proxy, and whether its own grants hide what is hidden.",  # noqa: E501
}
"""What each command says of itself, so that the list of all of them needs none of their modules."""


def available() -> list[str]:
    """The commands whose module is part of this installation, in the order in which help lists them."""
    return [name for name, (module, _) in COMMANDS.items() if find_spec(module) is not None]


def build(only: str | None = None) -> typer.Typer:
    """The typer app with all commands, or with just the one named."""
    app = _frame()
    for name in available():
        if only is None or name == only:
            module, attribute = COMMANDS[name]
            _register(app, name, getattr(import_module(module), attribute))
    return app


def _frame() -> typer.Typer:
    app = typer.Typer(
        name="redactor",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="A PostgreSQL proxy that keeps citizenship and immigration status out of unapproved hands.",
    )
    app.callback()(_top)
    return app


def overview() -> typer.Typer:
    """The app with every command's name and summary, and nothing behind them: for `redactor --help`."""
    app = _frame()
    for name in available():
        app.command(name, help=SUMMARIES[name])(_nothing)
    return app


def _nothing() -> None:
    raise AssertionError("the overview has nothing to run")


def _register(app: typer.Typer, name: str, what: typer.Typer | Callable[..., Any]) -> None:
    if isinstance(what, typer.Typer):
        app.add_typer(what, name=name)
    else:
        app.command(name)(what)


def compiled() -> int:
    """How many modules of this installation are compiled; all others, and those too where there are none, are Python.

    An extension for another version of Python is none.
    """
    endings = tuple(s for s in EXTENSION_SUFFIXES if "-" in s)
    return sum(p.name.endswith(endings) for p in Path(__file__).parents[1].rglob("*.*"))


def built() -> str:
    """What this installation is: `39 modules compiled` or `plain Python`."""
    return f"{count} modules compiled" if (count := compiled()) else "plain Python"


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"redactor {__version__} ({built()})")
        raise typer.Exit


def _top(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def main() -> None:
    """The `redactor` command."""
    first = sys.argv[1] if len(sys.argv) > 1 else ""
    known = available()
    try:
        if first in known:
            app = build(first)
        else:
            # an option of redactor's own, or a command that is none; a command behind an option is run all the same
            app = build() if not set(known).isdisjoint(sys.argv[1:]) else overview()
        app(prog_name="redactor")
    except ConfigurationError as e:
        for fault in e.faults:
            print(fault, file=sys.stderr)
        sys.exit(1)
    except RedactorError as e:
        # Who types commands is the operator, who may know what the database has said.
        why = f" ({e.private})" if isinstance(e, UpstreamError) and e.private else ""
        print(f"redactor: {e.public}{why}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output has left (`redactor audit list | head`); Python would complain again while closing.
        sys.stderr.close()
        sys.exit(141)
    except OSError as e:
        # A full disk, a file that may not be read: nothing that a traceback would explain.
        print(f"redactor: {e.filename or 'writing'}: {e.strerror or e}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
