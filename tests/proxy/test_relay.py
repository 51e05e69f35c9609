"""The relay when things go wrong or slowly: what is lost, who is told, and what memory it takes."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests import servers
from tests.proxy.running import Running, running
from tests.proxy.test_login import ask, startup

LOGIN = startup("user", "postgres", "database", "postgres")


@contextlib.contextmanager
def raw(port: int) -> Iterator[socket.socket]:
    """A connection that has logged in."""
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.settimeout(10)
        s.sendall(LOGIN)
        got = b""
        while not got.endswith(b"Z\0\0\0\x05I"):
            got += s.recv(65536)
        yield s


def resident() -> int:
    """Kilobytes of memory in use now; the peak is counted from here on."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("memory is measured on Linux only")
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> int:
    """Kilobytes of memory at the most, since `resident` was asked."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])


def rest(s: socket.socket) -> bytes:
    """All until the end."""
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := s.recv(65536):
            got += chunk
    return got


def query(text: str) -> bytes:
    return b"Q" + struct.pack(">I", len(text) + 5) + text.encode() + b"\0"


NOT_A_MESSAGE = {
    "an unknown kind": b"z\0\0\0\x04",
    "a server's kind": b"R\0\0\0\x08\0\0\0\0",
    "a length below its own": b"Q\0\0\0\x03",
    "a length of nothing": b"Q\0\0\0\0",
    "a negative length": b"Q\xff\xff\xff\xffSELECT 1",
    "two gigabytes": b"Q\x80\0\0\0SELECT 1",
    "above PostgreSQL's own bound": b"d\x40\0\0\0",
    "a Sync of a megabyte": b"S\0\x10\0\0",
    "a Describe of a megabyte": b"D\0\x10\0\0",
    "a Query without its end": b"Q\0\0\0\x0cSELECT 1",
    "a Query with two ends": b"Q\0\0\0\x11SELECT 1\0abc\0",
    "a Parse without its strings": b"P\0\0\0\x08abcd",
    "a Parse with too many types": b"P\0\0\0\x10\0SELECT 1\0\0\x02"[:5] + b"\0SELECT 1\0\0\x02",
    "a Bind without its names": b"B\0\0\0\x08abcd",
    "a long Bind without its names": b"B\0\x20\0\0" + b"a" * 5000,
    "a Describe of nothing": b"D\0\0\0\x06X\0",
    "an Execute without its portal": b"E\0\0\0\x08\x01\x01\x01\x01",
    "a password": b"p\0\0\0\x05\0",
}


@pytest.mark.parametrize("name", NOT_A_MESSAGE)
def test_what_is_no_message_ends_the_session_with_an_error(proxy: Running, name: str) -> None:
    with raw(proxy.port) as s:
        s.sendall(query("SELECT 41"))
        while not s.recv(65536).endswith(b"Z\0\0\0\x05I"):
            pass
        s.sendall(NOT_A_MESSAGE[name])
        got = rest(s)
    assert got.startswith(b"E")
    assert b"SFATAL\0VFATAL\0C08P01\0" in got
    with psycopg.connect(proxy.dsn()) as c:
        assert c.execute("SELECT 1").fetchone() == (1,)


def test_garbage_behind_a_query_does_not_reach_the_server(proxy: Running) -> None:
    with raw(proxy.port) as s:
        s.sendall(query("SELECT pg_sleep(0.2)") + b"z\0\0\0\x04" + query("CREATE TABLE never (n int)"))
        assert b"C08P01" in rest(s)
    with psycopg.connect(proxy.dsn()) as c:
        assert c.execute("SELECT to_regclass('never')").fetchone() == (None,)


def test_a_text_beyond_the_bound_is_refused_unread_and_the_session_goes_on(proxy: Running) -> None:
    size = 20 << 20
    with raw(proxy.port) as s:
        for kind, head in ((b"Q", b""), (b"P", b"\0")):
            s.sendall(kind + struct.pack(">I", size + 4) + head)
            left = size - len(head)
            while left:
                left -= s.send(b"x" * min(left, 1 << 16))
            s.sendall(b"S\0\0\0\x04" if kind == b"P" else b"")
            got = b""
            while not got.endswith(b"Z\0\0\0\x05I"):
                got += s.recv(65536)
            assert b"C54000\0" in got
    assert [e.text for e in proxy.log.entries] == ["", ""]


def test_a_long_parameter_is_not_held(proxy: Running) -> None:
    size = 64 << 20
    before = resident()
    with raw(proxy.port) as s:
        text = b"SELECT length($1::bytea)"
        s.sendall(b"P" + struct.pack(">I", 4 + 1 + len(text) + 1 + 2) + b"\0" + text + b"\0\0\0")
        s.sendall(b"B" + struct.pack(">I", 4 + 2 + 2 + 2 + 2 + 4 + size + 2) + b"\0\0" + b"\0\x01\0\x01\0\x01")
        s.sendall(struct.pack(">I", size))
        block = b"x" * (1 << 16)
        for _ in range(size >> 16):
            s.sendall(block)
        s.sendall(b"\0\0" + b"E\0\0\0\x09\0\0\0\0\0" + b"S\0\0\0\x04")
        got = b""
        while not got.endswith(b"Z\0\0\0\x05I"):
            got += s.recv(65536)
    assert str(size).encode() in got
    grown = peak() - before
    assert grown < 16 << 10  # kilobytes


def test_a_client_that_does_not_read_stops_the_server_not_the_memory(proxy: Running) -> None:
    with raw(proxy.port) as s:
        s.sendall(query("SELECT repeat('x', 1000) FROM generate_series(1, 200000)"))  # 200 MB
        time.sleep(0.3)
        before = resident()
        time.sleep(0.7)
        grown = peak() - before
        assert grown < 8 << 10
        # others go on meanwhile
        with psycopg.connect(proxy.dsn()) as c:
            assert c.execute("SELECT 1").fetchone() == (1,)
        total = 0
        last = b""
        while not last.endswith(b"Z\0\0\0\x05I"):
            last = s.recv(1 << 20)
            total += len(last)
    assert total > 200_000 * 1000


def test_a_server_that_does_not_read_stops_the_client_not_the_memory(proxy: Running) -> None:
    with psycopg.connect(proxy.server.dsn(), autocommit=True) as direct:
        direct.execute("CREATE TABLE IF NOT EXISTS locked (s text)")
        with raw(proxy.port) as s, direct.transaction():
            direct.execute("LOCK locked")
            s.sendall(query("INSERT INTO locked VALUES ('x')"))
            block = query("SELECT 1 /*" + "x" * 60_000 + "*/")
            s.settimeout(1)
            before = resident()
            sent = 0
            with contextlib.suppress(TimeoutError):
                while sent < 256 << 20:
                    sent += s.send(block)  # cut anywhere: only how much is taken matters
            grown = peak() - before
            assert sent < 64 << 20
            assert grown < 32 << 10
        direct.execute("DROP TABLE locked")


def test_a_blocked_session_does_not_hold_more_than_its_bound(proxy: Running) -> None:
    """Behind an unanswered SET search_path nothing is decided; what the client sends meanwhile waits outside."""
    with raw(proxy.port) as s:
        s.sendall(query("SET search_path TO public; SELECT pg_sleep(1.5)"))
        s.settimeout(0.5)
        sent = 0
        block = query("SELECT 1 /*" + "x" * 60_000 + "*/")
        with contextlib.suppress(TimeoutError):
            while sent < 256 << 20:
                s.sendall(block)
                sent += len(block)
        assert sent < 64 << 20


def test_the_server_is_lost_mid_session(proxy: Running) -> None:
    with psycopg.connect(proxy.dsn(), autocommit=True) as c, psycopg.connect(proxy.dsn(), autocommit=True) as other:
        pid = c.info.backend_pid
        threading.Timer(0.2, lambda: other.execute("SELECT pg_terminate_backend(%s)", (pid,))).start()
        with pytest.raises(psycopg.errors.AdminShutdown):
            c.execute("SELECT pg_sleep(10)")
        assert c.closed
        assert other.execute("SELECT 1").fetchone() == (1,)


def test_the_server_vanishes_without_a_word() -> None:
    """A server that closes in the middle of a row: the client is not given an error inside of it."""
    listener = socket.create_server(("127.0.0.1", 0))
    hello = b"R\0\0\0\x08\0\0\0\0" + b"S\0\0\0\x17search_path\0public\0\0"[:5] + b"search_path\0public\0"
    ready = b"Z\0\0\0\x05I"

    def serve() -> None:
        for part in (b"", b"D\0\0\0\x64partial"):
            s, _ = listener.accept()
            with s:
                s.recv(1000)
                s.sendall(hello + ready)
                s.recv(1000)
                s.sendall(part)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    fake = servers.Server(servers.Path("/"), 18, listener.getsockname()[1], servers.Path("/"), frozenset())
    from redactor.config import Upstream

    there = Upstream("127.0.0.1", fake.port, "postgres", "postgres", "disable")
    with running(fake, upstream=there) as proxy:
        with raw(proxy.port) as s:
            s.sendall(query("SELECT 1"))
            assert b"C08006\0Mthe connection to the database was lost" in rest(s)
        with raw(proxy.port) as s:
            s.sendall(query("SELECT 1"))
            assert rest(s) == b"D\0\0\0\x64partial"
    thread.join(5)
    listener.close()


def test_a_server_that_is_none_is_not_believed() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for answer in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"W\0\0\0\x07\0\0\0", b"R\0\0\0\x08\0\0\0\x07"):
            s, _ = listener.accept()
            with s:
                s.recv(1000)
                s.sendall(answer)
                s.recv(1000)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    from redactor.config import Upstream

    fake = servers.Server(servers.Path("/"), 18, listener.getsockname()[1], servers.Path("/"), frozenset())
    there = Upstream("127.0.0.1", fake.port, "postgres", "postgres", "disable")
    with running(fake, upstream=there) as proxy:
        for sqlstate in (b"08P01", b"08P01", b"28000"):
            got = ask(proxy.port, LOGIN)
            assert b"SFATAL\0VFATAL\0C" + sqlstate in got
    thread.join(5)
    listener.close()


def test_a_client_that_leaves_ends_its_server_session(proxy: Running) -> None:
    c = psycopg.connect(proxy.dsn(), autocommit=True)
    pid = c.info.backend_pid
    socket.socket(fileno=c.pgconn.socket).close()  # without a Terminate
    with psycopg.connect(proxy.server.dsn(), autocommit=True) as direct:
        until = time.monotonic() + 10
        while direct.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone():
            assert time.monotonic() < until
            time.sleep(0.02)
    with contextlib.suppress(psycopg.Error):
        c.close()


def test_what_a_client_sent_before_it_left_is_done(proxy: Running) -> None:
    """Also what waited in the session behind a statement that had to be answered first."""
    with psycopg.connect(proxy.server.dsn(), autocommit=True) as direct:
        direct.execute("CREATE TABLE IF NOT EXISTS left_over (n int)")
        direct.execute("TRUNCATE left_over")
        with raw(proxy.port) as s:
            s.sendall(
                query("SET search_path TO public; SELECT pg_sleep(0.3)")
                + query("INSERT INTO left_over VALUES (1)")
                + b"X\0\0\0\x04"
            )
        until = time.monotonic() + 10
        while direct.execute("SELECT count(*) FROM left_over").fetchone() != (1,):
            assert time.monotonic() < until
            time.sleep(0.05)
        direct.execute("DROP TABLE left_over")


@pytest.mark.parametrize("text", ["SELECT 1", "SELECT pg_sleep(0.1)", "SET search_path = public; SELECT 1"])
def test_what_a_client_asked_for_before_it_closed_its_half_is_answered(proxy: Running, text: str) -> None:
    with raw(proxy.port) as s:
        s.sendall(query(text))
        s.shutdown(socket.SHUT_WR)
        got = rest(s)
    assert b"C\0\0\0\rSELECT 1\0" in got
    assert got.endswith(b"Z\0\0\0\x05I")


def test_a_half_that_is_closed_in_the_middle_of_a_message_ends_the_session(proxy: Running) -> None:
    with raw(proxy.port) as s:
        s.sendall(query("SELECT 1")[:-3])
        s.shutdown(socket.SHUT_WR)
        assert rest(s) == b""


def test_shutdown_tells_the_clients_and_ends_in_time(postgres18: servers.Server) -> None:
    with running(postgres18) as proxy:
        with psycopg.connect(proxy.dsn(), autocommit=True) as c:
            c.execute("SELECT 1")
            with raw(proxy.port) as silent, raw(proxy.port) as busy:
                busy.sendall(query("SELECT pg_sleep(60)"))
                time.sleep(0.1)
                started = time.monotonic()
                proxy.do(proxy.proxy.close())
                assert time.monotonic() - started < 4
                assert b"C57P01" in rest(silent)
                assert b"C57P01" in rest(busy)
            with pytest.raises(psycopg.errors.AdminShutdown):
                c.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(proxy.dsn())
        assert proxy.counters.active == 0


def test_a_login_that_never_ends_is_ended(postgres18: servers.Server) -> None:
    with running(postgres18, more={"login_timeout": 0.3}) as proxy:
        assert b"the login took too long" in ask(proxy.port, b"\0\0")
        with raw(proxy.port) as s:
            time.sleep(0.5)
            s.sendall(query("SELECT 1"))
            assert s.recv(1000).startswith(b"T")


def test_what_has_happened_is_counted(postgres18: servers.Server) -> None:
    with running(postgres18) as proxy:
        with psycopg.connect(proxy.dsn(), autocommit=True) as c:
            with contextlib.suppress(psycopg.Error):
                c.execute("SELECT 1 -- refuse")
            c.execute("SELECT 'secret_a'")
            c.execute("SELECT 1 -- record")
            counters = proxy.counters
            assert counters.active == 1
        with contextlib.suppress(psycopg.Error):
            psycopg.connect(proxy.dsn("nowhere"))
        assert (counters.sessions, counters.refused, counters.redacted, counters.allowed) == (2, 1, 1, 1)
        assert counters.upstream_failures == 1
