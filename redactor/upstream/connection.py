"""redactor's own connection to a database: an ordinary login, used for the catalog only.

Knows how to get from a URL to a connection and how to say plainly why it could not. Never repeats a password, and
never lets asyncpg's own exceptions out: whatever goes wrong is an `UpstreamError`.
"""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

import asyncpg  # type: ignore[import-untyped]

from redactor.errors import UpstreamError

OLDEST = 130000
"""server_version_num of the oldest server whose catalog is understood (PostgreSQL 13)."""


def where(url: str) -> str:
    """What of a URL may be printed: `host:port/database`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "the configured address"
    host = parts.hostname or "localhost"
    return f"{host}:{port or 5432}{parts.path}"


async def connect(url: str, *, within: float = 10.0, statement_timeout: float = 60.0) -> asyncpg.Connection:
    """Log in to `postgresql://login@host:port/database[?sslmode=...&sslrootcert=...]`.

    `within` (seconds) bounds reaching the server and logging in, `statement_timeout` each statement after that. TLS
    follows libpq's sslmode (PostgreSQL docs, 32.19 SSL Support). Raises UpstreamError.
    """
    place = where(url)
    if not url.startswith(("postgresql://", "postgres://")):
        raise UpstreamError(f"upstream: {place} is not a postgresql:// URL")
    try:
        connection = await asyncpg.connect(url, timeout=within, command_timeout=statement_timeout + 5)
        await connection.execute(
            "SELECT set_config('application_name', 'redactor', false), set_config('search_path', '', false),"
            f" set_config('statement_timeout', '{int(statement_timeout * 1000)}', false)"
        )
    except TimeoutError as error:
        raise UpstreamError(f"{place} does not answer within {within:g} s") from error
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        raise UpstreamError(f"{place} refuses that login or its password", _plain(error)) from error
    except asyncpg.InvalidCatalogNameError as error:
        raise UpstreamError(f"{place}: there is no such database", _plain(error)) from error
    except asyncpg.TooManyConnectionsError as error:
        raise UpstreamError(f"{place} has no connection left for redactor", _plain(error)) from error
    except asyncpg.CannotConnectNowError as error:
        raise UpstreamError(f"{place} is starting up or shutting down", _plain(error)) from error
    except asyncpg.PostgresError as error:
        raise UpstreamError(f"{place} refuses redactor's connection", _plain(error)) from error
    except ssl.SSLError as error:
        raise UpstreamError(f"{place}: TLS failed", f"{error.__class__.__name__}: {error.reason}") from error
    except OSError as error:
        raise UpstreamError(f"{place} cannot be reached", error.strerror or error.__class__.__name__) from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, ValueError) as error:
        raise UpstreamError(f"upstream: {place}: the URL cannot be used", error.__class__.__name__) from error
    version = connection.get_server_version()
    if version.major * 10000 < OLDEST:
        await connection.close()
        raise UpstreamError(f"{place} is PostgreSQL {version.major}; the oldest supported is {OLDEST // 10000}")
    return connection


def _plain(error: asyncpg.PostgresError) -> str:
    """The server's own words and SQLSTATE; neither ever holds the password."""
    return f"{error.sqlstate}: {error.args[0] if error.args else ''}"
