"""Logins that the proxy checks itself, on a real server and with real clients: SCRAM, certificates, tokens."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest
from cryptography.hazmat.primitives import hashes, serialization

from redactor.config import VERIFIER_QUERY, LoginMethod, LoginRule, Logins
from redactor.identity import Providers
from redactor.proxy import certificates
from redactor.wire.pg.framing import frame, u32
from tests import servers
from tests.certificates import Authority
from tests.identity.issuer import ISSUER, Issuer
from tests.proxy.running import Running, running
from tests.proxy.secured import PASSWORD, secured, upstream

ASKED = Logins(query=VERIFIER_QUERY)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[servers.Server]:
    binaries = servers.installed(15)
    if binaries is None:
        pytest.skip("PostgreSQL 15 is not installed in /usr/lib/postgresql/15")
    with secured(binaries, authority) as found:
        yield found


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("issuer"))


@contextmanager
def proxied(
    server: servers.Server, authority: Authority, logins: Logins = ASKED, tls: Any = None, **more: Any
) -> Iterator[Running]:
    shown = tls or replace(authority.server(), client_ca=authority.file)
    own = more.pop("own", False)
    with running(
        server, tls=certificates.load(shown), upstream=upstream(server, authority, own), more={"logins": logins}, **more
    ) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def proxy(server: servers.Server, authority: Authority) -> Iterator[Running]:
    with proxied(server, authority) as found:
        yield found


def dsn(proxy: Running, authority: Authority, user: str = "by_scram", password: str = PASSWORD, **more: str) -> str:
    options = {"sslmode": "verify-full", "sslrootcert": str(authority.file), "connect_timeout": "10"} | more
    given = "&".join(f"{k}={v}" for k, v in options.items())
    return f"postgresql://{user}:{password}@127.0.0.1:{proxy.port}/postgres?{given}"


def authentication(proxy: Running) -> str:
    """How the last one that asked to be recorded was authenticated."""
    return proxy.log.entries[-1].requester.authentication


# ------------------------------------------------------------------ SCRAM


@pytest.mark.parametrize("binding", ["require", "prefer", "disable"])
def test_scram_with_both_sides_under_tls(proxy: Running, authority: Authority, binding: str) -> None:
    with psycopg.connect(dsn(proxy, authority, channel_binding=binding), autocommit=True) as c:
        row = c.execute("SELECT current_user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid() -- record").fetchone()
    assert row == ("by_scram", True)
    assert authentication(proxy) == ("scram-sha-256" if binding == "disable" else "scram-sha-256-plus")


def test_scram_without_tls_with_the_client(proxy: Running, authority: Authority) -> None:
    with psycopg.connect(dsn(proxy, authority, sslmode="disable")) as c:
        assert c.execute("SELECT current_user -- record").fetchone() == ("by_scram",)
    assert authentication(proxy) == "scram-sha-256"


@pytest.mark.parametrize(("user", "password"), [("by_scram", "wrong"), ("nobody_here", PASSWORD), ("postgres", "")])
def test_who_does_not_know_the_password(proxy: Running, authority: Authority, user: str, password: str) -> None:
    """Not even a login that the server would trust, and no difference for one that does not exist."""
    before = proxy.counters.login_failures
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(dsn(proxy, authority, user, password or "guess"))
    assert f'password authentication failed for user "{user}"' in str(caught.value)
    assert proxy.counters.login_failures == before + 1
    event, details = proxy.reports[-1]
    assert (event, details["login"], details["database"]) == ("login refused", user, "postgres")
    assert "scram" in details["why"]


async def test_asyncpg(proxy: Running, authority: Authority) -> None:
    context = ssl.create_default_context(cafile=str(authority.file))
    c = await asyncpg.connect(
        host="127.0.0.1", port=proxy.port, user="by_scram", password=PASSWORD, database="postgres", ssl=context
    )
    try:
        assert await c.fetchval("SELECT current_user::text") == "by_scram"
    finally:
        await c.close()


def test_psql(proxy: Running, authority: Authority, server: servers.Server) -> None:
    done = subprocess.run(
        [server.psql, "-XAtc", "SELECT current_user", dsn(proxy, authority, channel_binding="require")],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert (done.stdout, done.stderr) == ("by_scram\n", "")


def test_protocol_3_2_is_negotiated_behind_the_proxys_own_exchange(proxy: Running, authority: Authority) -> None:
    if psycopg.pq.version() < 180000:
        pytest.skip("needs libpq 18")
    with psycopg.connect(dsn(proxy, authority, max_protocol_version="latest"), autocommit=True) as c:
        assert c.execute("SELECT 1").fetchone() == (1,)


def test_a_verifier_of_the_file_that_the_database_does_not_share(
    server: servers.Server, authority: Authority, tmp_path: Path
) -> None:
    file = tmp_path / "userlist.txt"
    with psycopg.connect(server.dsn(user="redactor") + "?sslmode=require") as c:
        row = c.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'by_scram'").fetchone()
        assert row is not None
        kept = row[0]
        row = c.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'anna'").fetchone()
        assert row is not None
    file.write_text(f'; logins\n"by_scram" "{kept}"\n"shared" "{row[0]}"\n"anna" "md5{"0" * 32}"\n')
    with proxied(server, authority, Logins(verifiers=file)) as proxy:
        with psycopg.connect(dsn(proxy, authority)) as c:
            assert c.execute("SELECT current_user").fetchone() == ("by_scram",)
        with pytest.raises(psycopg.OperationalError, match="the proxy cannot log in to the database"):
            psycopg.connect(dsn(proxy, authority, "shared"))
        assert "not the one of the database" in proxy.reports[-1][1]["why"]
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(dsn(proxy, authority, "anna"))
        # with the password itself any salt will do; and the file is read anew
        file.write_text(f'"shared" "{PASSWORD}"\n"by_password" "{PASSWORD}"\n')
        for user in ("shared", "by_password"):
            with psycopg.connect(dsn(proxy, authority, user, channel_binding="require")) as c:
                assert c.execute("SELECT current_user").fetchone() == (user,)
        file.unlink()
        with pytest.raises(psycopg.OperationalError, match="cannot check logins now"):
            psycopg.connect(dsn(proxy, authority, "shared"))


def test_the_database_cannot_be_asked(server: servers.Server, authority: Authority) -> None:
    with (
        proxied(server, authority, Logins(query="SELECT nothing FROM nowhere WHERE x = $1")) as proxy,
        pytest.raises(psycopg.OperationalError, match="cannot check logins now"),
    ):
        psycopg.connect(dsn(proxy, authority))
    assert "42P01" in proxy.reports[0][1]["why"]


def test_the_connection_by_which_it_was_asked_may_break(
    proxy: Running, server: servers.Server, authority: Authority
) -> None:
    for _ in range(2):
        psycopg.connect(dsn(proxy, authority)).close()
        with psycopg.connect(server.dsn() + "?sslmode=require", autocommit=True) as c:
            ended = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE usename = 'redactor'"
            assert c.execute(ended).fetchone() == (1,)


def test_a_login_may_be_relayed_and_need_a_certificate(server: servers.Server, authority: Authority) -> None:
    logins = Logins((LoginRule(LoginMethod.RELAY, certificate=True),))
    with proxied(server, authority, logins) as proxy:
        shown = client(authority, "by_password")
        with psycopg.connect(dsn(proxy, authority, "by_password", **shown)) as c:
            assert c.execute("SELECT current_user -- record").fetchone() == ("by_password",)
        assert authentication(proxy) == "password"
        with pytest.raises(psycopg.OperationalError, match="valid client certificate"):
            psycopg.connect(dsn(proxy, authority, "by_password"))


def test_scram_where_there_is_no_tls_at_all(postgres18: servers.Server) -> None:
    with psycopg.connect(postgres18.dsn(), autocommit=True) as c:
        c.execute("DROP ROLE IF EXISTS by_verifier")
        c.execute("CREATE ROLE by_verifier LOGIN PASSWORD 'x y'")
    asked = replace(ASKED)
    there = replace_url(postgres18)
    with running(postgres18, upstream=there, more={"logins": asked}) as proxy:
        with psycopg.connect(proxy.dsn(user="by_verifier", password="x%20y")) as c:
            assert c.execute("SELECT current_user -- record").fetchone() == ("by_verifier",)
        assert authentication(proxy) == "scram-sha-256"
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(proxy.dsn(user="by_verifier", password="x"))


def replace_url(server: servers.Server) -> Any:
    from redactor.config import Upstream

    return Upstream("127.0.0.1", server.port, "postgres", "postgres", "disable", url=server.dsn())


def test_relayed_between_two_tls_connections(server: servers.Server, authority: Authority) -> None:
    """The error says what to do; and who does not bind the channel is relayed as before."""
    with proxied(server, authority, Logins()) as proxy:
        with pytest.raises(psycopg.OperationalError) as caught:
            psycopg.connect(dsn(proxy, authority))
        assert "this login cannot be relayed" in str(caught.value)
        assert "verifier_query" in str(caught.value)
        with psycopg.connect(dsn(proxy, authority, channel_binding="disable")) as c:
            assert c.execute("SELECT current_user").fetchone() == ("by_scram",)


@pytest.mark.parametrize("hash", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_binding_to_certificates_of_any_hash(
    server: servers.Server, authority: Authority, hash: hashes.HashAlgorithm
) -> None:
    with (
        proxied(server, authority, tls=authority.server(hash=hash)) as proxy,
        psycopg.connect(dsn(proxy, authority, channel_binding="require")) as c,
    ):
        c.execute("SELECT 1")


# ------------------------------------------------------------------ TLS


def test_tls_from_the_first_byte(proxy: Running, authority: Authority) -> None:
    if psycopg.pq.version() < 170000:
        pytest.skip("needs libpq 17")
    with psycopg.connect(dsn(proxy, authority, sslnegotiation="direct", channel_binding="require")) as c:
        assert c.pgconn.ssl_in_use
        assert c.execute("SELECT length(repeat('x', 1000000))").fetchone() == (10**6,)


def test_tls_from_the_first_byte_names_its_protocol(proxy: Running, authority: Authority) -> None:
    for protocols in ([], ["http/1.1"]):
        context = ssl.create_default_context(cafile=str(authority.file))
        if protocols:
            context.set_alpn_protocols(protocols)
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as s:
            with pytest.raises((OSError, ssl.SSLError)) as caught:  # noqa: PT012
                with context.wrap_socket(s, server_hostname="localhost") as secure:
                    secure.sendall(struct.pack(">II", 8, 196608))
                    assert secure.recv(10) == b""
                raise ConnectionResetError("closed")
            assert caught.value is not None


def test_who_says_nothing_does_not_keep_others_waiting(proxy: Running, authority: Authority) -> None:
    silent = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in range(20)]
    try:
        started = time.monotonic()
        psycopg.connect(dsn(proxy, authority)).close()
        assert time.monotonic() - started < 5
    finally:
        for s in silent:
            s.close()
    with socket.create_connection(("127.0.0.1", proxy.port)) as s:
        s.sendall(b"\x16\x03\x01nonsense, and no handshake")
        s.settimeout(10)
        while s.recv(1000):
            pass
    psycopg.connect(dsn(proxy, authority)).close()


def test_a_new_certificate_is_shown_without_a_restart(
    server: servers.Server, authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other")
    with proxied(server, authority) as proxy, psycopg.connect(dsn(proxy, authority), autocommit=True) as old:
        fresh = certificates.load(other.server())

        async def show() -> None:
            proxy.proxy.show(fresh)

        proxy.do(show())
        with psycopg.connect(dsn(proxy, other, channel_binding="require")) as c:
            assert c.execute("SELECT current_user").fetchone() == ("by_scram",)
        with pytest.raises(psycopg.OperationalError, match="SSL error"):
            psycopg.connect(dsn(proxy, authority))
        assert old.execute("SELECT 1").fetchone() == (1,)


def test_an_expired_certificate_is_said_to_be(authority: Authority, tmp_path: Path) -> None:
    from redactor import config

    past, soon = authority.server(days=(-20, -2)), authority.server(days=(-20, 3))
    text = (
        "databases: {city: {upstream: 'postgresql://r@h/city?sslmode=verify-full&sslrootcert=%s'}}\n"
        "policy: p.yaml\ntls: {certificate: %s, key: %s, client_ca: %s}\n"
    )
    read = config.interpret(text % (soon.certificate, past.certificate, past.key, authority.file), tmp_path / "c", {})
    said = [str(f) for f in certificates.complaints(read, time.time())]
    assert len(said) == 3
    assert "CN=localhost expired on" in said[0]
    assert "clients will refuse" in said[0]
    assert "expires on" in said[2]
    with pytest.raises(ValueError, match="its first certificate is not that of the key"):
        certificates.load(replace(past, key=soon.key))
    with pytest.raises(ValueError, match=r"\.pem: holds no private key"):
        certificates.load(replace(past, key=past.certificate))
    with pytest.raises(ValueError, match=r"\.key: not a file of certificates"):
        certificates.load(replace(past, certificate=past.key))
    kept = serialization.load_pem_private_key(past.key.read_bytes(), None)
    how = serialization.BestAvailableEncryption(b"secret")
    locked = tmp_path / "locked.key"
    locked.write_bytes(kept.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how))
    with pytest.raises(ValueError, match="the key is encrypted"):
        certificates.load(replace(past, key=locked))


# ------------------------------------------------------------------ client certificates


def by_certificate(**more: Any) -> Logins:
    return Logins((LoginRule(LoginMethod.CERTIFICATE, certificate=True, **more),))


def client(authority: Authority, common: str, *names: str) -> dict[str, str]:
    files = authority.make(common, *names)
    return {"sslcert": str(files.certificate), "sslkey": str(files.key)}


@pytest.mark.parametrize("user", ["by_trust", "by_cert"])
def test_a_certificate_is_enough(server: servers.Server, authority: Authority, user: str) -> None:
    with (
        proxied(server, authority, by_certificate(), own=True) as proxy,
        psycopg.connect(dsn(proxy, authority, user, "", **client(authority, user))) as c,
    ):
        assert c.execute("SELECT current_user -- record").fetchone() == (user,)
        assert authentication(proxy) == "certificate"


def test_whom_a_certificate_names(server: servers.Server, authority: Authority, tmp_path: Path) -> None:
    names = {"batch.city.test": frozenset({"by_trust", "anna"}), "anna": frozenset({"nobody"})}
    stranger = Authority(tmp_path / "stranger")
    with proxied(server, authority, by_certificate(names=names)) as proxy:

        def let_in(user: str, **shown: str) -> bool:
            try:
                psycopg.connect(dsn(proxy, authority, user, "", **shown)).close()
            except psycopg.OperationalError:
                return False
            return True

        assert let_in("by_trust", **client(authority, "x", "batch.city.test"))
        assert let_in("anna", **client(authority, "x", "batch.city.test"))
        assert let_in("by_trust", **client(authority, "by_trust"))
        assert not let_in("anna", **client(authority, "anna"))
        assert not let_in("anna", **client(authority, "by_trust"))
        assert not let_in("by_trust", **client(authority, "BY_TRUST"))
        assert not let_in("by_trust")
        assert not let_in("by_trust", **client(stranger, "by_trust"))
        assert not let_in("by_trust", sslmode="disable")


def test_a_certificate_besides_the_password(server: servers.Server, authority: Authority) -> None:
    logins = replace(ASKED, rules=(LoginRule(LoginMethod.SCRAM, certificate=True),))
    with proxied(server, authority, logins) as proxy:
        with psycopg.connect(dsn(proxy, authority, **client(authority, "by_scram"))) as c:
            c.execute("SELECT 1")
        for shown, password in ((client(authority, "by_scram"), "wrong"), ({}, PASSWORD)):
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(dsn(proxy, authority, "by_scram", password, **shown))


def test_certificates_may_be_demanded_of_all(server: servers.Server, authority: Authority) -> None:
    tls = replace(authority.server(), client_ca=authority.file, demanded=True)
    with proxied(server, authority, tls=tls) as proxy:
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(dsn(proxy, authority))
        psycopg.connect(dsn(proxy, authority, **client(authority, "anybody"))).close()


def test_the_proxy_has_nothing_to_prove_a_login_with(server: servers.Server, authority: Authority) -> None:
    with proxied(server, authority, by_certificate()) as proxy:
        with pytest.raises(psycopg.OperationalError, match="the proxy cannot log in to the database"):
            psycopg.connect(dsn(proxy, authority, "by_scram", "", **client(authority, "by_scram")))
        assert "pg_hba.conf" in proxy.reports[-1][1]["why"]


def test_who_fits_no_rule(server: servers.Server, authority: Authority) -> None:
    logins = replace(ASKED, rules=(LoginRule(LoginMethod.SCRAM, frozenset({"by_scram"}), frozenset({"other"})),))
    with (
        proxied(server, authority, logins) as proxy,
        pytest.raises(psycopg.OperationalError, match="rules reject connections"),
    ):
        psycopg.connect(dsn(proxy, authority))


# ------------------------------------------------------------------ tokens


@contextmanager
def with_tokens(
    server: servers.Server, authority: Authority, issuer: Issuer, method: LoginMethod, **more: Any
) -> Iterator[Running]:
    changes = more.pop("changes", {})
    users = more.pop("users", None)
    logins = Logins((LoginRule(method, users=users, provider="city"),), more.pop("verifiers", None))
    providers = Providers({"city": issuer.provider(**changes)})
    with proxied(server, authority, logins, providers=providers, **more) as proxy:
        yield proxy


def test_a_token_as_password(server: servers.Server, authority: Authority, issuer: Issuer) -> None:
    with with_tokens(server, authority, issuer, LoginMethod.TOKEN) as proxy:
        token = issuer.token("anna@city", logins=["anna", "by_trust"])
        with psycopg.connect(dsn(proxy, authority, "anna", token)) as c:
            assert c.execute("SELECT current_user -- record").fetchone() == ("anna",)
        requester = proxy.log.entries[-1].requester
        assert (requester.login, requester.authentication, str(requester.identity)) == (
            "anna",
            "token",
            "city/anna@city",
        )
        for user, password, why in (
            ("redactor", token, "does not name this login"),
            ("anna", issuer.token(logins=["anna"], exp=int(time.time()) - 60), "has expired"),
            ("anna", issuer.token(logins=["anna"], aud="x"), "another audience"),
            ("anna", issuer.token(), "does not name this login"),
            ("anna", "guess", "not a signed token"),
            ("anna", token[:-4] + "AAAA", "signature is wrong"),
        ):
            with pytest.raises(psycopg.OperationalError) as caught:
                psycopg.connect(dsn(proxy, authority, user, password))
            assert why in str(caught.value)
            assert not any(token in str(r) for r in proxy.reports)


def test_clocks_of_tokens(server: servers.Server, authority: Authority, issuer: Issuer) -> None:
    now = [time.time()]
    with with_tokens(server, authority, issuer, LoginMethod.TOKEN, clock=lambda: now[0]) as proxy:
        for later, good in ((0, True), (120, True), (135, False), (-20, True), (-40, False)):
            token = issuer.token(logins=["anna"], exp=int(time.time()) + 100, jti=str(later))
            now[0] = time.time() + later
            if good:
                psycopg.connect(dsn(proxy, authority, "anna", token)).close()
            else:
                with pytest.raises(psycopg.OperationalError):
                    psycopg.connect(dsn(proxy, authority, "anna", token))


def test_a_shared_login_for_all_who_have_a_token(
    server: servers.Server, authority: Authority, issuer: Issuer, tmp_path: Path
) -> None:
    """Its password is kept in the file, and the people differ by what their tokens say."""
    file = tmp_path / "userlist.txt"
    file.write_text(f'"shared" "{PASSWORD}"\n')
    more: Any = {"changes": {"login": None}, "users": frozenset({"shared"}), "verifiers": file}
    with with_tokens(server, authority, issuer, LoginMethod.TOKEN, **more) as proxy:
        with psycopg.connect(dsn(proxy, authority, "shared", issuer.token("ben"))) as c:
            assert c.execute("SELECT current_user -- record").fetchone() == ("shared",)
        assert str(proxy.log.entries[-1].requester.identity) == "city/ben"
        with pytest.raises(psycopg.OperationalError, match="rules reject"):
            psycopg.connect(dsn(proxy, authority, "anna", issuer.token("ben")))


class Raw:
    """A client made of bytes, under TLS unless told."""

    def __init__(self, proxy: Running, authority: Authority, user: str, tls: bool = True) -> None:
        s = socket.create_connection(("127.0.0.1", proxy.port), timeout=10)
        if tls:
            s.sendall(struct.pack(">II", 8, 80877103))
            assert s.recv(1) == b"S"
            context = ssl.create_default_context(cafile=str(authority.file))
            s = context.wrap_socket(s, server_hostname="localhost")
        self.socket = s
        body = f"user\0{user}\0database\0postgres\0\0".encode()
        s.sendall(struct.pack(">II", len(body) + 8, 196608) + body)

    def receive(self) -> tuple[bytes, bytes]:
        """One message: its kind and body; nothing at the end."""
        head = b""
        while len(head) < 5:
            more = self.socket.recv(5 - len(head))
            if not more:
                return b"", b""
            head += more
        body = b""
        while len(body) < u32.unpack_from(head, 1)[0] - 4:
            body += self.socket.recv(u32.unpack_from(head, 1)[0] - 4 - len(body))
        return head[:1], body

    def begin(self, mechanism: str, first: bytes) -> None:
        self.socket.sendall(frame(b"p", mechanism.encode() + b"\0" + u32.pack(len(first)) + first))

    def say(self, body: bytes) -> None:
        self.socket.sendall(frame(b"p", body))

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


@pytest.mark.parametrize("tls", [True, False])
def test_oauthbearer(server: servers.Server, authority: Authority, issuer: Issuer, tls: bool) -> None:
    with with_tokens(server, authority, issuer, LoginMethod.OAUTH) as proxy:
        with Raw(proxy, authority, "anna", tls) as raw:
            assert raw.receive() == (b"R", u32.pack(10) + b"OAUTHBEARER\0\0")
            token = issuer.token(logins="anna")
            raw.begin("OAUTHBEARER", b"n,,\x01auth=Bearer " + token.encode() + b"\x01\x01")
            assert raw.receive() == (b"R", u32.pack(0))
            while raw.receive()[0] != b"Z":
                pass
            raw.socket.sendall(frame(b"Q", b"SELECT 1 -- record\0"))
            assert raw.receive()[0] == b"T"
        assert authentication(proxy) == "oauthbearer"


OAUTH_BY_LIBPQ = """
import ctypes, glob, os, sys
import psycopg
import psycopg_binary
from psycopg import pq
(library,) = glob.glob(os.path.join(os.path.dirname(psycopg_binary.__file__), "..", "psycopg_binary.libs", "libpq-*"))
libpq = ctypes.CDLL(library)

