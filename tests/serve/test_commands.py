"""Every command that reads redactor.yaml, given files that it cannot use: exit code 1, the file named, no traceback."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from redactor.cli import available, main, oplog
from tests.servers import Server

COMMANDS = {
    "serve": "serve",
    "check": "check",
    "check offline": "check --offline",
    "scan": "scan city",
    "scan export": "scan city --export openmetadata",
    "scan proxies": "scan city --proxies",
    "explain": "explain --user x city SELECT",
    "harden": "harden city",
    "doctor": "doctor",
    "policy test": "policy test",
    "policy matrix": "policy matrix",
    "policy simulate": "policy simulate new.yaml",
    "review": "review city",
    "audit list": "audit list",
    "audit show": "audit show 1",
    "audit verify": "audit verify --public-key log.pub",
    "audit export": "audit export",
    "audit prove": "audit prove 1",
    "audit retire": "audit retire --before 3y --because schedule --yes",
    "audit rotate": "audit rotate",
    "console serve": "console serve",
    "console user list": "console user list",
    "orders list": "orders list",
    "orders show": "orders show 1",
    "orders answer": "orders answer 1 signature yes --as a@example.gov",
    "orders approve": "orders approve 1 --as a@example.gov --role counsel",
    "orders refuse": "orders refuse 1 --as a@example.gov --because wrong",
    "orders revoke": "orders revoke 1 --as a@example.gov --because wrong",
    "orders review": "orders review 1 --as a@example.gov --because wrong",
    "orders close": "orders close 1 --as a@example.gov",
    "orders report": "orders report 1",
    "orders ledger": "orders ledger 2026",
}
"""What reads a configuration, as people type it."""

NOT_OURS = {"demo", "init"}
"""They read no configuration."""

WHOLE = "databases: {city: {upstream: 'postgresql://x@127.0.0.1:1/d'}}\npolicy: p.yaml\n"
BROKEN: dict[str, bytes | None] = {
    "not there": None,
    "not text": b"\x00\xff\xfe\x80" * 10,
    "not YAML": b"databases: [\n",
    "empty": b"",
    "a list": b"- 1\n",
    "within itself": b"a: &a [*a]\n",
    "misspelt": WHOLE.encode() + b"listn: 127.0.0.1:6432\n",
}


def run(command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """What it says on stderr, having failed as it should."""
    monkeypatch.setattr(oplog, "configure", lambda: None)  # it would stay configured, for this test's stderr
    monkeypatch.setattr(sys, "argv", ["redactor", *command.split(), "-c", "redactor.yaml"])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert ended.value.code == 1, said
    assert "Traceback" not in said.err
    return said.err


def test_no_command_is_left_out() -> None:
    """Nor a group of them."""
    assert {c.split()[0] for c in COMMANDS.values()} | NOT_OURS == set(available())


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_configuration_that_cannot_be_used(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for what, data in BROKEN.items():
        Path("redactor.yaml").unlink(missing_ok=True)
        if data is not None:
            Path("redactor.yaml").write_bytes(data)
        assert "redactor.yaml" in run(command, capsys, monkeypatch), what


@pytest.mark.parametrize("command", [c for c in COMMANDS.values() if not c.startswith(("orders", "console user"))])
def test_what_it_names_is_not_there(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("redactor.yaml").write_text(WHOLE)
    said = run(command, capsys, monkeypatch)
    assert any(name in said for name in ("p.yaml", "schemas/city.yaml", "var/redactor.db", "127.0.0.1:1/d"))


@pytest.mark.parametrize("command", ["serve", "scan city", "explain --user x city SELECT", "harden city"])
def test_what_the_database_has_said_is_quoted(
    command: str,
    postgres18: Server,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    databases = f"{{city: {{upstream: '{postgres18.dsn('not_there')}', catalog: c.yaml}}}}"
    Path("redactor.yaml").write_text(f"databases: {databases}\npolicy: p.yaml\n")
    Path("c.yaml").write_text("database: city\nrelations: {}\n")
    Path("p.yaml").write_text("name: p\nroles: {}\nrules: []\n")
    said = run(command, capsys, monkeypatch)
    assert 'database "not_there" does not exist' in said
