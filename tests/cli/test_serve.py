"""`redactor serve` as a process: what starts, what refuses to, signals, and what the operator's log never holds."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from tests.servers import Server, free_port

CATALOG = """\
database: counter
relations:
  public.people: {columns: {id: {}, name: {}, status: {tags: [status]}}}
"""

POLICY = """\
name: test
roles:
  benefits: {users: [approved]}
rules:
  - {id: need-to-know, tags: [status], approved: [benefits], otherwise: mask, because: a test}
"""

CANARY = "zyzzyva-canary"


@dataclass
class Installation:
    """A directory with files for `redactor serve`; `started` are the processes that were begun in it."""

    directory: Path
    server: Server
    port: int
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def configure(self, **changes: str) -> None:
        keys = {
            "listen": f"127.0.0.1:{self.port}",
            "databases": f'{{counter: {{upstream: "{self.server.dsn("counter")}", catalog: catalog.yaml}}}}',
            "policy": "policy.yaml",
            "store": "sqlite:///store/redactor.db",
        } | changes
        (self.directory / "redactor.yaml").write_text("".join(f"{k}: {v}\n" for k, v in keys.items()))

    def start(self, *options: str) -> subprocess.Popen[str]:
        with (self.directory / "operator.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "redactor", "serve", "-c", "redactor.yaml", *options],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                text=True,
            )
        self.started.append(process)
        return process

    def log(self) -> str:
        return (self.directory / "operator.log").read_text()

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.log().splitlines() if line.startswith("{")]

    def serve(self, *options: str) -> subprocess.Popen[str]:
        """Started, and ready for clients."""
        process = self.start(*options)
        until(lambda: process.poll() is not None or "listening" in self.events(), self.log)
        assert process.poll() is None, self.log()
        return process

    def connect(self, user: str = "postgres", **more: str) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, dbname="counter", user=user, autocommit=True, connect_timeout=10, **more
        )


def until(holds: Callable[[], bool], otherwise: Callable[[], str] = lambda: "", seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited {seconds} s in vain\n{otherwise()}"
        time.sleep(0.03)


@pytest.fixture
def counter(postgres18: Server, tmp_path: Path) -> Iterator[Installation]:
    with psycopg.connect(postgres18.dsn(), autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS counter WITH (FORCE)")
        admin.execute("CREATE DATABASE counter")
        for login in ("ordinary", "approved"):
            with contextlib.suppress(psycopg.errors.DuplicateObject):
                admin.execute(f"CREATE ROLE {login} LOGIN IN ROLE pg_read_all_data")
    with psycopg.connect(postgres18.dsn("counter"), autocommit=True) as admin:
        admin.execute("CREATE TABLE people (id int PRIMARY KEY, name text, status text)")
        admin.execute("INSERT INTO people VALUES (1, 'Ana', 'visa'), (2, 'Ben', 'citizen')")
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    (tmp_path / "policy.yaml").write_text(POLICY)
    found = Installation(tmp_path, postgres18, free_port())
    found.configure()
    yield found
    for process in found.started:
        if process.poll() is None:
            process.kill()
        process.wait()


STATUS = "SELECT name, status FROM people ORDER BY id"


def test_it_serves_and_ends_cleanly(counter: Installation) -> None:
    process = counter.serve()
    with counter.connect("ordinary") as ordinary, counter.connect("approved") as approved:
        assert ordinary.execute(STATUS).fetchall() == [("Ana", None), ("Ben", None)]
        assert approved.execute(STATUS).fetchall() == [("Ana", "visa"), ("Ben", "citizen")]
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        with pytest.raises(psycopg.OperationalError) as told:
            ordinary.execute("SELECT 1")
        assert told.value.sqlstate in ("57P01", None)
    assert counter.events()[-1] == "stopped"


def test_the_next_client_is_served_after_bad_ones(counter: Installation) -> None:
    counter.serve()
    for junk in (b"\x00" * 64, b"GET / HTTP/1.1\r\n\r\n", b"\x00\x00\x00\x03", b"\x7f\xff\xff\xff\x00\x03\x00\x00"):
        with socket.create_connection(("127.0.0.1", counter.port), timeout=10) as s:
            s.sendall(junk)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(host="127.0.0.1", port=counter.port, dbname="nowhere", user="postgres")
    with counter.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_operators_log_holds_no_statement(counter: Installation) -> None:
    counter.serve()
    with counter.connect("ordinary") as connection:
        for sql in (
            f"SELECT '{CANARY}' FROM people",
            f"SELECT name FROM people WHERE status = '{CANARY}'",
            f"SELEC '{CANARY}'",
            f"SELECT status, '{CANARY}' FROM people",
        ):
            with contextlib.suppress(psycopg.Error):
                connection.execute(sql)
    assert CANARY not in counter.log()


def test_ddl_through_the_proxy_is_known_at_once(counter: Installation) -> None:
    counter.serve()
    with counter.connect("postgres") as connection, contextlib.suppress(psycopg.errors.InsufficientPrivilege):
        connection.execute("CREATE VIEW statuses AS SELECT status FROM people")
        assert connection.execute("SELECT count(*) FROM people").fetchone() == (2,)


def test_sighup_brings_new_rules_into_force(counter: Installation) -> None:
    process = counter.serve()
    with counter.connect("ordinary") as connection:
        assert connection.execute(STATUS).fetchone() == ("Ana", None)
        (counter.directory / "policy.yaml").write_text(POLICY.replace("[approved]}", "[approved, ordinary]}"))
        process.send_signal(signal.SIGHUP)
        until(lambda: "reloaded" in counter.events(), counter.log)
        assert connection.execute(STATUS).fetchone() == ("Ana", "visa")


def test_sighup_with_a_broken_file_changes_nothing(counter: Installation) -> None:
    process = counter.serve()
    (counter.directory / "policy.yaml").write_text("name: [\n")
    process.send_signal(signal.SIGHUP)
    until(lambda: any("refused" in e for e in counter.events()), counter.log)
    with counter.connect("ordinary") as connection:
        assert connection.execute(STATUS).fetchone() == ("Ana", None)
    assert "policy.yaml:" in counter.log()


def ends_with(counter: Installation, *options: str) -> str:
    """The message with which it refuses to start."""
    process = counter.start(*options)
    assert process.wait(20) == 1, counter.log()
    assert "Traceback" not in counter.log()
    return counter.log()


def test_a_broken_file_is_named_with_its_line(counter: Installation) -> None:
    (counter.directory / "policy.yaml").write_text(POLICY.replace("otherwise: mask", "otherwise: musk"))
    assert "policy.yaml:5" in ends_with(counter)


def test_a_missing_configuration(counter: Installation) -> None:
    (counter.directory / "redactor.yaml").unlink()
    assert "redactor.yaml" in ends_with(counter)


def test_a_taken_port(counter: Installation) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", counter.port))
        taken.listen()
        said = ends_with(counter)
    assert f"127.0.0.1:{counter.port} is taken" in said


def test_a_store_that_cannot_be_written(counter: Installation) -> None:
    (counter.directory / "file").write_text("not a directory")
    counter.configure(store="sqlite:///file/redactor.db")
    assert "file" in ends_with(counter)


def test_without_its_database_it_does_not_start(counter: Installation) -> None:
    nowhere = free_port()
    counter.configure(databases=f'{{counter: {{upstream: "postgresql://x@127.0.0.1:{nowhere}/counter"}}}}')
    (counter.directory / "schemas").mkdir()
    (counter.directory / "schemas" / "counter.yaml").write_text(CATALOG)
    said = ends_with(counter)
    assert f"127.0.0.1:{nowhere}/counter cannot be reached" in said
    assert "--wait" in said


def test_with_wait_it_starts_when_the_database_does(counter: Installation) -> None:
    with psycopg.connect(counter.server.dsn(), autocommit=True) as admin:
        admin.execute("ALTER DATABASE counter RENAME TO counter_later")
        process = counter.start("--wait")
        until(lambda: "waiting for the database" in counter.events(), counter.log)
        assert process.poll() is None
        admin.execute("ALTER DATABASE counter_later RENAME TO counter")
    until(lambda: "listening" in counter.events(), counter.log)


def test_a_signal_ends_the_waiting(counter: Installation) -> None:
    counter.configure(databases='{counter: {upstream: "postgresql://x@127.0.0.1:1/counter", catalog: catalog.yaml}}')
    process = counter.start("--wait")
    until(lambda: "waiting for the database" in counter.events(), counter.log)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(10) == 0
