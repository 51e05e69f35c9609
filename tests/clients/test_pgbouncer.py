"""PgBouncer in front of redactor and behind it, in session and transaction mode, with prepared statements on."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests import servers
from tests.clients.place import Access, Place, end, listening, redactor

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@pytest.fixture(autouse=True)
def _version(version: Callable[[str], None]) -> None:
    if PROGRAM is None:
        pytest.skip("PgBouncer is not installed")
    said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    version("".join(re.findall(r"PgBouncer (\S+)", said)[:1]))


@contextmanager
def pgbouncer(directory: Path, upstream: int, mode: str) -> Iterator[int]:
    """A PgBouncer for `harbour` and `harbour_seen` in front of that port; gives its own."""
    directory.mkdir()
    directory.chmod(0o755)
    port = servers.free_port()
    (directory / "users").write_text("".join(f'"{u}" "{u}-pw"\n' for u in ("desk", "counsel", "steward", "redactor")))
    version = subprocess.run([PROGRAM or "", "--version"], capture_output=True, text=True, check=True).stdout
    prepares = tuple(map(int, re.findall(r"PgBouncer (\d+)\.(\d+)", version)[0])) >= (1, 21)
    ini = directory / "pgbouncer.ini"
    ini.write_text(
        "[databases]\n"
        + "".join(f"{name} = host=127.0.0.1 port={upstream}\n" for name in ("harbour", "harbour_seen"))
        + f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\n"
        + f"auth_file = {directory}/users\npool_mode = {mode}\ndefault_pool_size = 2\nlogfile = {directory}/log\n"
        + "server_reset_query = DISCARD ALL\nignore_startup_parameters = extra_float_digits\n"
        + ("max_prepared_statements = 50\n" if prepares else "")
    )
    account = {}
    if os.geteuid() == 0:  # it does not run as root
        nobody = pwd.getpwnam("nobody")
        os.chown(directory, nobody.pw_uid, nobody.pw_gid)
        account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        for above in directory.parents[:-1]:
            if above.stat().st_uid == 0 and not above.stat().st_mode & 0o001:
                above.chmod(above.stat().st_mode | 0o011)
    process = subprocess.Popen([PROGRAM or "", ini], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **account)
    try:
        listening(port, process, directory / "log")
        yield port
    finally:
        end(process)


def work(a: Access, mode: str, prepares: bool) -> Any:
    """Two clients at once on a pool of two: reads, transactions, prepared statements, errors."""
    threshold = 1 if prepares else None
    got: list[Any] = []
    with ExitStack() as stack:
        clients = [
            stack.enter_context(psycopg.connect(a.url(), autocommit=True, prepare_threshold=threshold)) for _ in "ab"
        ]
        for i in range(1, 9):
            for c in clients:
                got.append(c.execute("SELECT * FROM people WHERE person_id = %s", [i]).fetchall())
                got.append(
                    c.execute("SELECT topic, count(*) FROM tickets WHERE person_id = %s GROUP BY 1", [i]).fetchall()
                )
        first, second = clients
        with first.transaction(force_rollback=True):
            first.execute("INSERT INTO notes (note_id, title) VALUES (1, 'pooled')")
            got.append(second.execute("SELECT count(*) FROM notes").fetchall())
            got.append(first.execute("SELECT title FROM notes").fetchall())
            first.execute("SET LOCAL search_path = port, public")
            got.append(first.execute("SELECT count(*) FROM berths").fetchall())
        with pytest.raises(psycopg.errors.UndefinedTable):
            first.execute("SELECT count(*) FROM berths")
        if mode == "session":
            first.execute("CREATE TEMP TABLE mine AS SELECT * FROM people WHERE ward_id = 2")
            got.append(first.execute("SELECT * FROM mine ORDER BY 1").fetchall())
        with first.cursor().copy("COPY (SELECT * FROM people ORDER BY 1) TO STDOUT") as copy:
            got.append(b"".join(bytes(b) for b in copy))
    return got


def refused(a: Access) -> None:
    with psycopg.connect(a.url(), autocommit=True, prepare_threshold=None) as c:
        for sql in ("SELECT 1 FROM people WHERE points = 3", "SELECT * FROM port.refugee_services"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                c.execute(sql.encode())
            assert c.execute("SELECT count(*) FROM people").fetchone() == (60,)


def has_prepared() -> bool:
    said = subprocess.run([PROGRAM or "", "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, re.findall(r"PgBouncer (\d+)\.(\d+)", said)[0])) >= (1, 21)


@pytest.mark.client(
    "PgBouncer in front of redactor",
    "session and transaction mode, refusals; prepared statements in both from 1.21, else in session mode",
)
@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_in_front(place: Place, tmp_path: Path, mode: str) -> None:
    prepares = mode == "session" or has_prepared()
    with (
        pgbouncer(tmp_path / "front", place.proxy, mode) as front,
        pgbouncer(tmp_path / "bare", place.server.port, mode) as bare,
    ):
        through = work(replace(place.through(), port=front), mode, prepares)
        assert through == work(replace(place.seen(), port=bare), mode, prepares)
        refused(replace(place.through(), port=front))
        # another login is another pool: an approved one's plans are nobody else's
        with psycopg.connect(replace(place.through("counsel"), port=front).url(), autocommit=True) as c:
            assert c.execute("SELECT homeland FROM people WHERE person_id = 3").fetchone() == ("Land 3",)
        assert work(replace(place.through(), port=front), mode, prepares) == through


@pytest.mark.client(
    "PgBouncer behind redactor",
    "session and transaction mode, refusals; prepared statements in both from 1.21, else in session mode",
)
@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_behind(place: Place, tmp_path: Path, mode: str) -> None:
    prepares = mode == "session" or has_prepared()
    with ExitStack() as stack:
        behind = stack.enter_context(pgbouncer(tmp_path / "behind", place.server.port, mode))
        port = stack.enter_context(redactor(tmp_path, "redactor", behind, place.server))
        a = replace(place.through(), port=port)
        through = work(a, mode, prepares)
        assert through == work(replace(place.seen(), port=behind), mode, prepares)
        refused(a)
        assert work(a, mode, prepares) == through
