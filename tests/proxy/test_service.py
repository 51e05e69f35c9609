"""`redactor serve` with everything about logins in its files: TLS, SCRAM, tokens, end users, and SIGHUP."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from tests.certificates import Authority
from tests.cli.test_serve import CATALOG, Installation, counter, until
from tests.identity.issuer import AUDIENCE, ISSUER, Issuer

__all__ = ["counter"]

POLICY = """\
name: test
roles:
  benefits: {users: [approved], tokens: [{issuer: city, claim: groups, values: [benefits]}]}
rules:
  - {id: need-to-know, tags: [status], approved: [benefits], otherwise: mask, because: a test}
speaks_for: {users: [spokesman], issuer: city}
"""
STATUS = "SELECT status FROM people WHERE id = 1"


@pytest.fixture
def office(counter: Installation, tmp_path: Path) -> tuple[Installation, Authority, Issuer]:
    with psycopg.connect(counter.server.dsn(), autocommit=True) as admin:
        for login in ("spokesman", "person"):
            admin.execute(f"DROP ROLE IF EXISTS {login}")
            admin.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'x' IN ROLE pg_read_all_data")
    authority, issuer = Authority(tmp_path / "tls"), Issuer(tmp_path)
    shown = authority.server()
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    identity = {
        "city": {
            "issuer": ISSUER,
            "audience": [AUDIENCE],
            "jwks": "jwks.json",
            "algorithms": ["ES256"],
            "login": "logins",
        }
    }
    login = {
        "verifier_query": True,
        "rules": [{"users": ["person"], "method": "token", "provider": "city"}, {"method": "scram"}],
    }
    (tmp_path / "server.pem").write_bytes(shown.certificate.read_bytes())
    (tmp_path / "server.key").write_bytes(shown.key.read_bytes())
    counter.configure(
        tls="{certificate: server.pem, key: server.key, client_ca: tls/authority.pem}",
        identity=json.dumps(identity),
        login=json.dumps(login),
    )
    return counter, authority, issuer


def secured(authority: Authority) -> dict[str, str]:
    return {"sslmode": "verify-full", "sslrootcert": str(authority.file), "channel_binding": "prefer"}


def test_all_of_it(office: tuple[Installation, Authority, Issuer], tmp_path: Path) -> None:
    installation, authority, issuer = office
    process = installation.serve()
    approved = issuer.token("anna", groups=["benefits"], logins=["person"])
    tls = secured(authority)
    with installation.connect("spokesman", password="x", **tls) as c:
        assert c.execute(STATUS).fetchone() == (None,)
        c.execute(f"SET redactor.identity = '{approved}'")
        assert c.execute(STATUS).fetchone() == ("visa",)
        c.execute("DISCARD ALL")
        assert c.execute(STATUS).fetchone() == (None,)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        installation.connect("spokesman", password="y", **tls)
    until(lambda: "login refused" in installation.events(), installation.log)

    # a person who logs in with a token: the database trusts the proxy, and the token gives the role
    with installation.connect("person", password=approved, **tls) as c:
        assert c.execute(STATUS).fetchone() == ("visa",)
    stranger = issuer.token("ben", groups=["parks"], logins=["person"])
    with installation.connect("person", password=stranger, **tls) as c:
        assert c.execute(STATUS).fetchone() == (None,)

    # a new key and a new certificate, which will soon be too old, come into force without a restart
    other = Authority(tmp_path / "other")
    fresh = other.server(days=(-10, 2))
    (tmp_path / "server.key").write_bytes(fresh.key.read_bytes())
    (tmp_path / "server.pem").write_bytes(fresh.certificate.read_bytes())
    issuer.turn(keep=1)
    process.send_signal(signal.SIGHUP)
    until(lambda: "reloaded" in installation.events(), installation.log)
    assert "CN=localhost expires on" in installation.log()
    with pytest.raises(psycopg.OperationalError):
        installation.connect("spokesman", password="x", **tls)
    with installation.connect("spokesman", password="x", **secured(other)) as c:
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
            c.execute(f"SET redactor.identity = '{approved}'")
        c.execute(f"SET redactor.identity = '{issuer.token('anna', groups=['benefits'])}'")
        assert c.execute(STATUS).fetchone() == ("visa",)

    # files that do not fit together change nothing
    (tmp_path / "server.key").write_text("no key")
    process.send_signal(signal.SIGHUP)
    until(lambda: "the old certificate stays in force" in installation.events(), installation.log)
    installation.connect("spokesman", password="x", **secured(other)).close()
    assert approved not in installation.log()


def test_faults_in_the_files(office: tuple[Installation, Authority, Issuer]) -> None:
    installation, _, _ = office
    (installation.directory / "policy.yaml").write_text(POLICY.replace("issuer: city}", "issuer: town}"))
    (installation.directory / "jwks.json").unlink()
    process = installation.start()
    assert process.wait(20) == 1
    assert "the issuer `town` is not under identity" in installation.log()
    assert "identity: city: jwks: there is no file" in installation.log()


def test_verifiers_of_a_secret_are_not_shown() -> None:
    from redactor.wire.pg.scram import Keys, Secret, verifier_of

    secret = Secret(verifier_of("pencil", b"salt"), "pencil")
    assert "pencil" not in repr(replace(secret))
    assert repr(Keys.of("pencil", b"salt", 1).client) not in repr(Keys.of("pencil", b"salt", 1))
