"""What the engine knows of PostgreSQL's functions by their names, held against what PostgreSQL says of them."""

from __future__ import annotations

import psycopg
import pytest

from redactor.engine import traits
from redactor.sql import builtins, labels
from redactor.sql.builtins import Kind
from tests.servers import Server

SILENT = frozenset(
    {
        *("gen_random_uuid", "uuidv4"),  # nobody can tell one random number from another
        *("current_query", "pg_blocking_pids", "pg_get_wait_events", "pg_jit_available"),
        *("pg_is_in_recovery", "pg_is_wal_replay_paused", "pg_get_wal_replay_pause_state"),
        "pg_get_wal_resource_managers",
        *("pg_last_xact_replay_timestamp", "pg_notification_queue_usage", "pg_xact_status", "txid_status"),
        *("pg_sleep", "pg_sleep_for", "pg_sleep_until", "pg_cancel_backend", "pg_terminate_backend"),
        *("pg_advisory_unlock_all", "pg_stat_clear_snapshot", "pg_stat_force_next_flush"),
        *("bernoulli", "system"),  # of TABLESAMPLE
        # no statement can call these
        *("dsnowball_init", "dsnowball_lexize", "heap_tableam_handler", "plpgsql_call_handler"),
        *("plpgsql_inline_handler", "suppress_redundant_updates_trigger", "tsvector_update_trigger"),
        *("tsvector_update_trigger_column", "unique_key_recheck"),
        *("brinhandler", "bthandler", "ginhandler", "gisthandler", "hashhandler", "spghandler"),
    }
)
"""Functions that are volatile to PostgreSQL, and give the same whichever row they are called for first."""

Functions = dict[str, set[tuple[str, str]]]


@pytest.fixture(scope="module")
def functions(postgres18: Server) -> Functions:
    """PostgreSQL's own functions: name to (provolatile, prokind)."""
    found: Functions = {}
    query = "SELECT proname, provolatile, prokind FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace"
    with psycopg.connect(postgres18.dsn()) as connection:
        for name, volatile, kind in connection.execute(query):
            found.setdefault(name, set()).add((volatile, kind))
    return found


def volatile(functions: Functions) -> set[str]:
    return {name for name, kinds in functions.items() if any(v == "v" for v, _ in kinds)}


def of_kind(functions: Functions, wanted: str) -> set[str]:
    return {name for name, kinds in functions.items() if any(k == wanted for _, k in kinds)}


def test_whatever_gives_something_else_each_time_is_known_to(functions: Functions) -> None:
    judge = builtins.load().judge
    open_to_all = {n for n in volatile(functions) if judge(n, 180000).kind in (Kind.HARMLESS, Kind.SETTING)}
    assert {n for n in open_to_all - traits.TELLING - SILENT if not n.startswith("RI_FKey_")} == set()
    assert traits.TELLING - volatile(functions) == set()
    assert SILENT - volatile(functions) == set()
    assert traits.TELLING.isdisjoint(SILENT)


def test_what_never_fails_tells_nothing_by_itself(functions: Functions) -> None:
    assert (traits.TOTAL | traits.PARTIAL) & (volatile(functions) - SILENT) == set()


def test_aggregates_and_window_functions_are_all_there(functions: Functions) -> None:
    aggregates, windows = of_kind(functions, "a"), of_kind(functions, "w")
    assert aggregates == labels.AGGREGATES
    assert traits.KEEPING - aggregates == set()
    assert traits.COUNTING_TIES - aggregates - windows == set()
    assert (traits.ROUNDING | traits.FLOATING) - aggregates == set()
    assert windows - traits.PICKING - traits.NUMBERING - traits.ALIKE == set()
