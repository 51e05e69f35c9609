"""The figures of a running `redactor serve`: they move with what happens, and name no person and no value."""

from __future__ import annotations

import contextlib
import signal
import socket
import urllib.request

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.test_serve import CANARY, STATUS, Installation, counter, ends_with, until
from tests.servers import free_port

__all__ = ["counter"]

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def measured(counter: Installation) -> tuple[Installation, int]:
    port = free_port()
    counter.configure(metrics=f"127.0.0.1:{port}", log=f"{{publish: ['file://{counter.directory}/out.txt']}}")
    return counter, port


def scraped(port: int) -> tuple[Series, str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    return {(s.name, frozenset(s.labels.items())): s.value for s in samples}, text


def value(series: Series, name: str, **labels: str) -> float:
    return series["redactor_" + name, frozenset(labels.items())]


def test_figures_follow_what_happens(measured: tuple[Installation, int]) -> None:
    installation, port = measured
    installation.serve()
    before, _ = scraped(port)
    assert value(before, "journal_writable") == value(before, "store_writable") == 1
    assert value(before, "catalog_reachable", database="counter") == 1
    assert value(before, "catalog_unreviewed", database="counter", kind="relations") == 0
    with installation.connect("ordinary", application_name=CANARY) as connection:
        for _ in range(3):
            connection.execute(STATUS)
        connection.execute("SELECT 1")
        for _ in range(2):
            with contextlib.suppress(psycopg.Error):
                connection.execute(f"SELECT name FROM people WHERE status = '{CANARY}'")
        now, _ = scraped(port)
        assert value(now, "sessions_active") == 1
    for verdict, made, remembered in (("redacted", 1, 2), ("refused", 1, 1), ("allowed", 1, 0)):
        for known, expected in (("no", made), ("yes", remembered)):
            labels = {"database": "counter", "verdict": verdict, "remembered": known}
            moved = value(now, "decisions_total", **labels) - value(before, "decisions_total", **labels)
            # a text may be asked about more than once on its way: at its Parse, and when it is executed
            assert moved == expected if known == "no" else moved >= expected, labels
    assert value(now, "log_decisions_total", database="counter", verdict="redacted") == 3
    assert value(now, "log_decisions_total", database="counter", verdict="refused") == 2
    assert value(now, "log_rules_total", rule="need-to-know", verdict="refused") == 2
    made = [n for (name, _), n in now.items() if name == "redactor_decision_seconds_count"]
    assert made == [3.0 + sum(n for (name, _), n in before.items() if name == "redactor_decision_seconds_count")]
    assert value(now, "log_wait_seconds_count") == 5 == value(now, "journal_entries_total")
    until(lambda: value(scraped(port)[0], "log_signed_entries") == 5, seconds=15)
    later, text = scraped(port)
    assert value(later, "log_unsigned_seconds") == 0
    assert value(later, "log_checkpoint_timestamp_seconds") > 1.7e9
    to = f"file://{installation.directory}/out.txt"
    until(lambda: value(scraped(port)[0], "outlet_entries", kind="publish", to=to) == 5)
    for word in (CANARY, "ordinary", "people", "name", "127.0.0.1"):
        assert word not in "".join(line for line in text.splitlines(True) if not line.startswith("#")), word


def test_figures_tell_of_what_is_not_reviewed_and_of_a_database_that_is_away(
    measured: tuple[Installation, int],
) -> None:
    installation, port = measured
    process = installation.serve()
    with psycopg.connect(installation.server.dsn("counter"), autocommit=True) as admin:
        admin.execute("CREATE TABLE later (id int)")
        admin.execute("ALTER TABLE people ADD COLUMN new text, DROP COLUMN name")
    process.send_signal(signal.SIGHUP)
    until(lambda: "reloaded" in installation.events(), installation.log)
    now, _ = scraped(port)
    expected = {"unreviewed": (1, 1), "vanished": (0, 1)}
    for what, counts in expected.items():
        for kind, count in zip(("relations", "columns"), counts, strict=True):
            assert value(now, f"catalog_{what}", database="counter", kind=kind) == count, (what, kind)
    with psycopg.connect(installation.server.dsn(), autocommit=True) as admin:
        admin.execute("ALTER DATABASE counter ALLOW_CONNECTIONS false")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'counter'")
        until(lambda: value(scraped(port)[0], "catalog_reachable", database="counter") == 0, installation.log)


def test_a_taken_port_is_named(measured: tuple[Installation, int]) -> None:
    installation, port = measured
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        said = ends_with(installation)
    assert f"127.0.0.1:{port} is taken" in said
    assert "`metrics`" in said