class Request(ctypes.Structure):
    _fields_ = [("configuration", ctypes.c_char_p), ("scope", ctypes.c_char_p), ("step", ctypes.c_void_p),
                ("cleanup", ctypes.c_void_p), ("token", ctypes.c_char_p), ("user", ctypes.c_void_p)]

@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(Request))
def hook(kind, connection, request):
    if kind != 1:
        return 0
    request.contents.token = os.environb[b"TOKEN"]
    return 1

libpq.PQsetAuthDataHook(hook)
connection = pq.PGconn.connect(sys.argv[1].encode())
if connection.status:
    sys.exit(connection.error_message.decode())
print(connection.exec_(b"SELECT current_user").get_value(0, 0).decode())
os._exit(0 if sys.stdout.flush() is None else 1)
"""


@pytest.mark.parametrize("good", [True, False])
def test_oauthbearer_by_libpq(server: servers.Server, authority: Authority, issuer: Issuer, good: bool) -> None:
    """libpq 18 asks for the issuer first, gets a token from its hook, and connects again with it."""
    if psycopg.pq.version() < 180000 or psycopg.pq.__impl__ != "binary":
        pytest.skip("needs libpq 18 in psycopg's wheel")
    token = issuer.token(logins="anna" if good else "ben")
    with with_tokens(server, authority, issuer, LoginMethod.OAUTH) as proxy:
        options = {"oauth_issuer": ISSUER, "oauth_client_id": "psql", "require_auth": "oauth"}
        done = subprocess.run(
            [sys.executable, "-c", OAUTH_BY_LIBPQ, dsn(proxy, authority, "anna", "", **options)],
            env=os.environ | {"TOKEN": token},
            capture_output=True,
            text=True,
            timeout=30,
        )
    if good:
        assert (done.stdout, done.returncode) == ("anna\n", 0), done.stderr
    else:
        assert "OAuth bearer authentication failed" in done.stderr


@pytest.mark.parametrize("auth", ["", "Bearer no.token.here", "expired"])
def test_oauthbearer_says_where_to_get_a_token(
    server: servers.Server, authority: Authority, issuer: Issuer, auth: str
) -> None:
    if auth == "expired":
        auth = "Bearer " + issuer.token(logins="anna", exp=int(time.time()) - 100)
    with (
        with_tokens(server, authority, issuer, LoginMethod.OAUTH) as proxy,
        Raw(proxy, authority, "anna") as raw,
    ):
        raw.receive()
        raw.begin("OAUTHBEARER", b"n,,\x01auth=" + auth.encode() + b"\x01\x01")
        kind, body = raw.receive()
        assert (kind, body[:4]) == (b"R", u32.pack(11))
        assert b'"invalid_token"' in body
        assert ISSUER.encode() + b"/.well-known/openid-configuration" in body
        raw.say(b"\x01")
        kind, body = raw.receive()
        assert kind == b"E"
        assert b"OAuth bearer authentication failed" in body
        assert raw.receive() == (b"", b"")
        assert proxy.counters.login_failures == 1


@pytest.mark.parametrize(
    ("mechanism", "first"),
    [
        ("SCRAM-SHA-256", b"y,,n=,r=abc"),  # as if -PLUS had not been offered: somebody has taken it out
        ("SCRAM-SHA-256-PLUS", b"n,,n=,r=abc"),
        ("SCRAM-SHA-256-PLUS", b"y,,n=,r=abc"),
        ("SCRAM-SHA-1", b"n,,n=,r=abc"),
        ("OAUTHBEARER", b"n,,\x01auth=\x01\x01"),
        ("SCRAM-SHA-256", b""),
    ],
)
def test_mechanisms_are_not_traded_down(proxy: Running, authority: Authority, mechanism: str, first: bytes) -> None:
    with Raw(proxy, authority, "by_scram") as raw:
        assert raw.receive() == (b"R", u32.pack(10) + b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")
        raw.begin(mechanism, first)
        assert raw.receive()[0] == b"E"
        assert raw.receive() == (b"", b"")
