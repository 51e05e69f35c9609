"""The machine's checks, with real files."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from redactor import config
from redactor.store import Log
from redactor.wall import machine
from redactor.wall.findings import State
from tests.certificates import self_signed

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)


def settings(directory: Path, more: str = "") -> config.Config:
    text = f"""
listen: 127.0.0.1:6432
databases:
  city: {{upstream: 'postgresql://redactor:s3cret-word@127.0.0.1/city'}}
policy: policy.yaml
store: sqlite:///redactor.db
{more}"""
    file = directory / "redactor.yaml"
    file.write_text(text)
    return config.load(file, {})


def states(c: config.Config) -> dict[str, State]:
    worst: dict[str, State] = {}
    order = [State.OK, State.WARN, State.UNKNOWN, State.FAIL]
    for f in machine.judge(c, NOW):
        if f.check not in worst or order.index(f.state) > order.index(worst[f.check]):
            worst[f.check] = f.state
    return worst


def certificate(directory: Path, days: int) -> None:
    self_signed(directory / "tls.pem", "redactor", days=(-100, days), now=NOW)


def test_before_the_first_start(tmp_path: Path) -> None:
    found = states(settings(tmp_path))
    assert found["store"] is State.WARN
    assert found["auditor's key"] is State.OK


async def test_keys_and_store(tmp_path: Path) -> None:
    c = settings(tmp_path)
    c.file.chmod(0o600)
    log = await Log.open(c.store, c.log.directory)
    await log.close()
    found = states(c)
    assert found["auditor's key"] is State.FAIL  # it was made here, and nobody has taken it away
    assert found["log keys"] is State.OK
    assert found["store"] is State.OK
    assert "secrets" not in found
    (c.log.directory / "keys" / "auditor.key").unlink()
    (c.log.directory / "keys" / "log.key").chmod(0o644)
    found = states(c)
    assert found["auditor's key"] is State.OK
    assert found["log keys"] is State.FAIL
    (tmp_path / "redactor.db").write_text("no database")
    assert states(c)["store"] is State.FAIL


@pytest.mark.parametrize(("days", "state"), [(90, State.OK), (10, State.WARN), (-1, State.FAIL)])
def test_a_certificate_that_ends(tmp_path: Path, days: int, state: State) -> None:
    certificate(tmp_path, days)
    assert states(settings(tmp_path, "tls: {certificate: tls.pem, key: tls.key}"))["certificate"] is state


def test_a_key_that_others_can_read(tmp_path: Path) -> None:
    certificate(tmp_path, 90)
    (tmp_path / "tls.key").chmod(0o640)
    assert states(settings(tmp_path, "tls: {certificate: tls.pem, key: tls.key}"))["certificate"] is State.FAIL


def test_a_password_in_a_file_that_others_can_read(tmp_path: Path) -> None:
    c = settings(tmp_path)
    c.file.chmod(0o644)
    found = [f for f in machine.judge(c, NOW) if f.check == "secrets"]
    assert [f.state for f in found] == [State.FAIL]
    assert "s3cret-word" not in str(found)


def test_listening_for_all_without_tls(tmp_path: Path) -> None:
    c = settings(tmp_path)
    assert "TLS with clients" not in states(c)
    (tmp_path / "redactor.yaml").write_text(
        (tmp_path / "redactor.yaml").read_text().replace("127.0.0.1:6432", "0.0.0.0:6432")
    )
    assert states(config.load(tmp_path / "redactor.yaml", {}))["TLS with clients"] is State.WARN
