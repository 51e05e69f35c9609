"""The demo from start to end: server, city, redactor in front, tour, then up until Ctrl-C.

Knows the order and how to clean up. Invariant: whatever happens, no process that it started outlives it, and the
directory that it made is gone.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from threading import Event

from rich.console import Console

from redactor.demo import city, tour
from redactor.demo.cluster import Cluster, die_with_parent, free_port, running
from redactor.demo.stage import ClaimFailed, Stage
from redactor.errors import RedactorError

PAUSE = 4.0
"""Seconds that the tour rests after what it has shown."""

PORT = 6432
CONSOLE_PORT = 8080

CONFIGURATION = """\
# Written by `redactor demo`.
listen: 127.0.0.1:{port}
databases:
  {database}:
    upstream: {upstream}
    catalog: schemas/city.yaml
policy: policies/rio_alto.yaml
store: sqlite:///var/redactor.db
"""


class DemoFailed(RedactorError):
    """Something that the demo needs did not start."""


def run(console: Console, *, once: bool, directory: Path | None = None) -> int:
    """Give the demo; the exit code. `once`: no pauses, and end after the tour. `directory`: keep the files there.

    Raises RedactorError with what to do when a part of it cannot start.
    """
    with _place(directory) as place, _terminated_as_interrupt():
        console.print("Starting an embedded PostgreSQL 18 ...")
        (place / "postgresql").mkdir()
        with running(place / "postgresql") as cluster:
            console.print("Making the sample city Rio Alto ...")
            began = time.monotonic()
            rows = asyncio.run(city.build(cluster))
            console.print(f"  {rows:,} made-up rows in {time.monotonic() - began:.1f} s")
            port, console_port = write_files(place, cluster)
            password = _let_in(place) if console_port is not None and not once else ""
            with serving(place, port):
                console.print(f"redactor is listening on 127.0.0.1:{port}")
                direct, proxied, pause = ("127.0.0.1", cluster.port), ("127.0.0.1", port), 0.0 if once else PAUSE
                asyncio.run(tour.give(Stage(console, place, direct, proxied, city.DATABASE, pause)))
                _farewell(console, cluster, place, port, console_port, password, once)
                if not once:
                    Event().wait()
    return 0


def write_files(place: Path, cluster: Cluster) -> tuple[int, int | None]:
    """The configuration, the reviewed catalog and the policy; redactor's port and the console's, if it has one."""
    shipped = files("redactor.demo").joinpath("files")
    for folder in ("schemas", "policies", "var"):
        (place / folder).mkdir(exist_ok=True)
    (place / "schemas" / "city.yaml").write_text(shipped.joinpath("city.yaml").read_text())
    (place / "policies" / "rio_alto.yaml").write_text(shipped.joinpath("policy.yaml").read_text())
    port = free_port(PORT)
    upstream = cluster.url("redactor", "redactor", city.DATABASE)
    text = CONFIGURATION.format(port=port, database=city.DATABASE, upstream=upstream)
    console_port = None
    if find_spec("redactor.console") is not None:
        console_port = free_port(CONSOLE_PORT)
        text += f"console: 127.0.0.1:{console_port}\n"
    (place / "redactor.yaml").write_text(text)
    return port, console_port


@contextmanager
def serving(place: Path, port: int, seconds: float = 30.0) -> Iterator[subprocess.Popen[bytes]]:
    """`redactor serve` on the files in `place`, ready for connections; ended with SIGTERM."""
    log = place / "serve.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "redactor", "serve", "-c", "redactor.yaml"],
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            preexec_fn=die_with_parent,
        )
    try:
        until = time.monotonic() + seconds
        while not _listening(port):
            if process.poll() is not None or time.monotonic() > until:
                raise DemoFailed(f"redactor did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.05)
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _listening(port: int) -> bool:
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _place(directory: Path | None) -> Iterator[Path]:
    if directory is not None:
        directory = directory.resolve()
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise DemoFailed(f"{directory} is not empty: name a new directory, or none for a temporary one")
        yield directory
        return
    place = Path(tempfile.mkdtemp(prefix="redactor-demo-"))
    place.chmod(0o755)  # PostgreSQL runs under another account when we are root, and has to get at its own part
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _terminated_as_interrupt() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does: with everything cleaned up."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _let_in(place: Path) -> str:
    """A person of each role who may log in to the console; gives the password that they share."""
    from redactor import config
    from redactor.console import credentials
    from redactor.store.accounts import Account, Accounts
    from redactor.store.database import Database

    password = secrets.token_urlsafe(12)
    hashed = credentials.hash_password(password)
    made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    database = Database(config.load(place / "redactor.yaml", os.environ).store, create=True)
    try:
        database.migrate()
        accounts = Accounts(database)
        for role in ("auditor", "steward", "operator", "counsel"):
            accounts.add(Account(role, frozenset({role}), hashed, "", made=made))
    finally:
        database.close()
    return password


def _farewell(
    console: Console, cluster: Cluster, place: Path, port: int, console_port: int | None, password: str, once: bool
) -> None:
    console.rule("[bold]That was the tour", align="left", style="cyan")
    if once:
        return
    psql = shutil.which("psql") or str(cluster.binaries / "psql")
    for login in ("clerk", "caseworker"):
        console.print(f"  {psql} postgresql://{login}:{login}@127.0.0.1:{port}/{city.DATABASE}", soft_wrap=True)
    console.print(f"  {psql} {cluster.url('clerk', 'clerk', city.DATABASE)}   (without redactor)", soft_wrap=True)
    if console_port is not None:
        console.print(f"  http://127.0.0.1:{console_port}/   (the console)")
        console.print(f"    log in as auditor, steward, operator or counsel; the password is {password}")
        console.print(f"    to open a sealed text, the auditor's key is {place / 'var' / 'keys' / 'auditor.key'}")
    console.print(f"Files, log and configuration are in {place}. Ctrl-C ends it all.", soft_wrap=True)


__all__ = ["ClaimFailed", "DemoFailed", "run", "serving", "write_files"]
