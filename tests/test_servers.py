"""The fixtures themselves: what the other tests take for granted of a server."""

from __future__ import annotations

import psycopg

from tests.servers import Server


def test_answers_over_tcp_and_never_syncs(postgres: Server) -> None:
    with psycopg.connect(postgres.dsn()) as c:
        row = c.execute(
            "SELECT current_setting('server_version_num')::int / 10000, current_setting('fsync'),"
            " current_setting('autovacuum'), current_setting('lc_messages')"
        ).fetchone()
    assert row == (postgres.major, "off", "off", "C")


def test_knows_its_extensions(postgres: Server) -> None:
    with psycopg.connect(postgres.dsn()) as c:
        offered = {name for (name,) in c.execute("SELECT name FROM pg_available_extensions").fetchall()}
    assert offered == postgres.extensions
