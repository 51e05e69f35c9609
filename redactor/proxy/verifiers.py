"""What logins prove themselves with: a file as PgBouncer's auth_file, and the database's own pg_authid.

Knows the file's format and a query; must not know exchanges. Invariants: a secret appears in no repr and no error; a
file that cannot be read, or a database that cannot be asked, is an error, never "no such login".
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]

from redactor import upstream
from redactor.config import Logins, Upstream
from redactor.errors import UpstreamError
from redactor.wire.pg.scram import Secret, read_verifier

_LINE = re.compile(r'\s*"((?:[^"]|"")*)"\s+"((?:[^"]|"")*)"')
_PATIENCE = 10.0


def parse(text: str) -> dict[str, Secret]:
    """The secrets in a file: lines `"login" "secret"`, a doubled quote for one; other lines do not count.

    A secret is a SCRAM verifier or a password; md5 hashes prove nothing here and are left out.
    """
    found: dict[str, Secret] = {}
    for line in text.splitlines():
        m = _LINE.match(line)
        if m is None:
            continue
        login, secret = (part.replace('""', '"') for part in m.groups())
        verifier = read_verifier(secret)
        if verifier is not None:
            found[login] = Secret(verifier)
        elif secret and not re.fullmatch(r"md5[0-9a-f]{32}", secret) and not secret.startswith("SCRAM-SHA-256$"):
            found[login] = Secret(None, secret)
    return found


class Verifiers:
    """Where secrets are looked up, anew for every login: the file first, then the login's database."""

    def __init__(self, logins: Logins, databases: Mapping[str, Upstream]) -> None:
        self._file = logins.verifiers
        self._query = logins.query
        self._databases = databases
        self._read: tuple[tuple[int, int, int], dict[str, Secret]] | None = None
        self._connections: dict[str, asyncpg.Connection] = {}
        self._locks = {name: asyncio.Lock() for name in databases}

    async def secret(self, database: str, login: str) -> Secret | None:
        """What is known of a login, None: nothing. Raises UpstreamError."""
        found = self.kept(login)
        if found is not None or self._query is None:
            return found
        async with self._locks[database]:
            return await self._asked(database, self._query, login)

    def kept(self, login: str) -> Secret | None:
        """What the file has of a login. Raises UpstreamError."""
        if self._file is None:
            return None
        try:
            stat = self._file.stat()
            seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if self._read is None or self._read[0] != seen:
                self._read = seen, parse(self._file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as e:
            raise _unavailable(f"{self._file}: {e.__class__.__name__}") from e
        return self._read[1].get(login)

    async def _asked(self, database: str, query: str, login: str) -> Secret | None:
        for again in (True, False):
            connection = self._connections.pop(database, None)
            try:
                if connection is None or connection.is_closed():
                    connection = await upstream.connect(self._databases[database].url, within=_PATIENCE)
                    again = False
                rows = await connection.fetch(query, login, timeout=_PATIENCE)
            except UpstreamError as e:
                raise _unavailable(f"{e.public} {e.private}".strip()) from e
            except asyncpg.PostgresError as e:
                if connection is not None:
                    connection.terminate()
                if again and isinstance(e, asyncpg.PostgresConnectionError):
                    continue
                raise _unavailable(f"verifier_query: {e.sqlstate}: {e.args[0] if e.args else ''}") from e
            except (OSError, TimeoutError, asyncpg.InterfaceError) as e:
                if connection is not None:
                    connection.terminate()
                if again:
                    continue
                raise _unavailable(f"verifier_query: {e.__class__.__name__}") from e
            self._connections[database] = connection
            return _secret_in(rows, login)
        return None

    async def close(self) -> None:
        """Ends the connections by which was asked."""
        for connection in self._connections.values():
            connection.terminate()
        self._connections.clear()


def _secret_in(rows: list[asyncpg.Record], login: str) -> Secret | None:
    for row in rows:
        if len(row) >= 2 and row[0] == login and isinstance(row[1], str):
            verifier = read_verifier(row[1])
            if verifier is not None:
                return Secret(verifier)
    return None


def _unavailable(private: str) -> UpstreamError:
    return UpstreamError("the proxy cannot check logins now", private)


def is_readable_by_all(path: Path) -> bool:
    """Whether a file of secrets can be read by everybody on the machine."""
    try:
        return bool(path.stat().st_mode & 0o004)
    except OSError:
        return False
