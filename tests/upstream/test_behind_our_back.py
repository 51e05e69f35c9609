"""Definitions that are changed past the proxy: what a snapshot does not know yet is not shown by its being new."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg
import pytest

from redactor.upstream import TRIGGER
from tests.cli.test_serve import CATALOG, Installation, counter, until

__all__ = ["counter"]

CANARY = "A123456789"


@pytest.fixture
def office(counter: Installation) -> Iterator[tuple[Installation, psycopg.Connection]]:
    """A proxy in front of a table that is wholly open, and a superuser beside it."""
    reviewed = CATALOG + "  public.notices: {columns: {id: {}, body: {}}}\n"
    (counter.directory / "catalog.yaml").write_text(reviewed)
    with psycopg.connect(counter.server.dsn("counter"), autocommit=True) as admin:
        admin.execute("CREATE TABLE notices (id int, body text)")
        admin.execute("INSERT INTO notices VALUES (1, 'open')")
        counter.serve()
        yield counter, admin


def rows(installation: Installation, sql: str = "SELECT * FROM notices") -> list[tuple[object, ...]]:
    with installation.connect("ordinary") as connection:
        return connection.execute(sql).fetchall()


def test_a_new_column_is_never_shown(office: tuple[Installation, psycopg.Connection]) -> None:
    installation, admin = office
    with installation.connect("ordinary") as connection:
        assert connection.execute("SELECT * FROM notices").fetchall() == [(1, "open")]
        admin.execute(f"ALTER TABLE notices ADD COLUMN file text DEFAULT '{CANARY}'")
        # at once, or after a look that happened to fall in between
        with contextlib.suppress(psycopg.OperationalError, psycopg.errors.InsufficientPrivilege):
            assert connection.execute("SELECT * FROM notices").fetchall() == [(1, "open", None)]
    assert rows(installation) == [(1, "open", None)]


def test_a_table_made_anew_under_a_reviewed_name_is_looked_at(office: tuple[Installation, psycopg.Connection]) -> None:
    installation, admin = office
    with installation.connect("ordinary") as connection:
        assert connection.execute("SELECT * FROM notices").fetchall() == [(1, "open")]
        admin.execute(f"DROP TABLE notices; CREATE TABLE notices AS SELECT 1 id, 'x' body, '{CANARY}' file")
        with contextlib.suppress(psycopg.OperationalError, psycopg.errors.InsufficientPrivilege):
            assert CANARY not in str(connection.execute("SELECT * FROM notices").fetchall())
    assert rows(installation) == [(1, "x", None)]


@pytest.mark.slow  # a proxy is started for each
def test_an_answer_waits_for_the_newer_snapshot_and_is_whole(office: tuple[Installation, psycopg.Connection]) -> None:
    installation, admin = office
    with installation.connect("ordinary") as connection:
        connection.execute("SELECT * FROM notices")
        admin.execute("DROP TABLE notices; CREATE TABLE notices (id int, body text)")
        admin.execute("INSERT INTO notices SELECT g, repeat('x', 100) FROM generate_series(1, 30000) g")
        found = connection.execute("SELECT * FROM notices").fetchall()
        assert len(found) == 30000
        assert connection.execute("SELECT max(id) FROM notices").fetchone() == (30000,)


@pytest.mark.slow  # a proxy is started for each
def test_tables_of_the_session_itself_need_no_look(office: tuple[Installation, psycopg.Connection]) -> None:
    installation, _ = office
    with installation.connect("ordinary") as connection:
        connection.execute("CREATE TEMPORARY TABLE mine AS SELECT 1 AS a")
        assert connection.execute("SELECT * FROM mine").fetchall() == [(1,)]
    assert installation.events().count("catalog changed") == 0


@pytest.mark.slow  # a proxy is started for each
def test_a_renamed_column_stays_what_it_was(office: tuple[Installation, psycopg.Connection]) -> None:
    installation, admin = office
    admin.execute(TRIGGER)
    admin.execute("ALTER TABLE notices RENAME body TO words; ALTER TABLE people RENAME status TO state")

    def noticed() -> bool:
        # until it is noticed the tripwire ends the session: it knows columns by their numbers
        with contextlib.suppress(psycopg.Error):
            return rows(installation, "SELECT state FROM people") == [(None,), (None,)]
        return False

    until(noticed, installation.log)
    assert rows(installation, "SELECT words FROM notices") == [("open",)]
    with installation.connect("approved") as connection:
        assert connection.execute("SELECT state FROM people ORDER BY id").fetchall() == [("visa",), ("citizen",)]
    assert list(installation.directory.rglob("baselines/counter.json"))
    admin.execute("DROP EVENT TRIGGER redactor_ddl; DROP FUNCTION redactor.redactor_ddl()")


def test_the_event_trigger_tells_at_once(office: tuple[Installation, psycopg.Connection]) -> None:
    installation, admin = office
    admin.execute(TRIGGER)
    until(lambda: "catalog changed" in installation.events(), installation.log)
    before = installation.events().count("catalog changed")
    admin.execute("ALTER TABLE notices ADD COLUMN file text")
    until(lambda: installation.events().count("catalog changed") > before, installation.log)
    assert rows(installation) == [(1, "open", None)]
    admin.execute("DROP EVENT TRIGGER redactor_ddl; DROP FUNCTION redactor.redactor_ddl()")
