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


def available() -> list[str]:
    """The commands whose module is part of this installation, in the order in which help lists them."""
    return [name for name, (module, _) in COMMANDS.items() if find_spec(module) is not None]


def build(only: str | None = None) -> typer.Typer:
    """The typer app with all commands, or with just the one named."""
    app = typer.Typer(
        name="redactor",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="A PostgreSQL proxy that keeps citizenship and immigration status out of unapproved hands.",
    )
    app.callback()(_top)
    for name in available():
        if only is None or name == only:
            module, attribute = COMMANDS[name]
            _register(app, name, getattr(import_module(module), attribute))
    return app


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


def _version(wanted: bool) -> None:
    if wanted:
        count = compiled()
        typer.echo(f"redactor {__version__} ({f'{count} modules compiled' if count else 'plain Python'})")
        raise typer.Exit


def _top(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def main() -> None:
    """The `redactor` command."""
    first = sys.argv[1] if len(sys.argv) > 1 else None
    only = first if first in available() else None
    try:
        build(only)(prog_name="redactor")
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
