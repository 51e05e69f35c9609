"""A server with TLS, whose logins have to prove themselves: Debian's 15, since the embedded one has no TLS."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from redactor.config import Upstream
from tests import servers
from tests.certificates import Authority

PASSWORD = "sésame"
HBA = """\
local all all trust
hostssl all redactor,postgres 127.0.0.1/32 trust
hostssl all by_scram,shared 127.0.0.1/32 scram-sha-256
hostssl all by_password 127.0.0.1/32 password
hostssl all by_cert 127.0.0.1/32 cert map=redactor
hostssl all by_trust,anna 127.0.0.1/32 trust
"""
LOGINS = ("by_scram", "shared", "by_password", "by_cert", "by_trust", "anna", "redactor")


@contextmanager
def secured(binaries: Path, authority: Authority) -> Iterator[servers.Server]:
    """The server. `shared` and `by_scram` need SCRAM over TLS, `by_cert` a certificate of the authority."""
    with servers.cluster(binaries) as server:
        data = server.directory / "data"
        owner = server.directory.stat()
        shown = authority.server()
        for source, name in ((shown.certificate, "server.crt"), (shown.key, "server.key"), (authority.file, "ca.crt")):
            (data / name).write_bytes(source.read_bytes())
            (data / name).chmod(0o600)
            os.chown(data / name, owner.st_uid, owner.st_gid)
        with psycopg.connect(server.dsn(), autocommit=True) as c:
            for login in LOGINS:
                c.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{PASSWORD}'")
            c.execute("ALTER ROLE redactor SUPERUSER")
            c.execute("ALTER SYSTEM SET ssl TO on")
            c.execute("ALTER SYSTEM SET ssl_ca_file TO 'ca.crt'")
            (data / "pg_hba.conf").write_text(HBA)
            (data / "pg_ident.conf").write_text("redactor redactor-proxy by_cert\n")
            c.execute("SELECT pg_reload_conf()")
        until = time.monotonic() + 10
        while True:
            try:
                psycopg.connect(server.dsn() + "?sslmode=require").close()
                break
            except psycopg.OperationalError:
                assert time.monotonic() < until, server.log()
                time.sleep(0.05)
        yield server


def upstream(server: servers.Server, authority: Authority, own: bool = False) -> Upstream:
    """redactor's way to it; `own`: with a certificate by which the server lets it log others in."""
    shown = authority.make("redactor-proxy") if own else None
    url = f"postgresql://redactor@127.0.0.1:{server.port}/postgres?sslmode=verify-full&sslrootcert={authority.file}"
    return Upstream(
        "127.0.0.1",
        server.port,
        "redactor",
        "postgres",
        "verify-full",
        authority.file,
        shown.certificate if shown else None,
        shown.key if shown else None,
        url=url,
    )
