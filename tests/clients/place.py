"""Where clients are driven: the harbour city, its twin, and redactor in front of it.

Knows how to start the three and how to name them to a client; nothing of any client. `harbour` is the city;
`harbour_seen` is equal but that its hidden columns hold NULL, so what an ordinary login gets of `harbour` through
redactor must equal what it gets of `harbour_seen` directly. Logins are by SCRAM: every client ends the exchange itself.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, LiteralString, TypeVar, cast

import psycopg

from tests import servers

HERE = Path(__file__).parent
T = TypeVar("T")

HIDDEN = (
    *("standing", "permit", "homeland", "arrived", "residence", "papers", "tongues", "waiver", "points", "verified"),
    *("photo", "last_entry"),
)
"""The hidden columns of public.people, in their order."""

TAGS = {("public.people", column): "status" for column in HIDDEN}

POLICY = """
name: The harbour city
roles:
  counsel: {users: [counsel]}
  owner: {users: [steward], may_ddl: true}
  builder: {users: [analyst], may_ddl: true}
rules:
  - {id: status, tags: [status], approved: [counsel, owner], otherwise: mask, because: for counsel only}
  - {id: programme, tags: [programme], approved: [counsel, owner], otherwise: refuse, because: being served tells}
  - {id: unreviewed, tags: [unreviewed], approved: [counsel, owner], otherwise: refuse, because: not looked at yet}
"""

COLUMNS = """SELECT n.nspname || '.' || c.relname, a.attname
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE n.nspname IN ('public', 'port', 'mart') AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0
  ORDER BY 1, a.attnum"""

FUNCTIONS = """
functions:
  public.open_tickets(integer): {safe: true, because: counts tickets only}
  public.busiest(integer): {safe: true, because: counts tickets only}
  port.berth(integer, text): {safe: true, because: vessels only}
"""


@dataclass(frozen=True, slots=True)
class Access:
    """What an application is told of a database."""

    port: int
    database: str
    user: str
    password: str
    host: str = "127.0.0.1"

    def url(self, scheme: str = "postgresql", query: str = "") -> str:
        """A URL, as most clients take one."""
        return f"{scheme}://{self.user}:{self.password}@{self.host}:{self.port}/{self.database}{query}"

    def environment(self) -> dict[str, str]:
        """libpq's variables, which clients in other languages read too."""
        return {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGDATABASE": self.database,
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGSSLMODE": "disable",
        }


@dataclass(frozen=True, slots=True)
class Place:
    """The city on one server; `proxy` is redactor's port, `log` what it writes to its own log."""

    server: servers.Server
    proxy: int
    directory: Path

    def direct(self, user: str = "desk") -> Access:
        """The city itself."""
        return Access(self.server.port, "harbour", user, f"{user}-pw")

    def seen(self, user: str = "desk") -> Access:
        """The twin: what an ordinary requester may see of the city."""
        return replace(self.direct(user), database="harbour_seen")

    def through(self, user: str = "desk") -> Access:
        """The city through redactor."""
        return replace(self.direct(user), port=self.proxy)

    def agree(self, work: Callable[[Access], T]) -> T:
        """Does the work through redactor and on the twin, and gives what it gave if it is the same."""
        self._empty_notes()
        return same(work(self.through()), work(self.seen()))

    def _empty_notes(self) -> None:
        """What earlier work left there, or drew from its sequence, in one of the databases and not in the other."""
        for name in ("harbour", "harbour_seen"):
            with psycopg.connect(self.server.dsn(name)) as c:
                c.execute("DELETE FROM public.notes")
                c.execute("SELECT setval('public.notes_note_id_seq', 1, false)")

    def agree_with_direct(self, work: Callable[[Access], T], user: str = "desk") -> T:
        """Does the work through redactor and on the city itself: for what reads no hidden value."""
        return same(work(self.through(user)), work(self.direct(user)))


def same(through: T, direct: T) -> T:
    """What came through, if it is what came directly; else fails, and shows the places that differ."""
    if repr(through) != repr(direct):  # as text: NaN is not itself
        raise AssertionError("through redactor, and directly:\n" + "\n".join(_differences(through, direct, "")))
    return through


def _differences(a: Any, b: Any, where: str) -> Iterator[str]:
    if isinstance(a, dict) and isinstance(b, dict) and list(a) == list(b):
        for k in a:
            yield from _differences(a[k], b[k], f"{where}.{k}")
    elif isinstance(a, list | tuple) and isinstance(b, list | tuple) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            # a list that begins with a statement is named by it
            named = f"{where}[{a[0][:60]}]" if i and isinstance(a[0], str) else f"{where}[{i}]"
            yield from _differences(x, y, named)
    elif repr(a) != repr(b):
        x, y = repr(a), repr(b)
        at = max(0, next((i for i, (p, q) in enumerate(zip(x, y, strict=False)) if p != q), min(len(x), len(y))) - 40)
        yield f"{where}\n  {x[at : at + 300]}\n  {y[at : at + 300]}"


