"""`redactor serve` on a bad day: who meets it gets a clear error, the next one is served, nothing is lost."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from redactor.store import Reader, Selection
from tests import servers
from tests.certificates import self_signed
from tests.cli.test_serve import CATALOG, POLICY, STATUS, Installation, counter, until
from tests.store.test_places import fill, mounted

__all__ = ["counter"]

REFUSED = "SELECT name FROM people WHERE status = 'visa'"


def logged(installation: Installation) -> list[str]:
    """The verdicts in the store, once the service has ended."""
    with Reader(f"sqlite:///{installation.directory}/store/redactor.db") as reader:
        assert reader.verify((installation.directory / "store/log.pub").read_text()).ok
        return [e.value["verdict"] for e in reader.walk(Selection())]


def ends(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


# ------------------------------------------------------------------ bytes


def garbage(chance: random.Random) -> Iterator[bytes]:
    start = b"\x00\x03\x00\x00user\x00ordinary\x00database\x00counter\x00\x00"
    hello = (len(start) + 4).to_bytes(4, "big") + start
    for _ in range(25):
        yield chance.randbytes(chance.randrange(1, 300))
        yield hello + chance.randbytes(chance.randrange(1, 300))
        yield hello[: chance.randrange(len(hello))]
        yield chance.randrange(1 << 32).to_bytes(4, "big") + chance.randbytes(40)
    yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64)  # TLS, as a browser begins
    yield b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    yield b"\x00\x00\x00\x08\x04\xd2\x16\x2f" + b"junk"  # behind SSLRequest


def test_garbage(counter: Installation) -> None:
    process = counter.serve()
    for junk in garbage(random.Random(54)):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", counter.port), timeout=10) as s:
            s.sendall(junk)
            s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass
    with counter.connect("ordinary") as connection:
        assert connection.execute(STATUS).fetchone() == ("Ana", None)
    assert "Traceback" not in counter.log()
    assert process.poll() is None


def test_long_statements(counter: Installation) -> None:
    process = counter.serve()
    with counter.connect("ordinary") as connection:
        for prepare in (False, True):
            for size, sqlstate, told in ((5, "54001", "smaller parts"), (20, "54000", "Send data as parameters")):
                text = f"SELECT name FROM people WHERE status = '{'x' * size * 1_000_000}'"
                with pytest.raises(psycopg.Error) as refused:
                    connection.execute(text, prepare=prepare)
                assert refused.value.sqlstate == sqlstate
                assert told in (refused.value.diag.message_hint or "")
                assert connection.execute("SELECT 1").fetchone() == (1,)
            long = "x" * 3_000_000
            assert connection.execute(f"SELECT length('{long}')", prepare=prepare).fetchone() == (3_000_000,)
            row = connection.execute(f"SELECT status, '{long}' FROM people", prepare=prepare).fetchone()
            assert row == (None, long)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT name FROM people WHERE status = '{long}'", prepare=prepare)
            assert connection.execute("SELECT 1").fetchone() == (1,)
    ends(process)
    assert logged(counter).count("refused") == 6


# ------------------------------------------------------------------ what it stands on


def test_a_database_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    binaries = servers.embedded(18)
    assert binaries is not None
    with servers.cluster(binaries, fsync="on") as server:
        with psycopg.connect(server.dsn(), autocommit=True) as admin:
            admin.execute("CREATE DATABASE counter")
            admin.execute("CREATE ROLE ordinary LOGIN IN ROLE pg_read_all_data")
        with psycopg.connect(server.dsn("counter"), autocommit=True) as admin:
            admin.execute("CREATE TABLE people (id int PRIMARY KEY, name text, status text)")
            admin.execute("INSERT INTO people VALUES (1, 'Ana', 'visa')")
        installation = Installation(tmp_path, server, servers.free_port())
        installation.configure()
        (tmp_path / "catalog.yaml").write_text(CATALOG)
        (tmp_path / "policy.yaml").write_text(POLICY)
        process = installation.serve()
        try:
            with installation.connect("ordinary") as connection:
                assert connection.execute(STATUS).fetchone() == ("Ana", None)
                servers.kill(server)
                with pytest.raises(psycopg.OperationalError) as lost:
                    connection.execute(STATUS)
            assert "server" in str(lost.value) or "database" in str(lost.value)
            with pytest.raises(psycopg.OperationalError) as refused:
                installation.connect("ordinary")
            assert 'could not connect to the database "counter"' in str(refused.value)
            assert str(server.port) not in str(refused.value), "where the database is, is the operator's business"
            until(lambda: "catalog cannot be read; what is known stays in force" in installation.events())
            servers.start_again(server)
            with installation.connect("ordinary") as connection:
                assert connection.execute(STATUS).fetchone() == ("Ana", None)
            assert str(server.port) in installation.log()
            ends(process)
        finally:
            process.kill()
            process.wait()
        assert logged(installation).count("redacted") >= 2


def test_a_full_disk(counter: Installation, tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "4m") as disk:
        counter.configure(log=f"{{directory: '{disk}'}}")
        process = counter.serve()
        with counter.connect("ordinary") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(REFUSED)
        fill(disk / "ballast")
        unlogged = 0
        for _ in range(40):
            with counter.connect("ordinary") as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
                with pytest.raises(psycopg.Error) as refused:
                    connection.execute(REFUSED)
                unlogged += refused.value.sqlstate == "58030"
                if refused.value.sqlstate == "58030":
                    assert "the audit log cannot be written" in str(refused.value)
        assert unlogged
        (disk / "ballast").unlink()
        with counter.connect("ordinary") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(REFUSED)
        ends(process)
        with Reader(f"sqlite:///{counter.directory}/store/redactor.db", disk) as reader:
            assert reader.verify((disk / "log.pub").read_text()).ok
            assert reader.size() == 42 - unlogged


def test_a_key_that_may_not_be_read_and_one_that_everybody_may(counter: Installation) -> None:
    ends(counter.serve())
    key = counter.directory / "store/keys/log.key"
    key.chmod(0)
    said = _as_somebody(counter)
    assert f"{key}: Permission denied" in said
    assert "Traceback" not in said
    key.chmod(0o644)
    process = counter.start()
    until(lambda: counter.events().count("listening") == 2, counter.log)
    told = [e for e in map(json.loads, counter.log().splitlines()) if e["event"] == "a key is not private"]
    assert any("log.key can be read by other users" in e["what"] for e in told)
    assert any("chmod 600" in e["do"] for e in told)
    ends(process)


def _as_somebody(installation: Installation) -> str:
    """What serve says where it cannot begin, without root's right to read whatever it likes."""

    def give_up_rights() -> None:
        library = ctypes.CDLL(None)
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            library.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP

    done = subprocess.run(
        [sys.executable, "-m", "redactor", "serve", "-c", "redactor.yaml"],
        cwd=installation.directory, capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=give_up_rights if os.geteuid() == 0 else None,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    return done.stderr


# ------------------------------------------------------------------ ports, files, certificates


def test_the_consoles_port_is_taken(counter: Installation) -> None:
    """The proxy serves without it, and says so."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        counter.configure(console=f"127.0.0.1:{port}")
        process = counter.serve()
        until(lambda: "the console has ended" in counter.log(), counter.log)
        assert f"127.0.0.1:{port} is taken by another process: end it, or change `console`" in counter.log()
        assert "Traceback" not in counter.log()
        with counter.connect("ordinary") as connection:
            assert connection.execute(STATUS).fetchone() == ("Ana", None)
        ends(process)


def test_sighup_with_a_broken_configuration_keeps_the_old_one(counter: Installation) -> None:
    process = counter.serve()
    before = (counter.directory / "redactor.yaml").read_text()
    for broken in ("databases: [\n", before + "listn: 1\n", None):
        count = len(counter.events())
        if broken is None:
            (counter.directory / "redactor.yaml").unlink()
        else:
            (counter.directory / "redactor.yaml").write_text(broken)
        process.send_signal(signal.SIGHUP)
        until(lambda count=count: any("reload refused" in e for e in counter.events()[count:]), counter.log)  # type: ignore[misc]
        assert "redactor.yaml" in counter.log().splitlines()[-1]
        with counter.connect("ordinary") as connection:
            assert connection.execute(STATUS).fetchone() == ("Ana", None)
    (counter.directory / "redactor.yaml").write_text(before)
    (counter.directory / "catalog.yaml").unlink()
    process.send_signal(signal.SIGHUP)
    until(lambda: "catalog.yaml" in counter.log().splitlines()[-1], counter.log)
    with counter.connect("ordinary") as connection:
        assert connection.execute(STATUS).fetchone() == ("Ana", None)
    ends(process)


def test_an_expired_certificate(counter: Installation) -> None:
    certificate, ca = counter.directory / "front.pem", counter.directory / "ca.pem"
    for file in (certificate, ca):
        self_signed(file, "redactor.example.gov", days=(-9, -1))
    upstream = f"{counter.server.dsn('counter')}?sslrootcert={ca}"
    counter.configure(
        tls=f"{{certificate: '{certificate}', key: '{certificate.with_suffix('.key')}'}}",
        databases=f'{{counter: {{upstream: "{upstream}", catalog: catalog.yaml}}}}',
    )
    process = counter.serve()
    told = [e["fault"] for e in map(json.loads, counter.log().splitlines()) if e["event"] == "certificate"]
    for file in (certificate, ca):
        assert any(f.startswith(f"{file}: the certificate of CN=redactor.example.gov expired on") for f in told)
    ends(process)
    doctor = subprocess.run(
        [sys.executable, "-m", "redactor", "doctor", "--json"],
        cwd=counter.directory, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert doctor.returncode == 1
    failed = [f["what"] for f in json.loads(doctor.stdout)["findings"] if f["state"] == "fail"]
    assert "the certificate is not valid now" in failed
    assert any(what.startswith(f"{ca}: the certificate of CN=redactor.example.gov expired on") for what in failed)
