"""The command line's frame: how failures look, and that a command pays only for its own imports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from redactor import __version__, cli


def redactor(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "redactor", *arguments], capture_output=True, text=True, timeout=60, cwd=cwd
    )


def test_version() -> None:
    how = f"{cli.compiled()} modules compiled" if cli.compiled() else "plain Python"
    assert redactor("--version").stdout == f"redactor {__version__} ({how})\n"


def test_an_unknown_command_is_an_error() -> None:
    done = redactor("swerve")
    assert done.returncode == 2
    assert "swerve" in done.stderr


HELP = """
import os, sys
from redactor import cli
for command in cli.available():
    if os.fork() == 0:  # each with nothing but its own imports, and without the time that a new process takes
        os.dup2(os.open(command, os.O_CREAT | os.O_WRONLY), 1)
        sys.argv = ["redactor", command, "--help"]
        cli.main()
    os.wait()
"""


def test_every_command_has_help(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = {file.name: len(file.read_text().splitlines()) for file in tmp_path.iterdir()}
    assert lines.keys() == set(cli.available())
    assert [name for name, n in lines.items() if n < 5] == []


def test_a_command_does_not_import_the_others() -> None:
    code = """
import sys
from redactor import cli
cli.build("demo")
print([m for m in ("sqlalchemy", "sqlglot", "fastapi", "asyncpg") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_faults_of_a_file_are_printed_one_a_line(tmp_path: Path) -> None:
    (tmp_path / "redactor.yaml").write_text("listen: nowhere\ndatabases: {}\npolicee: x\n")
    done = redactor("explain", "-c", "redactor.yaml", "--user", "clerk", "city", "SELECT 1", cwd=tmp_path)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines
    assert all(line.startswith("redactor.yaml:") for line in lines)
    assert "Traceback" not in done.stderr


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    done = redactor("explain", "-c", "elsewhere.yaml", "--user", "clerk", "city", "SELECT 1", cwd=tmp_path)
    assert done.returncode == 1
    assert "elsewhere.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_operators_log_is_json_when_nobody_watches() -> None:
    code = "from redactor.cli import oplog; oplog.configure(); oplog.logger().info('listening', port=6432)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    event = json.loads(done.stderr)
    assert (event["event"], event["port"], event["level"]) == ("listening", 6432, "info")
    assert done.stdout == ""


def test_the_overview_says_what_the_commands_say() -> None:
    import typer

    whole, short = (typer.main.get_command(app) for app in (cli.build(), cli.overview()))
    assert isinstance(whole, typer.core.TyperGroup)
    assert isinstance(short, typer.core.TyperGroup)
    said = {name: (c.help or "").split("\n\n")[0].replace("\n", " ") for name, c in whole.commands.items()}
    assert said == {name: c.help for name, c in short.commands.items()}


def test_the_overview_imports_no_command() -> None:
    code = """
import sys
from redactor import cli
sys.argv[1:] = ["--help"]
try:
    cli.main()
except SystemExit:
    print([m for m in sys.modules if m.startswith(("redactor.", "sql")) and not m.startswith("redactor.cli")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['redactor.errors']"
