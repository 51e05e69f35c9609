"""What is too much: clients, messages, statements, and time."""

from __future__ import annotations

import socket
import time

import psycopg
import pytest

from redactor.proxy import Alone, Room
from redactor.wire.pg import Limits
from tests.proxy.running import running
from tests.servers import Server


def refused(dsn: str) -> psycopg.OperationalError:
    with pytest.raises(psycopg.OperationalError) as told:
        psycopg.connect(dsn)
    return told.value


def test_as_many_clients_as_there_may_be_and_as_many_of_each_login(postgres18: Server) -> None:
    with psycopg.connect(postgres18.dsn(), autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS guest")
        admin.execute("CREATE ROLE guest LOGIN")
    with running(postgres18, neighbours=Alone(Room(3, 2))) as proxy:
        one, two = psycopg.connect(proxy.dsn()), psycopg.connect(proxy.dsn())
        said = str(refused(proxy.dsn()))
        assert 'too many connections for role "postgres"' in said
        assert "connections_per_login" in said
        three = psycopg.connect(proxy.dsn(user="guest"))
        assert "sorry, too many clients already" in str(refused(proxy.dsn(user="guest")))
        # whom there is room for is not disturbed, and who leaves makes room
        for c in (one, two, three):
            assert c.execute("SELECT 1").fetchone() == (1,)
        one.close()
        until = time.monotonic() + 10
        while proxy.counters.active > 2:
            assert time.monotonic() < until
            time.sleep(0.02)
        with psycopg.connect(proxy.dsn()) as again:
            assert again.execute("SELECT 1").fetchone() == (1,)
        # a cancel request is no client
        two.cancel_safe(timeout=5)
        two.close()
        three.close()


def test_a_login_that_fails_makes_room_again(postgres18: Server) -> None:
    with running(postgres18, neighbours=Alone(Room(1))) as proxy:
        for _ in range(3):
            assert "does not exist" in str(refused(proxy.dsn(user="nobody_of_that_name")))
        with psycopg.connect(proxy.dsn()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_statement_that_is_too_long_is_refused_and_the_session_goes_on(postgres18: Server) -> None:
    with running(postgres18, more={"limits": Limits(text=2000)}) as proxy, psycopg.connect(proxy.dsn()) as connection:
        with pytest.raises(psycopg.errors.ProgramLimitExceeded) as told:
            connection.execute("SELECT 1 -- " + "x" * 2000)
        assert "longer than 2000 bytes" in str(told.value)
        connection.rollback()
        assert connection.execute("SELECT length(%s)", ["x" * 5000]).fetchone() == (5000,)


@pytest.mark.parametrize("prepared", [False, True])
def test_a_message_that_is_too_long_ends_the_session(postgres18: Server, prepared: bool) -> None:
    with running(postgres18, more={"limits": Limits(message=100_000)}) as proxy:
        with psycopg.connect(proxy.dsn()) as connection:
            for _ in range(2):
                connection.execute("SELECT length(%s)", ["x" * 90_000], prepare=prepared)
            with pytest.raises(psycopg.OperationalError) as told:
                connection.execute("SELECT length(%s)", ["x" * 110_000], prepare=prepared)
        assert "messages longer than 100000 bytes are refused" in str(told.value)


def test_who_does_nothing_is_let_go_and_who_waits_for_an_answer_is_not(postgres18: Server) -> None:
    with running(postgres18, more={"idle_timeout": 0.8}) as proxy:
        busy, idle = psycopg.connect(proxy.dsn()), psycopg.connect(proxy.dsn())
        idle.execute("SELECT 1")
        assert busy.execute("SELECT 1 FROM pg_sleep(2)").fetchone() == (1,)
        with pytest.raises(psycopg.OperationalError) as told:
            idle.execute("SELECT 1")
        assert told.value.sqlstate == "57P05"
        assert "idle-session timeout" in str(told.value)
        busy.close()


def test_a_login_may_take_only_so_long(postgres18: Server) -> None:
    with running(postgres18, more={"login_timeout": 0.3}) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as s:
            said = s.recv(1000)
            assert b"57014" in said
            assert s.recv(1) == b""
        with psycopg.connect(proxy.dsn()) as connection:
            time.sleep(0.5)
            assert connection.execute("SELECT 1").fetchone() == (1,)
