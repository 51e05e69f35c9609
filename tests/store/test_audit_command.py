"""`redactor audit` as a person and as a program use it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from redactor.cli.audit import app
from redactor.errors import ConfigurationError, LogUnavailable, RedactorError
from redactor.model import Requester
from tests.audit.samples import sample
from tests.store.opened import append, opened, url


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of 60 entries, and the directory as the current one."""

    async def make() -> None:
        async with opened(tmp_path, origin="city.example/log") as log:
            await append(log, range(60))

    asyncio.run(make())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def ask(*arguments: str, store: bool = True) -> Result:
    return CliRunner().invoke(app, [*arguments, *(["--store", "sqlite:///redactor.db"] if store else [])])


def failure(*arguments: str, store: bool = True) -> RedactorError:
    error = ask(*arguments, store=store).exception
    assert isinstance(error, RedactorError)
    return error


def test_list_shows_people_the_newest(here: Path) -> None:
    shown = ask("list")
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert "WHERE alien_number = $1" in lines[-2]
    assert lines[-2].split()[0] == "59"
    assert lines[1].split()[0] == "10"
    assert "The newest 50" in lines[-1]
    assert "A0000" not in shown.stdout
    few = ask("list", "-n", "2", "--login", "clerk", "--verdict", "refused", "--rule", "status-need-to-know")
    assert [line.split()[0] for line in few.stdout.splitlines()[1:3]] == ["58", "59"]


def test_list_gives_programs_all(here: Path) -> None:
    entries = [json.loads(line) for line in ask("list", "--json").stdout.splitlines()]
    assert [e["sequence"] for e in entries] == list(range(60))
    few = [json.loads(line) for line in ask("list", "--json", "-n", "2").stdout.splitlines()]
    assert [e["sequence"] for e in few] == [58, 59]
    assert ask("list", "--json", "--column", "residents.alien_number").stdout.count("\n") == 60
    assert ask("list", "--json", "--since", "2026-05-28T20:27:30").stdout.count("\n") == 10
    assert ask("list", "--json", "--until", "2020-01-01").stdout == ""
    assert ask("list", "--since", "1m", "--until", "2020-01-01").stdout == "No entries are meant by that.\n"


def test_show_by_number_and_by_decision(here: Path) -> None:
    for which in ("17", "0123abcd-17"):
        shown = ask("show", which)
        assert shown.exit_code == 0
        assert "in the log as signed (60 entries)" in shown.stdout
        assert "status-need-to-know: Gov. Code 7284.6" in shown.stdout
        assert "A000000017" not in shown.stdout
    opened_too = ask("show", "17", "--key", "keys/auditor.key")
    assert "alien_number = 'A000000017'" in opened_too.stdout
    value = json.loads(ask("show", "17", "--key", "keys/auditor.key", "--json").stdout)
    assert value["entry"]["sequence"] == 17
    assert value["opened"]["application"] == "psql"


def test_show_says_what_is_wrong(here: Path) -> None:
    assert "no entry '99'" in str(failure("show", "99"))
    assert "PEM" in str(failure("show", "1", "--key", "log.pub"))
    database = sqlite3.connect("redactor.db")
    database.execute("UPDATE entries SET leaf = replace(leaf, 'clerk', 'mayor') WHERE sequence = 17")
    database.commit()
    database.close()
    assert "NOT as it was signed" in ask("show", "17").stdout


async def test_a_terminal_obeys_nothing_that_an_entry_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    monkeypatch.chdir(tmp_path)
    async with opened(tmp_path) as log:
        await log.append(
            replace(sample(0), requester=Requester("[red]\x1b[2Jx", "city"), shape="SELECT 1 AS \x1b]0;t\x07 [bold]")
        )
    for command in (["list"], ["show", "0", "--key", "keys/auditor.key"]):
        shown = ask(*command)
        assert shown.exit_code == 0
        assert "\x1b" not in shown.stdout
        assert "[red]" in shown.stdout


