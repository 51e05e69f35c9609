"""PgBouncer in front of redactor and behind it, in session and transaction mode, with prepared statements on.

Driven are the PgBouncer on the path and those that PGBOUNCER names (paths, with colons between them).
"""

from __future__ import annotations

import asyncio
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

import asyncpg
import psycopg
import pytest

from tests import servers
from tests.clients.place import Access, Place, end, listening, redactor

_ON_PATH = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
PROGRAMS = [p for p in (_ON_PATH, *os.environ.get("PGBOUNCER", "").split(":")) if p]


def number(program: str) -> tuple[int, ...]:
    """The version of that PgBouncer."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"PgBouncer (\d+)\.(\d+)\.(\d+)", said)
    assert found is not None, said
    return tuple(map(int, found.groups()))


@pytest.fixture(params=PROGRAMS or [""])
def program(request: pytest.FixtureRequest, version: Callable[[str], None]) -> str:
    """Each PgBouncer that is there."""
    if not request.param:
        pytest.skip("PgBouncer is not installed")
    version(".".join(map(str, number(request.param))))
    return str(request.param)


def needs_prepared(program: str) -> None:
    """Skips where PgBouncer keeps no prepared statements in transaction mode."""
    if number(program) < (1, 21):
        pytest.skip("before 1.21 it keeps no prepared statements in transaction mode")


@contextmanager
def pgbouncer(program: str, directory: Path, upstream: int, mode: str) -> Iterator[int]:
    """A PgBouncer for `harbour` and `harbour_seen` in front of that port; gives its own."""
    directory.mkdir()
    directory.chmod(0o755)
    port = servers.free_port()
    (directory / "users").write_text("".join(f'"{u}" "{u}-pw"\n' for u in ("desk", "counsel", "steward", "redactor")))
    ini = directory / "pgbouncer.ini"
    ini.write_text(
        "[databases]\n"
        + "".join(f"{name} = host=127.0.0.1 port={upstream}\n" for name in ("harbour", "harbour_seen"))
        + f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\n"
        + f"auth_file = {directory}/users\npool_mode = {mode}\ndefault_pool_size = 2\nlogfile = {directory}/log\n"
        + "server_reset_query = DISCARD ALL\nignore_startup_parameters = extra_float_digits\n"
        + ("max_prepared_statements = 50\n" if number(program) >= (1, 21) else "")
    )
    account = {}
    if os.geteuid() == 0:  # it does not run as root
        nobody = pwd.getpwnam("nobody")
        os.chown(directory, nobody.pw_uid, nobody.pw_gid)
        account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        for above in directory.parents[:-1]:
            if above.stat().st_uid == 0 and not above.stat().st_mode & 0o001:
                above.chmod(above.stat().st_mode | 0o011)
    process = subprocess.Popen([program, ini], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **account)
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


async def prepare(a: Access) -> Any:
    """Two clients that keep their statements, taking turns, so that the pooler must bring them to either connection."""
    first, second = [await asyncpg.connect(a.url(), statement_cache_size=20) for _ in "ab"]
    try:
        got: list[Any] = []
        for i in range(1, 7):
            for c in (first, second):
                got.append(await c.fetch("SELECT * FROM people WHERE person_id = $1", i))
                got.append(await c.fetchval("SELECT count(*) FROM tickets WHERE person_id = $1", i))
            async with first.transaction():
                got.append(await first.fetch("SELECT name, homeland FROM people WHERE ward_id = $1 ORDER BY 1", i))
                got.append(await second.fetch("SELECT name, homeland FROM people WHERE ward_id = $1 ORDER BY 1", i))
        kept = await second.prepare(
            "SELECT people.name, points, wards.name FROM people JOIN wards USING (ward_id) WHERE person_id = $1"
        )
        got += [str(kept.get_attributes()), str(kept.get_parameters())]
        for i in (3, 5, 8):
            async with first.transaction():  # holds the connection that it was prepared on, or the other
                await first.fetch("SELECT 1")
                got.append(await kept.fetch(i))
        return repr(got)
    finally:
        await first.close()
        await second.close()


FRONT = pytest.mark.client("PgBouncer in front of redactor", "session and transaction mode, refusals")
FRONT_PREPARED = pytest.mark.client("PgBouncer in front of redactor", "prepared statements in transaction mode")
BEHIND = pytest.mark.client("PgBouncer behind redactor", "session and transaction mode, refusals")
BEHIND_PREPARED = pytest.mark.client("PgBouncer behind redactor", "prepared statements in transaction mode")


def in_front(place: Place, directory: Path, program: str, mode: str, prepares: bool) -> None:
    with (
        pgbouncer(program, directory / "front", place.proxy, mode) as front,
        pgbouncer(program, directory / "bare", place.server.port, mode) as bare,
    ):
        a, b = replace(place.through(), port=front), replace(place.seen(), port=bare)
        through = work(a, mode, prepares)
        assert through == work(b, mode, prepares)
        refused(a)
        if prepares:
            assert asyncio.run(prepare(a)) == asyncio.run(prepare(b))
        # another login is another pool: an approved one's plans are nobody else's
        with psycopg.connect(replace(place.through("counsel"), port=front).url(), autocommit=True) as c:
            assert c.execute("SELECT homeland FROM people WHERE person_id = 3").fetchone() == ("Land 3",)
        assert work(a, mode, prepares) == through


def behind(place: Place, directory: Path, program: str, mode: str, prepares: bool) -> None:
    with ExitStack() as stack:
        pooler = stack.enter_context(pgbouncer(program, directory / "behind", place.server.port, mode))
        port = stack.enter_context(redactor(directory, "redactor", pooler, place.server))
        a, b = replace(place.through(), port=port), replace(place.seen(), port=pooler)
        through = work(a, mode, prepares)
        assert through == work(b, mode, prepares)
        refused(a)
        if prepares:
            assert asyncio.run(prepare(a)) == asyncio.run(prepare(b))
        assert work(a, mode, prepares) == through


@FRONT
@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_in_front(place: Place, tmp_path: Path, program: str, mode: str) -> None:
    in_front(place, tmp_path, program, mode, prepares=mode == "session")


@FRONT_PREPARED
def test_in_front_with_prepared_statements(place: Place, tmp_path: Path, program: str) -> None:
    needs_prepared(program)
    in_front(place, tmp_path, program, "transaction", prepares=True)


@BEHIND
@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_behind(place: Place, tmp_path: Path, program: str, mode: str) -> None:
    behind(place, tmp_path, program, mode, prepares=mode == "session")


@BEHIND_PREPARED
def test_behind_with_prepared_statements(place: Place, tmp_path: Path, program: str) -> None:
    needs_prepared(program)
    behind(place, tmp_path, program, "transaction", prepares=True)
