"""`redactor serve` with a console: its own process, found refusals, what its death and a steward's decision do."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from redactor.cli.console import app
from redactor.cli.hosting import host
from redactor.errors import RedactorError
from tests.cli.test_serve import CATALOG, STATUS, Installation, counter, until
from tests.console.place import csrf
from tests.servers import free_port

__all__ = ["counter"]

PASSWORD = "correct horse battery"


def command(directory: Path, *words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, [*words, "-c", str(directory / "redactor.yaml")], input=stdin)


def add(directory: Path, name: str, *options: str, password: str = PASSWORD) -> Result:
    return command(directory, "user", "add", name, "--password-stdin", *options, stdin=f"{password}\n")


def alive(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/alive", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextmanager
def logged_in(port: int, name: str) -> Iterator[httpx.Client]:
    here = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=here, headers={"origin": here}, timeout=20) as client:
        answer = client.post("/login", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        yield client


def console_of(process: subprocess.Popen[str]) -> int:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 1
    return int(children[0])


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_the_console_beside_the_proxy(counter: Installation) -> None:
    port = free_port()
    (counter.directory / "catalog.yaml").write_text(
        CATALOG.replace("name: {}", "name: {proposed: {tags: [status.name], confidence: 0.5, evidence: a guess}}")
    )
    counter.configure(console=f"127.0.0.1:{port}")
    for role in ("auditor", "steward"):
        assert add(counter.directory, role, "--role", role, "--no-totp").exit_code == 0
    process = counter.serve()
    until(lambda: alive(port), counter.log)

    with counter.connect("ordinary") as ordinary:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ordinary.execute("SELECT id FROM people WHERE status = 'visa'")
        with logged_in(port, "auditor") as auditor:
            until(lambda: "people" in auditor.get("/").text, counter.log)
            until(lambda: "Proved" in auditor.get("/decisions/0").text, counter.log, 30)
            page = auditor.get("/decisions/0").text
        assert "need-to-know" in page
        assert "What would have passed" in page  # the console reads the catalog by itself
        assert "visa" not in page

        # a console that is gone does not matter to the proxy, and comes back
        os.kill(console_of(process), signal.SIGKILL)
        until(lambda: not alive(port), counter.log)
        assert ordinary.execute("SELECT 1").fetchone() == (1,)

    assert process.poll() is None
    until(lambda: alive(port), counter.log, 30)
    with logged_in(port, "auditor") as auditor:
        assert auditor.get("/").status_code == 200

    # a steward's decision is in force without anybody's help
    with counter.connect("ordinary") as ordinary:
        assert ordinary.execute("SELECT name FROM people WHERE id = 1").fetchone() == (None,)
        with logged_in(port, "steward") as steward:
            waits = steward.get("/catalog").text
            assert "a guess" in waits
            form = {"csrf": csrf(waits), "database": "counter", "relation": "public.people", "column": "name"}
            assert steward.post("/catalog", data=form | {"answer": "reject"}).status_code == 303
        until(lambda: "reloaded" in counter.events(), counter.log)
        assert ordinary.execute(STATUS).fetchone() == ("Ana", None)

    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    until(lambda: not alive(port), counter.log)


@pytest.mark.slow
def test_a_console_without_its_proxy_ends(counter: Installation) -> None:
    port = free_port()
    counter.configure(console=f"127.0.0.1:{port}")
    process = counter.serve()
    until(lambda: alive(port), counter.log)
    process.kill()
    process.wait()
    until(lambda: not alive(port), counter.log)


def test_people(tmp_path: Path) -> None:
    (tmp_path / "redactor.yaml").write_text(
        "databases: {a: {upstream: 'postgresql://a@b/c'}}\npolicy: p.yaml\nstore: sqlite:///redactor.db\n"
    )
    added = add(tmp_path, "ann", "--role", "auditor")
    assert added.exit_code == 0, added.output
    assert "otpauth://totp/" in added.output
    assert PASSWORD not in added.output
    assert "already" in str(add(tmp_path, "ann", "--role", "auditor").exception)
    assert "there is no role" in str(add(tmp_path, "bob", "--role", "king").exception)
    assert "too short" in str(add(tmp_path, "bob", "--role", "auditor", password="x").exception)
    assert "slash" in str(add(tmp_path, "city/bob", "--role", "auditor").exception)
    assert "no person" in str(command(tmp_path, "user", "disable", "bob").exception)
    assert command(tmp_path, "user", "disable", "ann").exit_code == 0
    listed = command(tmp_path, "user", "list").output
    assert "ann" in listed
    assert "disabled" in listed


def test_without_its_setting_there_is_no_console(tmp_path: Path) -> None:
    (tmp_path / "redactor.yaml").write_text(
        "databases: {a: {upstream: 'postgresql://a@b/c', catalog: catalog.yaml}}\npolicy: policy.yaml\n"
    )
    (tmp_path / "policy.yaml").write_text("name: none\n")
    (tmp_path / "catalog.yaml").write_text("database: a\n")
    with pytest.raises(RedactorError, match="configures no console"):
        asyncio.run(host(tmp_path / "redactor.yaml"))