def test_verify_the_store(here: Path) -> None:
    good = ask("verify")
    assert good.exit_code == 0
    assert "60 of 60 entries verified" in good.stdout
    assert "the key found beside the log" in good.stdout
    assert "note" not in ask("verify", "--public-key", (here / "log.pub").read_text().strip()).stdout
    database = sqlite3.connect("redactor.db")
    database.execute("UPDATE entries SET leaf = replace(leaf, 'clerk', 'mayor') WHERE sequence IN (17, 21)")
    database.commit()
    database.close()
    bad = ask("verify")
    assert bad.exit_code == 1
    assert "The first that is wrong is entry 17" in bad.stdout
    value = json.loads(ask("verify", "--json").stdout)
    assert (value["ok"], value["verified"]) == (False, 58)
    assert [w["sequence"] for w in value["wrong"]] == [17, 21]


def test_verify_an_export_needs_the_file_and_the_key_only(here: Path, tmp_path: Path) -> None:
    done = ask("export", "--output", "log.jsonl")
    assert done.exit_code == 0
    assert "60 entries exported" in done.stderr
    away = here / "away"
    away.mkdir()
    (away / "log.jsonl").write_bytes((here / "log.jsonl").read_bytes())
    (away / "log.pub").write_bytes((here / "log.pub").read_bytes())
    arguments = ["verify", "--file", str(away / "log.jsonl"), "--public-key", str(away / "log.pub")]
    for name in ("redactor.db", "log.jsonl", "log.pub", "checkpoints.txt"):
        (here / name).unlink()
    assert ask(*arguments, store=False).exit_code == 0
    lines = (away / "log.jsonl").read_bytes().splitlines(keepends=True)
    lines[31] = lines[31].replace(b'"clerk"', b'"clerj"')
    (away / "log.jsonl").write_bytes(b"".join(lines))
    bad = ask(*arguments, store=False)
    assert bad.exit_code == 1
    assert "entry 30 (line 32)" in bad.stdout


def test_a_selection_is_exported_and_verified_as_one(here: Path) -> None:
    assert "verify it with --partial" in ask("export", "-o", "some.jsonl", "--since", "2026-05-28T20:27:30").stderr
    arguments = ["verify", "--file", "some.jsonl", "--public-key", "log.pub"]
    assert ask(*arguments, store=False).exit_code == 1
    partial = ask(*arguments, "--partial", store=False)
    assert partial.exit_code == 0
    assert "50 of 60 entries are left out" in partial.stdout


def test_checkpoints_kept_from_before_are_compared(here: Path) -> None:
    (here / "kept.txt").write_bytes((here / "checkpoints.txt").read_bytes())
    assert ask("verify", "--checkpoint", "kept.txt").exit_code == 0
    database = sqlite3.connect("redactor.db")
    for statement in (
        "DELETE FROM entries WHERE sequence >= 30",
        "DELETE FROM checkpoints",
    ):
        database.execute(statement)
    database.commit()
    database.close()
    (here / "checkpoints.txt").unlink()
    bad = ask("verify", "--checkpoint", "kept.txt")
    assert bad.exit_code == 1
    assert "entries 30-59 of 60 not there" in bad.stdout


def test_errors_say_what_would_be_right(here: Path) -> None:
    said = {
        ("list", "--since", "yesterday"): "2026-03-01",
        ("list", "--verdict", "denied"): "refused, redacted, allowed",
        ("verify", "--public-key", "absent.pub"): "absent.pub",
        ("verify", "--checkpoint", "absent.txt"): "absent.txt",
        ("export", "-o", "absent/log.jsonl"): "cannot be written",
    }
    for arguments, expected in said.items():
        error = failure(*arguments)
        assert isinstance(error, ConfigurationError)
        assert expected in str(error), arguments
    assert "log.pub" in str(failure("verify", "--file", "log.jsonl", store=False))
    assert "cannot be read" in str(failure("verify", "--file", "absent", "--public-key", "log.pub", store=False))
    (here / "bad.pub").write_text("no key")
    assert "cannot verify" in str(failure("verify", "--public-key", "bad.pub"))
    (here / "redactor.db").write_bytes(b"no database" * 500)
    assert isinstance(failure("list"), LogUnavailable)


def test_the_configuration_says_where_the_log_is(here: Path) -> None:
    (here / "redactor.yaml").write_text(
        "listen: 127.0.0.1:6432\n"
        "databases: {city: {upstream: postgresql://redactor@127.0.0.1/city}}\n"
        "policy: policy.yaml\n"
        "store: sqlite:///redactor.db\n"
    )
    assert ask("list", "-n", "1", store=False).exit_code == 0
    assert ask("verify", store=False).exit_code == 0
    assert url(here)
