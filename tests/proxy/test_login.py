"""Logins on a real server: every method that is relayed, TLS on both sides, and what is turned away."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from redactor.config import TlsFiles, Upstream
from redactor.proxy.certificates import load
from tests import servers
from tests.certificates import self_signed
from tests.proxy.running import Running, running
from tests.proxy.test_clients import result_of

METHODS = {"by_scram": "scram-sha-256", "by_md5": "md5", "by_password": "password"}


@pytest.fixture(scope="module")
def users(postgres: servers.Server) -> None:
    hba = postgres.directory / "data" / "pg_hba.conf"
    lines = [f"host all {user} 127.0.0.1/32 {method}\n" for user, method in METHODS.items()]
    hba.write_text("".join(lines) + hba.read_text())
    with psycopg.connect(postgres.dsn(), autocommit=True) as c:
        c.execute("SELECT pg_reload_conf()")
        for user in METHODS:
            kind = "md5" if user == "by_md5" else "scram-sha-256"
            c.execute(f"SET password_encryption TO '{kind}'")
            c.execute(f"DROP ROLE IF EXISTS {user}")
            c.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'sésame'")


@pytest.mark.parametrize("user", METHODS)
def test_a_login_is_relayed_and_its_method_known(proxy: Running, users: None, user: str) -> None:
    with psycopg.connect(proxy.dsn(user=user, password="s%C3%A9same")) as c:
        assert c.execute("SELECT current_user -- record").fetchone() == (user,)
    (entry,) = proxy.log.entries
    assert (entry.requester.login, entry.requester.authentication) == (user, METHODS[user])


@pytest.mark.parametrize("user", METHODS)
def test_a_wrong_password_gives_the_servers_error(proxy: Running, users: None, user: str) -> None:
    with pytest.raises(psycopg.OperationalError) as direct:
        psycopg.connect(proxy.server.dsn(user=user, password="wrong"))
    with pytest.raises(psycopg.OperationalError) as through:
        psycopg.connect(proxy.dsn(user=user, password="wrong"))
    assert str(through.value).replace(str(proxy.port), "") == str(direct.value).replace(str(proxy.server.port), "")
    with psycopg.connect(proxy.dsn()) as c:
        c.execute("SELECT 1")


def test_an_unknown_database(proxy: Running) -> None:
    with pytest.raises(psycopg.OperationalError, match='database "elsewhere" does not exist'):
        psycopg.connect(proxy.dsn("elsewhere"))


def test_a_database_that_is_down(proxy: Running) -> None:
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(proxy.dsn("nowhere"))
    assert 'could not connect to the database "nowhere" (upstream): connection refused' in str(caught.value)


def test_replication_is_refused(proxy: Running) -> None:
    for value in ("database", "true"):
        with pytest.raises(psycopg.OperationalError, match="replication connections are refused"):
            psycopg.connect(proxy.dsn(), replication=value)


def test_the_judge_may_refuse_a_start_up_option_and_that_is_recorded(proxy: Running) -> None:
    with pytest.raises(psycopg.OperationalError, match="that option is refused"):
        psycopg.connect(proxy.dsn(), options="-c evil=1")
    (entry,) = proxy.log.entries
    assert entry.problem is not None
    with psycopg.connect(proxy.dsn(), options="-c work_mem=1MB", application_name="x -- record") as c:
        assert c.execute("SHOW work_mem -- record").fetchone() == ("1MB",)
    assert proxy.log.entries[-1].requester.application == "x -- record"


def test_standard_conforming_strings_must_stay_on(proxy: Running) -> None:
    with pytest.raises(psycopg.OperationalError, match="standard_conforming_strings must be on"):
        psycopg.connect(proxy.dsn(), options="-c standard_conforming_strings=off")
    with psycopg.connect(proxy.dsn(), autocommit=True) as c:
        with pytest.raises(psycopg.OperationalError, match="must stay on"):
            c.execute("SET standard_conforming_strings TO off")
        assert c.closed


def ask(port: int, data: bytes) -> bytes:
    """All that is answered to those bytes until the connection is closed."""
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.settimeout(10)
        s.sendall(data)
        got = b""
        while chunk := s.recv(65536):
            got += chunk
        return got


def startup(*pairs: str, version: int = 3 << 16) -> bytes:
    body = b"".join(p.encode() + b"\0" for p in pairs) + b"\0"
    return struct.pack(">II", len(body) + 8, version) + body


SSL_REQUEST = struct.pack(">II", 8, 80877103)

NOT_A_LOGIN = {
    "nothing that is a length": (b"GET / HTTP/1.1\r\n\r\n", b"08P01"),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01", b"08P01"),
    "a length below its own": (struct.pack(">I", 3) + b"xxxx", b"08P01"),
    "a negative length": (struct.pack(">i", -1) + b"xxxx", b"08P01"),
    "a length above the bound": (struct.pack(">II", 10_001, 3 << 16), b"08P01"),
    "protocol 2": (startup("user", "x", version=2 << 16), b"0A000"),
    "no user": (startup("database", "postgres"), b"28000"),
    "a name twice": (startup("user", "postgres", "user", "root"), b"08P01"),
    "a name twice in other case": (startup("user", "x", "search_path", "a", "Search_Path", "b"), b"08P01"),
    "a special name in other case": (startup("user", "x", "Options", "-c a=b"), b"08P01"),
    "no terminator": (struct.pack(">II", 15, 3 << 16) + b"user\0xx", b"08P01"),
    "a long user": (startup("user", "x" * 64, "database", "postgres"), b"28000"),
    "bytes behind an SSLRequest": (SSL_REQUEST + startup("user", "postgres"), b"08P01"),
    "a second SSLRequest": (None, b"0A000"),
    "a Query instead of a login": (b"Q\0\0\0\x0dSELECT 1\0", b"08P01"),
}


@pytest.mark.parametrize("name", NOT_A_LOGIN)
def test_what_is_no_login_is_told_so_and_closed(proxy: Running, name: str) -> None:
    data, sqlstate = NOT_A_LOGIN[name]
    if data is None:
        with socket.create_connection(("127.0.0.1", proxy.port)) as s:
            s.settimeout(10)
            s.sendall(SSL_REQUEST)
            assert s.recv(1) == b"N"
            s.sendall(SSL_REQUEST)
            got = s.recv(1000)
    else:
        got = ask(proxy.port, data)
    assert got.startswith(b"E")
    assert b"SFATAL\0VFATAL\0C" + sqlstate in got
    with psycopg.connect(proxy.dsn()) as c:
        c.execute("SELECT 1")


def test_an_unknown_cancel_key_is_dropped_without_an_answer(proxy: Running) -> None:
    assert ask(proxy.port, struct.pack(">IIII", 16, 80877102, 1, 2)) == b""


def test_a_query_sent_along_with_the_login_waits_for_it(proxy: Running) -> None:
    data = startup("user", "postgres", "database", "postgres") + b"Q\0\0\0\x0dSELECT 7\0X\0\0\0\x04"
    got = ask(proxy.port, data)
    assert got.index(b"Z\0\0\0\x05I") < got.index(b"\0\x01\0\0\0\x017")


@pytest.mark.parametrize("minor", [0, 2, 9999])
def test_protocol_versions_and_unknown_options_are_negotiated(proxy: Running, minor: int) -> None:
    """As a server that knows 3.2 does it (or 3.0, before 18): the client hears what it will not get."""
    pairs = ("user", "postgres", "database", "postgres", "_pq_.x", "1")
    data = startup(*pairs, version=3 << 16 | minor)
    got = ask(proxy.port, data + b"X\0\0\0\x04")
    newest = min(minor, 2 if proxy.server.major >= 18 else 0)
    assert got.startswith(b"v" + struct.pack(">III", 19, 3 << 16 | newest, 1) + b"_pq_.x\0R")
    assert b"Z\0\0\0\x05I" in got


def until_sleeping(server: servers.Server) -> None:
    """A cancel request that comes before its query cancels nothing, as on a direct connection."""
    until = time.monotonic() + 10
    with psycopg.connect(server.dsn(), autocommit=True) as c:
        while c.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'").fetchone() is None:
            assert time.monotonic() < until
            time.sleep(0.01)


def test_libpq_with_protocol_3_2_can_cancel(proxy: Running) -> None:
    if proxy.server.major < 18 or psycopg.pq.version() < 180000:
        pytest.skip("needs libpq 18 and PostgreSQL 18")
    with psycopg.connect(proxy.dsn(), max_protocol_version="3.2", autocommit=True) as c:
        c.execute("SELECT 1")
        c.pgconn.send_query(b"SELECT pg_sleep(20)")
        until_sleeping(proxy.server)
        c.cancel_safe()
        r = result_of(c)
        assert result_of(c) is None
        assert r is not None
        assert r.error_field(psycopg.pq.DiagnosticField.SQLSTATE) == b"57014"


# ------------------------------------------------------------------ TLS


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return self_signed(tmp_path_factory.mktemp("tls") / "server.crt", "localhost", "localhost", "127.0.0.1")


@pytest.fixture(scope="module")
def encrypted(postgres18: servers.Server, files: TlsFiles) -> Iterator[Running]:
    """A proxy that offers TLS to clients."""
    with running(postgres18, tls=load(files)) as proxy:
        yield proxy


def test_clients_may_use_tls(encrypted: Running, files: TlsFiles) -> None:
    dsn = encrypted.dsn() + f"?sslmode=verify-full&sslrootcert={files.certificate}"
    with psycopg.connect(dsn, autocommit=True) as c:
        assert c.pgconn.ssl_in_use
        assert c.execute("SELECT length(repeat('x', 1000000)), repeat('y', 500000)").fetchone() == (10**6, "y" * 500000)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            c.execute("SELECT 1 -- refuse")
        c.cancel_safe()
    with psycopg.connect(encrypted.dsn() + "?sslmode=disable") as c:
        assert not c.pgconn.ssl_in_use


def test_a_broken_tls_handshake_leaves_the_next_client_served(encrypted: Running) -> None:
    with socket.create_connection(("127.0.0.1", encrypted.port)) as s:
        s.sendall(SSL_REQUEST)
        assert s.recv(1) == b"S"
        s.sendall(b"this is no TLS at all, and never will be")
        s.settimeout(10)
        while s.recv(1000):
            pass
    got = ask(encrypted.port, SSL_REQUEST + b"\x16\x03\x01")
    assert b"unencrypted data after SSL request" in got
    with psycopg.connect(encrypted.dsn() + "?sslmode=require") as c:
        c.execute("SELECT 1")


@pytest.fixture(scope="module")
def server_with_tls(files: TlsFiles) -> Iterator[servers.Server]:
    """A server with a certificate: Debian's, since the embedded one is built without TLS."""
    binaries = servers.installed(15)
    if binaries is None:
        pytest.skip("PostgreSQL 15 is not installed in /usr/lib/postgresql/15")
    with servers.cluster(binaries) as server:
        owner = server.directory.stat()
        for source in (files.certificate, files.key):
            target = server.directory / "data" / source.name
            target.write_bytes(source.read_bytes())
            target.chmod(0o600)
            os.chown(target, owner.st_uid, owner.st_gid)
        with psycopg.connect(server.dsn(), autocommit=True) as c:
            c.execute("ALTER SYSTEM SET ssl TO on")
            c.execute("SELECT pg_reload_conf()")
        until = time.monotonic() + 10
        while True:
            try:
                psycopg.connect(server.dsn() + "?sslmode=require").close()
                break
            except psycopg.OperationalError:
                assert time.monotonic() < until
                time.sleep(0.05)
        yield server


