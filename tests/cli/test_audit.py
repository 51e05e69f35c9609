"""`redactor audit`: retire, rotate, prove, witness, export for others."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from redactor.audit import verifier
from redactor.cli.audit import app
from redactor.errors import RedactorError
from redactor.store import Log
from tests.audit.samples import sample
from tests.store.opened import append, opened, url

STORE = ("--store", "sqlite:///redactor.db")
YEARS = (2021, 2022, 2024, 2025)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of 12 entries of four years, and the directory as the current one."""

    async def make() -> None:
        log = await Log.open(url(tmp_path), origin="city.example/log")
        for i in range(12):
            at = datetime(YEARS[i // 3], 1 + i, 10, tzinfo=UTC).timestamp()
            await log.append(dataclasses.replace(sample(i), at=at))
        await log.close()

    asyncio.run(make())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def ask(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def done(*arguments: str) -> str:
    result = ask(*arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def refused(*arguments: str) -> str:
    result = ask(*arguments)
    assert isinstance(result.exception, RedactorError), (result.output, result.exception)
    return str(result.exception)


def grow(here: Path) -> None:
    async def more() -> None:
        async with opened(here) as log:
            await append(log, range(100, 105))

    asyncio.run(more())


def alone(here: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The verifier's file, in a Python that has nothing else."""
    (here / "v.py").write_text(Path(verifier.__file__).read_text())
    command = [sys.executable, "-I", "-S", "v.py", *arguments]
    return subprocess.run(command, cwd=here, capture_output=True, text=True, check=False, timeout=60)


def test_old_texts_are_retired_and_the_log_still_verifies(here: Path) -> None:
    said = done("retire", "--before", "2023-06-01", "--because", "schedule 7, three years", "--yes", *STORE)
    assert said == "6 texts of entries 0 to 5 are gone, and the keys of the months before 2023-06.\n"
    assert len(list((here / "keys/months").iterdir())) == 6
    done("verify", *STORE)
    key = ("--key", "keys/auditor.key")
    assert "the sealed text is gone" in done("show", "3", *key, *STORE)
    assert "A000000008" in done("show", "8", *key, *STORE)
    done("export", "-o", "log.jsonl", *STORE)
    good = alone(here, "log.jsonl", "--public-key", "log.pub")
    assert good.returncode == 0, good.stdout
    assert "entry 12 retired the texts of entries 0-5" in good.stdout
    assert "Nothing is older" in done("retire", "--before", "10y", "--because", "x", *STORE)
    assert "no reason" in refused("retire", "--before", "3y", "--because", " ", *STORE)
    assert ask("retire", "--before", "2024-12-01", "--because", "x", *STORE).exit_code == 1, "nobody has said yes"


def test_a_months_key_that_is_elsewhere_is_said_so(here: Path) -> None:
    for file in (here / "keys/months").iterdir():
        file.unlink()
    assert "is not in keys/months" in done("show", "3", "--key", "keys/auditor.key", *STORE).replace("\n", " ")


def test_the_key_is_changed_and_everybody_follows(here: Path) -> None:
    first = (here / "log.pub").read_text()
    (here / "given-on-the-first-day.pub").write_text(first)
    new = done("rotate", *STORE).strip()
    assert new not in first
    grow(here)
    assert "introduced a new key" in done("verify", "--public-key", "given-on-the-first-day.pub", *STORE)
    done("export", "-o", "log.jsonl", *STORE)
    for key in ("given-on-the-first-day.pub", "log.pub"):
        assert alone(here, "log.jsonl", "--public-key", key).returncode == 0
        done("verify", "--file", "log.jsonl", "--public-key", key)
    assert alone(here, "log.jsonl", "--public-key", new).returncode == 1


def test_one_entry_is_proved_to_somebody_else(here: Path) -> None:
    for which in ("7", "0123abcd-7"):
        done("prove", which, "-o", "proof.jsonl", *STORE)
        assert (here / "proof.jsonl").read_bytes().count(b"\n") == 2
        shown = alone(here, "proof.jsonl", "--public-key", "log.pub", "--partial")
        assert shown.returncode == 0
        assert "1 of 12 entries verified" in shown.stdout
    assert "no entry" in refused("prove", "99", *STORE)
    assert "redactor audit prove 17" in refused("prove", *STORE)


def test_that_the_log_only_grew_is_proved(here: Path) -> None:
    (here / "kept.txt").write_text((here / "checkpoints.txt").read_text())
    grow(here)
    done("prove", "--from", "12", "-o", "grown.txt", *STORE)
    check = ("verify", "--consistency", "grown.txt", "--public-key", "log.pub", "--checkpoint", "kept.txt")
    assert "is proved to begin with the 12 entries seen before" in done(*check)
    text = (here / "grown.txt").read_text()
    lines = text.split("\n")
    lines[1] = lines[1][::-1].replace("=", "") + "="
    (here / "grown.txt").write_text("\n".join(lines))
    assert ask(*check).exit_code == 1
    (here / "kept.txt").write_text("")
    assert "which were they" in refused(*check)
    assert "no checkpoint of 13" in refused("prove", "--from", "12", "--to", "13", *STORE)


def test_a_witness_on_another_machine_by_files(here: Path) -> None:
    away = here / "away"
    witness = ("witness", "--log", "log.pub", "--name", "auditor.example/w", "--state", str(away))
    done("prove", "--from", "0", "-o", "request.txt", *STORE)
    (here / "lines.txt").write_text(done(*witness, "request.txt"))
    vkey = (away / "witness.pub").read_text().strip()
    assert "has not cosigned" in ask("verify", "--witness", vkey, *STORE).stdout
    assert "no signature of" in refused("cosign", "log.pub", "--size", "12", "--witness", vkey, *STORE)
    done("cosign", "lines.txt", "--size", "12", "--witness", vkey, *STORE)
    assert "has cosigned this checkpoint" in done("verify", "--witness", str(away / "witness.pub"), *STORE)
    done("export", "--cosigned", "-o", "log.jsonl", *STORE)
    done("verify", "--file", "log.jsonl", "--public-key", "log.pub", "--witness", vkey)
    assert alone(here, "log.jsonl", "--public-key", "log.pub").returncode == 0
    # What the witness keeps is a checkpoint like any other: the auditor asks the witness, not the operator.
    (seen,) = away.glob("*.txt")
    assert alone(here, "log.jsonl", "--public-key", "log.pub", "--checkpoint", str(seen)).returncode == 0
    grow(here)
    done("prove", "--from", "0", "-o", "request.txt", *STORE)
    assert "12" in refused(*witness, "request.txt"), "it wants the proof from what it has seen"
    done("prove", "--from", "12", "-o", "request.txt", *STORE)
    assert done(*witness, "request.txt").startswith("— auditor.example/w ")
    assert (away / "witness.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("form", ["csv", "ocsf", "cef", "syslog", "otlp"])
def test_exports_for_others(here: Path, form: str) -> None:
    done("rotate", *STORE)
    result = ask("export", "--format", form, "-o", "out", "--since", "2024-01-01", *STORE)
    assert result.exit_code == 0
    text = (here / "out").read_text()
    assert "A00000000" not in text
    assert "WHERE alien_number" in text
    if form in ("ocsf", "otlp"):
        assert [json.loads(line) for line in text.splitlines()]
    assert "there is no format 'xml'" in refused("export", "--format", "xml", *STORE)


def test_a_log_is_not_made_by_mistake(here: Path) -> None:
    for command in (["rotate"], ["retire", "--before", "3y", "--because", "x", "--yes"]):
        assert "no store" in refused(*command, "--store", "sqlite:///absent.db")
    assert not (here / "absent.db").exists()
