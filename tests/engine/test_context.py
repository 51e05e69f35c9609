"""What a session's context says is what the server says: search_path, and which tables the session made itself.

Random sequences of transactions, savepoints and settings run on a real connection; each step the two are compared.
"""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redactor.decision import Allow
from redactor.engine.settings import path_of
from tests.fixtures.town import Session, Town

PATHS = st.sampled_from(("public", "housing, public", '"Odd Names"', '"$user", public', "nowhere", "pg_temp, public"))
NAMES = st.sampled_from(("a", '"B c"'))
TABLES = st.sampled_from(("one", "two"))
STEPS = st.one_of(
    st.sampled_from(
        (
            *("BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "END", "ABORT", "COMMIT AND CHAIN"),
            *("ROLLBACK AND CHAIN", "RESET search_path", "RESET ALL", "DISCARD ALL", "SET search_path TO DEFAULT"),
            *("SET LOCAL search_path TO DEFAULT", "SELECT 1 / 0", "SELECT 1", "DISCARD TEMP"),
        )
    ),
    NAMES.map(lambda n: f"SAVEPOINT {n}"),
    NAMES.map(lambda n: f"RELEASE {n}"),
    NAMES.map(lambda n: f"ROLLBACK TO {n}"),
    PATHS.map(lambda p: f"SET search_path = {p}"),
    PATHS.map(lambda p: f"SET LOCAL search_path = {p}"),
    st.tuples(PATHS, st.sampled_from(("true", "false"))).map(
        lambda a: f"SELECT set_config('search_path', '{a[0]}', {a[1]})"
    ),
    TABLES.map(lambda t: f"CREATE TEMP TABLE {t} (a integer)"),
    TABLES.map(lambda t: f"DROP TABLE IF EXISTS pg_temp.{t}"),
    TABLES.map(lambda t: f"ALTER TABLE IF EXISTS pg_temp.{t} RENAME TO {t}_two"),
    PATHS.map(lambda p: f"SET search_path = {p}; SELECT 1 / 0"),
    PATHS.map(lambda p: f"SET LOCAL search_path = {p}; SELECT 1"),
    st.sampled_from(
        (
            *("SET ROLE housing", "SET ROLE clerk", "SET LOCAL ROLE housing", "RESET ROLE", "SET ROLE NONE"),
            *(
                "SET ROLE nobody",
                "SELECT set_config('role', 'housing', true)",
                "SELECT set_config('role', 'none', false)",
            ),
            *("SET SESSION AUTHORIZATION DEFAULT", "SET SESSION AUTHORIZATION clerk", "SET role = 'housing'"),
        )
    ),
    st.just("BEGIN; SET LOCAL search_path = housing; SAVEPOINT a"),
    st.just("SET search_path = housing; BEGIN; SET search_path = public; ROLLBACK"),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=3, max_size=14))
def test_the_context_says_what_the_server_says(town: Town, steps: list[str]) -> None:
    session = Session(town)
    try:
        for at, step in enumerate(steps):
            session.run(step)
            if session.connection.pgconn.transaction_status == 3:
                continue  # nothing can be asked in a transaction that has failed
            told = session.connection.execute("SHOW search_path").fetchone()
            assert told is not None
            assert session.context.path == path_of(told[0]), steps[: at + 1]
            assert session.connection.execute("SELECT current_user").fetchone() == (session.context.user,), steps[
                : at + 1
            ]
            made = session.connection.execute(
                "SELECT relname::text FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r'"
            )
            assert {o.name for o in session.context.now.owns} == {r[0] for r in made}, steps[: at + 1]
            in_block = session.connection.pgconn.transaction_status == 2
            assert session.context.in_transaction is in_block, steps[: at + 1]
    finally:
        session.close()


def test_a_role_decides_which_table_a_name_is_and_nothing_else(town: Town) -> None:
    session = Session(town)
    try:
        session.run('SET search_path = "$user", public')
        assert session.run("SET ROLE housing") == []
        assert session.context.user == "housing"
        assert session.run("SELECT current_user") == [("housing",)]
        theirs = session.run("SELECT count(*) FROM housing.residents")
        assert session.run("SELECT count(*) FROM residents") == theirs
        assert session.run("SELECT count(*) FROM public.residents") != theirs
        assert "protected" in str(session.run("SELECT 1 FROM public.residents WHERE status = 'citizen'"))
        assert str(session.run("SET ROLE nobody")).startswith("22023")
        assert str(session.run("SET SESSION AUTHORIZATION housing")).startswith("42501")
        session.run("DISCARD ALL")
        assert session.context.user == "clerk"
    finally:
        session.close()


def test_prepared_statements_outlive_a_rollback(town: Town) -> None:
    session = Session(town)
    try:
        session.run("BEGIN")
        session.run("PREPARE p AS SELECT status FROM residents")
        session.run("ROLLBACK")
        assert "p" in session.context.prepared
        session.run("DEALLOCATE p")
        assert "p" not in session.context.prepared
        session.run("PREPARE p AS SELECT 1")
        session.run("DISCARD ALL")
        assert not session.context.prepared
    finally:
        session.close()


def test_keys_tell_contexts_apart(town: Town) -> None:
    """Two contexts with one key give a text one meaning."""
    session = Session(town)
    try:
        start = session.context.key()
        session.run("SET search_path = housing")
        assert session.context.key() != start
        assert isinstance(session.town.decide("SELECT 1", context=session.context), Allow)
        session.run("RESET search_path")
        assert session.context.key() == start
        session.run("CREATE TEMP TABLE residents (a integer)")
        assert session.context.key() != start
        session.run("DROP TABLE residents")
        assert session.context.now.owns == frozenset()
    finally:
        session.close()