@pytest.mark.parametrize("mode", ["disable", "prefer", "require", "verify-ca", "verify-full"])
def test_the_upstream_may_use_tls(server_with_tls: servers.Server, files: TlsFiles, mode: str) -> None:
    there = Upstream("127.0.0.1", server_with_tls.port, "postgres", "postgres", mode, files.certificate)
    with running(server_with_tls, upstream=there) as proxy, psycopg.connect(proxy.dsn(), autocommit=True) as c:
        row = c.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
        assert row == (mode != "disable",)
        assert c.execute("SELECT length(%s)", ("x" * 10**6,)).fetchone() == (10**6,)


def test_tls_that_was_demanded_is_not_done_without(
    postgres18: servers.Server, server_with_tls: servers.Server, tmp_path: Path
) -> None:
    plain = Upstream("127.0.0.1", postgres18.port, "postgres", "postgres", "require")
    with (
        running(postgres18, upstream=plain) as proxy,
        pytest.raises(psycopg.OperationalError, match="it does not offer tls"),
    ):
        psycopg.connect(proxy.dsn())
    stranger = self_signed(tmp_path / "stranger.crt", "localhost").certificate
    unknown = Upstream("127.0.0.1", server_with_tls.port, "postgres", "postgres", "verify-ca", stranger)
    with (
        running(server_with_tls, upstream=unknown) as proxy,
        pytest.raises(psycopg.OperationalError, match="certificate cannot be verified"),
    ):
        psycopg.connect(proxy.dsn())


def test_a_unix_socket_upstream(postgres18: servers.Server) -> None:
    there = Upstream(str(postgres18.directory), postgres18.port, "postgres", "postgres")
    with running(postgres18, upstream=there) as proxy, psycopg.connect(proxy.dsn(), autocommit=True) as c:
        assert c.execute("SELECT inet_server_addr()").fetchone() == (None,)
