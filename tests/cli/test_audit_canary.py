"""Values seeded through the real proxy stand in clear nowhere: store, journal, operator's log, forwarded entries."""

from __future__ import annotations

import contextlib
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.cli.test_serve import Installation, counter, until
from tests.servers import Server, free_port

__all__ = ["counter"]

MEASURED = free_port()
SEEDS = [f"zyzzyva{i:03}canary" for i in range(12)]


@pytest.fixture
def forwarding(counter: Installation) -> Iterator[Installation]:
    counter.configure(
        metrics=f"127.0.0.1:{MEASURED}",
        log="{{publish: ['file://{}/published.txt'], forward: [{}], retention: {{keep: 3y, because: GS-7}}}}".format(
            counter.directory,
            ", ".join(f"'file://{counter.directory}/out.{f}?format={f}'" for f in ("json", "ocsf", "cef", "otlp")),
        ),
    )
    return counter


def holding(directory: Path) -> set[tuple[str, str]]:
    """(file, seed) for each file that has a seed in it, in any of the spellings that a log might use."""
    found = set()
    for path in directory.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            found |= {(path.name, s) for s in SEEDS if s.encode() in data or s.encode("utf-16-le") in data}
    return found


def statements() -> list[tuple[str, tuple[object, ...]]]:
    """Each a way for a value to reach the proxy: literals, parameters, comments, errors, COPY, names of settings."""
    a, b, c, d, e, f, g, h, i, j, k, m = SEEDS
    return [
        (f"SELECT name FROM people WHERE status = '{a}'", ()),
        (f"SELECT name, status, '{b}' FROM people", ()),
        ("SELECT name FROM people WHERE status = %s", (c,)),
        (f"SELECT status FROM people /* {d} */", ()),
        (f"SELEC '{e}'", ()),
        (f"SELECT name FROM people WHERE status = $x${f}$x$", ()),
        (f"UPDATE people SET status = '{g}' WHERE id = 1", ()),
        (f"INSERT INTO people VALUES (77, 'x', '{h}')", ()),
        (f"SELECT status::int, '{i}' FROM people", ()),
        (f"SET application_name = '{j}'", ()),
        (f"DO $$ BEGIN PERFORM '{k}'; END $$", ()),
        (f"SELECT 1 FROM people WHERE status LIKE E'{m}\\n%%' -- {m}", ()),
    ]


def test_seeded_values_are_in_clear_nowhere(forwarding: Installation, postgres18: Server) -> None:
    (forwarding.directory / "probe").write_text(SEEDS[3])
    assert holding(forwarding.directory) == {("probe", SEEDS[3])}, "the search finds what is there"
    (forwarding.directory / "probe").unlink()
    process = forwarding.serve()
    refused = 0
    for protocol in (False, True):
        with forwarding.connect("ordinary", application_name=SEEDS[9]) as connection:
            for sql, parameters in statements():
                try:
                    connection.execute(sql, parameters or None, prepare=protocol)  # type: ignore[arg-type]
                except psycopg.Error:
                    refused += 1
            with (
                contextlib.suppress(psycopg.Error),
                connection.cursor() as cursor,
                cursor.copy("COPY people (id, status) FROM STDIN") as copy,
            ):
                copy.write(f"99\t{SEEDS[0]}\n")
    assert refused > 8
    with urllib.request.urlopen(f"http://127.0.0.1:{MEASURED}/metrics", timeout=5) as answer:
        (forwarding.directory / "metrics.txt").write_bytes(answer.read())
    # As the process is killed: what is in the journal, the store's write-ahead log, half-written files, is looked at.
    assert holding(forwarding.directory) == set()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert holding(forwarding.directory) == set()
    again = forwarding.serve()
    until(lambda: (forwarding.directory / "out.json").exists())
    again.send_signal(signal.SIGTERM)
    again.wait(15)
    assert holding(forwarding.directory) == set()
    names = {p.name for p in forwarding.directory.rglob("*") if p.is_file() and p.stat().st_size}
    assert names >= {
        "redactor.db",
        "operator.log",
        "out.json",
        "out.ocsf",
        "out.cef",
        "out.otlp",
        "published.txt",
        "metrics.txt",
    }
    text = (forwarding.directory / "out.json").read_text()
    assert text.count('"verdict":"refused"') + text.count('"verdict":"redacted"') > 10


def everything() -> list[str]:
    """An administrator's statements, all of which are logged: values in utilities, in rows that are read, in errors."""
    a, b, c, d, e, f, g, h, i, j, k, m = SEEDS
    return [
        f"INSERT INTO people VALUES (7, '{a}', '{b}')",
        "SELECT name, status FROM people WHERE id = 7",
        f"INSERT INTO people VALUES (7, '{c}', '{c}')",  # Key (id)=(7) already exists
        f"CREATE TABLE made (a text CHECK (a <> '{d}'), b text DEFAULT 'x\\', c text DEFAULT '{d}')",
        f"INSERT INTO made VALUES ('{d}')",  # Failing row contains
        "SELECT status::int FROM people WHERE id = 7",  # invalid input syntax for type integer
        f"DO $$ BEGIN RAISE EXCEPTION '{e}'; END $$",
        f"DO $$ BEGIN RAISE NOTICE '{e}'; END $$",
        f"NOTIFY c, '{f}'",
        f"CREATE ROLE counter_made PASSWORD '{g}'",
        f"ALTER ROLE counter_made PASSWORD '{g}' VALID UNTIL '2030-01-01'",
        "DROP ROLE IF EXISTS counter_made",
        f"COMMENT ON TABLE people IS '{h}'",
        f"/* {i} /* {i} */ {i} */ SELECT 1 -- {i}",
        f"PREPARE p AS SELECT '{j}'",
        f"EXECUTE p('{j}')",
        f"SET application_name = E'x' \n '{k}'",
        f"EXPLAIN SELECT * FROM people WHERE status = '{m}'",
        f"SELECT * FROM people WHERE status = '{m}' FOR UPDATE",
    ]


def test_values_that_an_administrator_reads_and_writes_are_in_clear_nowhere(
    forwarding: Installation, postgres18: Server
) -> None:
    policy = forwarding.directory / "policy.yaml"
    policy.write_text(policy.read_text().replace("[approved]}", "[approved, postgres]}") + "record: all\n")
    process = forwarding.serve()
    try:
        with forwarding.connect("postgres") as connection:
            done = 0
            for sql in everything():
                with contextlib.suppress(psycopg.Error):
                    connection.execute(sql)
                    done += 1
            assert done > 11, "most of them succeed"
            with connection.cursor() as cursor, cursor.copy("COPY people FROM STDIN") as copy:
                copy.write(f"8\t{SEEDS[0]}\t{SEEDS[1]}\n")
            with connection.cursor() as cursor, cursor.copy("COPY people TO STDOUT") as copy:
                assert SEEDS[0].encode() in b"".join(bytes(piece) for piece in copy)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    finally:
        with psycopg.connect(postgres18.dsn(), autocommit=True) as admin:
            admin.execute("DROP ROLE IF EXISTS counter_made")
    assert holding(forwarding.directory) == set()
    assert (forwarding.directory / "out.json").read_text().count('"verdict":"allowed"') > 18
