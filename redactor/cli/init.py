"""`redactor init`: the files that an installation begins with, in a directory.

Knows what ships: the policies with their tests, the JSON Schemas for editors. Must not connect to anything. Invariant:
a file that is there is left as it is.
"""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from redactor import config
from redactor.errors import ConfigurationError, Fault

CONFIGURATION = """\
# yaml-language-server: $schema=schemas/config.schema.json
# Every key is explained in docs/configuration.md; `redactor check` says what is wrong with this file.
listen: 127.0.0.1:6432                 # where PostgreSQL clients connect
databases:
  {database}:                          # the name that they connect to
    # redactor's own login; a password is best left out of the file: postgresql://redactor:${{REDACTOR_PASSWORD}}@...
    upstream: {upstream}
    catalog: schemas/{database}.yaml   # what is protected; `redactor scan {database}` proposes it
policy: policies/sacramento.yaml
store: sqlite:///var/redactor.db       # the log
# metrics: 127.0.0.1:9187              # figures for monitoring
# log: {{auditor_key: auditor.pub}}    # the auditor's own key; else one is made, and has to be moved away
"""
NEXT = """\
Next, in {directory}:
  1. redactor scan {database}     proposes what to protect, into schemas/{database}.yaml
  2. redactor review {database}   lists that with the evidence, and takes your answers; until then it is all hidden
  3. redactor check         says what is wrong, and what nobody has reviewed yet
  4. redactor serve         then point clients at the port in redactor.yaml"""


def init(
    directory: Annotated[Path, typer.Argument(help="Made where it is not there.")] = Path(),
    database: Annotated[str, typer.Option("--database", "-d", help="The name that clients connect to.")] = "city",
    upstream: Annotated[
        str | None,
        typer.Option("--upstream", help="redactor's own login: postgresql://redactor@host:5432/database"),
    ] = None,
) -> None:
    """Write a first redactor.yaml, the shipped policies and the schemas for editors. Overwrites nothing."""
    url = upstream or f"postgresql://redactor@127.0.0.1:5432/{database}"
    text = CONFIGURATION.format(database=database, upstream=url)
    # A name or a URL that cannot be is said now. Its variables are for the machine that serves.
    config.interpret(re.sub(r"\$\{\w+\}", "x", text), directory / "redactor.yaml", {})
    wanted = {"redactor.yaml": text.encode()}
    for folder in ("policies", "schemas"):
        wanted |= {f"{folder}/{f.name}": f.read_bytes() for f in shipped(folder)}
    try:
        for name, data in wanted.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with path.open("xb") as file:
                    file.write(data)
            except FileExistsError:
                typer.echo(f"left as it is: {path}")
            else:
                typer.echo(f"written: {path}")
    except OSError as e:
        what = f"cannot be written: {e.strerror}"
        raise ConfigurationError([Fault(str(e.filename or directory), 0, 0, what, "name another directory")]) from None
    typer.echo(NEXT.format(directory=directory.resolve(), database=database))


def shipped(folder: str) -> list[Traversable]:
    """The files of `policies` or `schemas`: inside the package as installed, beside it in a checkout."""
    installed = files("redactor") / "shipped" / folder
    found: Traversable = installed if installed.is_dir() else Path(__file__).parents[2] / folder
    wanted = (".schema.json",) if folder == "schemas" else (".yaml",)
    return sorted((f for f in found.iterdir() if f.name.endswith(wanted)), key=lambda f: f.name)