def build(server: servers.Server) -> None:
    """Makes the roles and both databases. From here on the server asks everyone but `postgres` for a password."""
    with psycopg.connect(server.dsn(), autocommit=True) as c:
        for role in ("steward", "desk", "counsel", "analyst", "redactor"):
            c.execute(cast(LiteralString, f"CREATE ROLE {role} LOGIN PASSWORD '{role}-pw'"))
        c.execute("GRANT pg_monitor TO redactor")
        c.execute("CREATE DATABASE harbour TEMPLATE template0")
        with psycopg.connect(server.dsn("harbour"), autocommit=True) as d:
            d.execute((HERE / "city.sql").read_bytes())
        c.execute("CREATE DATABASE harbour_seen TEMPLATE harbour")  # a copy: types and tables have the same OIDs
        with psycopg.connect(server.dsn("harbour_seen"), autocommit=True) as d:
            nothing = ", ".join(f"{column} = NULL" for column in HIDDEN)
            d.execute(cast(LiteralString, f"UPDATE public.people SET {nothing}"))
            d.execute("VACUUM FULL public.people")
        for name in ("harbour", "harbour_seen"):
            c.execute(cast(LiteralString, f"GRANT CREATE, TEMPORARY ON DATABASE {name} TO steward, desk, analyst"))
            with psycopg.connect(server.dsn(name), autocommit=True) as d:
                d.execute("VACUUM (FREEZE, ANALYZE)")
        rules = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        (server.directory / "data" / "pg_hba.conf").write_text(rules)
        c.execute("SELECT pg_reload_conf()")


def review(server: servers.Server) -> str:
    """The reviewed catalog file: all that there is, with `TAGS`."""
    with psycopg.connect(server.dsn("harbour"), autocommit=True) as c:
        rows = c.execute(COLUMNS).fetchall()
    lines, last = ["database: harbour", "relations:"], ""
    for relation, column in rows:
        if relation != last:
            lines.append(f"  {relation}:")
            if relation == "port.refugee_services":
                lines.append("    tags: [programme]")
            lines.append("    columns:")
            last = relation
        tag = TAGS.get((relation, column))
        lines.append(f"      {column}: " + (f"{{tags: [{tag}]}}" if tag else "{}"))
    return "\n".join(lines) + FUNCTIONS


def listening(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until something listens there. Raises RuntimeError, with the log, when the process has ended instead."""
    until = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"not listening on {port}: {log.read_text(errors='replace')}") from None
            time.sleep(0.05)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process of ours."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def redactor(directory: Path, name: str, upstream: int, review_of: servers.Server) -> Iterator[int]:
    """`redactor serve` for the database `harbour` on that port; gives its own port."""
    home = directory / name
    home.mkdir()
    (home / "harbour.yaml").write_text(review(review_of))
    (home / "policy.yaml").write_text(POLICY)
    port = servers.free_port()
    (home / "redactor.yaml").write_text(
        f"listen: 127.0.0.1:{port}\ndatabases:\n"
        f"  harbour:\n    upstream: postgresql://redactor:redactor-pw@127.0.0.1:{upstream}/harbour\n"
        "    catalog: harbour.yaml\n"
        f"policy: policy.yaml\nstore: sqlite:///{home}/redactor.db\n"
    )
    command = [sys.executable, "-m", "redactor", "serve", "-c", str(home / "redactor.yaml")]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=home)
    try:
        listening(port, process, home / "log")
        yield port
    finally:
        end(process)


@contextmanager
def place(binaries: Path, directory: Path) -> Iterator[Place]:
    """A server with both cities, and redactor in front of it."""
    with servers.cluster(binaries) as server:
        build(server)
        with redactor(directory, "redactor", server.port, server) as port:
            yield Place(server, port, directory)


def program(command: list[str | Path], access: Access, *, ok: bool = True, feed: str = "", **more: Any) -> Any:
    """Runs a program with libpq's variables set; gives the completed process, with text. `ok`: it must succeed."""
    env = {**os.environ, **access.environment(), "LC_ALL": "C", "TZ": "UTC", **more.pop("env", {})}
    done = subprocess.run(command, env=env, input=feed, capture_output=True, text=True, timeout=90, **more)
    assert not ok or done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done
