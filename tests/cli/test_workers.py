"""`redactor serve` with several workers: one port, one service."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import psycopg
import pytest

from tests.cli.test_serve import POLICY, STATUS, Installation, counter, until

__all__ = ["counter"]

HIDDEN = [("Ana", None), ("Ben", None)]
SHOWN = [("Ana", "visa"), ("Ben", "citizen")]

if not Path("/proc/self/task").exists():
    pytest.skip("workers need Linux", allow_module_level=True)


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found += [int(c) for c in (task / "children").read_text().split()]
    return found


def lives(connection: psycopg.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def cancelled(connection: psycopg.Connection) -> bool:
    """Whether a query of that connection ends when it is cancelled, by a connection of its own."""
    ended: list[bool] = []

    def sleep() -> None:
        try:
            connection.execute("SELECT pg_sleep(20)")
        except psycopg.errors.QueryCanceled:
            ended.append(True)

    thread = threading.Thread(target=sleep)
    thread.start()
    time.sleep(0.2)
    connection.cancel_safe(timeout=10)
    thread.join(10)
    return ended == [True]


def test_several_workers_are_one_service(counter: Installation) -> None:
    counter.configure(workers="2")
    process = counter.serve()
    workers = children(process.pid)
    assert len(workers) == 2
    with psycopg.connect(counter.server.dsn("counter"), autocommit=True) as admin:
        admin.execute("GRANT CREATE ON SCHEMA public TO approved")
    clients = [counter.connect("ordinary") for _ in range(4)]
    assert [c.execute(STATUS).fetchall() for c in clients] == [HIDDEN] * 4

    # a cancel request finds its session, whichever worker it reaches
    assert [cancelled(c) for c in clients] == [True] * 4

    # what one changes, all know when it has been told that it is done
    with counter.connect("approved") as approved:
        for n in range(3):
            approved.execute(f"CREATE VIEW statuses{n} AS SELECT status FROM people")
            seen = [c.execute(f"SELECT status FROM statuses{n}").fetchall() for c in clients]
            assert seen == [[(None,), (None,)]] * 4

    # a new policy reaches all
    (counter.directory / "policy.yaml").write_text(POLICY.replace("[approved]}", "[approved, ordinary]}"))
    process.send_signal(signal.SIGHUP)
    until(lambda: counter.events().count("reloaded") == 2, counter.log)
    assert [c.execute(STATUS).fetchall() for c in clients] == [SHOWN] * 4

    # one that dies takes its own clients with it, nobody else's, and is started again
    os.kill(workers[0], signal.SIGKILL)
    until(lambda: "a worker has ended; it is started again" in counter.events(), counter.log)
    assert sorted(lives(c) for c in clients) == [False, False, True, True]
    with counter.connect("ordinary") as another:
        assert lives(another)
    until(lambda: len([w for w in children(process.pid) if runs(w)]) == 2, counter.log)

    process.send_signal(signal.SIGTERM)
    for c in clients:
        c.close()
    assert process.wait(20) == 0, counter.log()
    assert counter.events()[-1] == "stopped"
    assert not any(map(runs, workers))


def test_clients_are_counted_for_all_workers_together_and_none_outlives_the_service(counter: Installation) -> None:
    counter.configure(workers="2", limits="{connections: 3}")
    process = counter.serve()
    workers = children(process.pid)
    clients = [counter.connect() for _ in range(3)]
    with pytest.raises(psycopg.OperationalError, match="too many clients already"):
        counter.connect()
    clients.pop().close()
    until(lambda: admitted(counter))
    assert all(map(lives, clients))
    process.kill()
    for c in clients:
        c.close()
    until(lambda: not any(map(runs, workers)), counter.log)


def admitted(counter: Installation) -> bool:
    try:
        counter.connect().close()
    except psycopg.OperationalError:
        return False
    return True
