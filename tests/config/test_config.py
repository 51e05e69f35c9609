"""redactor.yaml as it is meant: addresses, URLs, paths, secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from redactor import config
from redactor.config import Address, Config, TlsFiles, Upstream
from redactor.errors import ConfigurationError
from redactor.limits import Limits
from redactor.logsettings import LogSettings

EXAMPLE = """
listen: 127.0.0.1:6432
databases:
  city:                                              # the name clients connect to
    upstream: postgresql://redactor@127.0.0.1:5432/city   # the proxy's own login, for the catalog only;
    catalog: schemas/city.yaml                            # requesters log in upstream with their own names
policy: policies/sacramento.yaml
store: sqlite:///var/redactor.db                     # or postgresql://...
console: 127.0.0.1:8080                              # optional
"""
HERE = Path("/etc/redactor/redactor.yaml")


def given(text: str, **environment: str) -> Config:
    return config.interpret(text, HERE, environment)


def minimal(upstream: str, more: str = "", **environment: str) -> Config:
    return given(f"databases: {{city: {{upstream: '{upstream}'}}}}\npolicy: p.yaml\n{more}", **environment)


def upstream(url: str, **environment: str) -> Upstream:
    return minimal(url, **environment).databases["city"].upstream


def test_the_design_example() -> None:
    c = given(EXAMPLE)
    assert c.listen == Address("127.0.0.1", 6432)
    assert c.console == Address("127.0.0.1", 8080)
    assert c.policy == Path("/etc/redactor/policies/sacramento.yaml")
    assert c.store == "sqlite:////etc/redactor/var/redactor.db"
    assert c.log == LogSettings(Path("/etc/redactor/var"))
    city = c.databases["city"]
    assert city.catalog == Path("/etc/redactor/schemas/city.yaml")
    assert str(city.upstream) == "redactor@127.0.0.1:5432/city"
    assert (city.upstream.sslmode, city.upstream.password) == ("prefer", None)


def test_a_minimal_file() -> None:
    c = given("databases: {city: {upstream: 'postgresql://redactor@db'}}\npolicy: p.yaml\n")
    assert c.listen == Address("127.0.0.1", 6432)
    assert c.console is None
    assert c.tls is None
    assert c.workers == 1
    assert c.databases["city"].catalog == Path("/etc/redactor/schemas/city.yaml")
    assert str(c.databases["city"].upstream) == "redactor@db:5432/city"


def test_everything_optional() -> None:
    c = minimal(
        "postgresql://r@h/c",
        "tls: {certificate: tls/cert.pem, key: /keys/key.pem}\n"
        "log: {directory: journal, checkpoint_every: 10, auditor_key: auditor.pem}\n"
        "limits: {statement_bytes: 65536, connections: 50, connections_per_login: 5, idle_timeout: 600}\n"
        "workers: auto\nmask_key: ${KEY}\nstore: postgresql://log:${PW}@logs/redactor\n",
        KEY="0123456789abcdef",
        PW="p@ss/word",
    )
    assert c.tls == TlsFiles(Path("/etc/redactor/tls/cert.pem"), Path("/keys/key.pem"))
    assert c.log == LogSettings(Path("/etc/redactor/journal"), 10, Path("/etc/redactor/auditor.pem"))
    assert c.limits == Limits(50, 5, 65536, None, 60.0, 600.0)
    assert c.workers == 0
    assert c.mask_key == "0123456789abcdef"
    assert c.store == "postgresql://log:p%40ss%2Fword@logs/redactor"


def test_the_log_of_a_database_store_is_beside_the_configuration() -> None:
    assert minimal("postgresql://r@h/c", "store: postgresql://log@logs/x").log.directory == Path("/etc/redactor/var")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'*:6432'", Address("*", 6432)),
        ("':6432'", Address("*", 6432)),
        ("6432", Address("127.0.0.1", 6432)),
        ("0.0.0.0:0", Address("0.0.0.0", 0)),
        ("'[::1]:6432'", Address("::1", 6432)),
        ("db.city.example:65535", Address("db.city.example", 65535)),
    ],
)
def test_addresses(text: str, expected: Address) -> None:
    listen = minimal("postgresql://r@h/c", f"listen: {text}").listen
    assert listen == expected


def test_an_address_prints_as_it_is_written() -> None:
    assert str(Address("::1", 6432)) == "[::1]:6432"


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "127.0.0.1:65536", "true", "'::1:6432'", "'http://x:1'", "'a b:1'", "-1"]
)
def test_not_addresses(text: str) -> None:
    with pytest.raises(ConfigurationError, match="not an address and a port"):
        minimal("postgresql://r@h/c", f"listen: {text}")


def test_upstream_urls() -> None:
    u = upstream("postgres://re%40dactor:p%2Fw@[::1]:5433/ci%20ty?sslmode=verify-full&sslrootcert=ca.pem")
    assert (u.user, u.password, u.host, u.port, u.database) == ("re@dactor", "p/w", "::1", 5433, "ci ty")
    assert (u.sslmode, u.root_certificate) == ("verify-full", Path("/etc/redactor/ca.pem"))
    # for the catalog's own connection too
    assert u.url.endswith("?sslmode=verify-full&sslrootcert=%2Fetc%2Fredactor%2Fca.pem")
    socket = upstream("postgresql://r@/c?host=/var/run/postgresql&port=5433")
    assert (socket.host, socket.port) == ("/var/run/postgresql", 5433)
    assert upstream("postgresql:///c?host=h&user=r&password=s").password == "s"


def test_a_secret_may_hold_any_character() -> None:
    u = upstream("postgresql://redactor:${PW}@h/c", PW="a@b:c/d?e#f g%h")
    assert u.password == "a@b:c/d?e#f g%h"
    assert u.url == "postgresql://redactor:a%40b%3Ac%2Fd%3Fe%23f%20g%25h@h/c"


def test_a_whole_url_may_be_a_variable() -> None:
    assert str(upstream("${URL}", URL="postgresql://r:s@h:1/c")) == "r@h:1/c"


def test_no_secret_is_ever_printed() -> None:
    c = minimal(
        "postgresql://redactor:seekrit@h/c", "mask_key: seekrit-seekrit-seekrit\nstore: postgresql://l:seekrit@h/l"
    )
    assert "seekrit" not in repr(c) + str(c.databases["city"].upstream)


@pytest.mark.parametrize(
    "url", ["postgresql://u:seekrit@h:99999/x", "mysql://u:seekrit@h/x", "postgresql://u:seekrit@/x"]
)
def test_no_fault_repeats_a_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        upstream(url)
    assert "seekrit" not in str(caught.value)


def test_load_reads_the_file_and_takes_paths_from_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "redactor.yaml").write_text(EXAMPLE)
    monkeypatch.chdir(tmp_path)
    c = config.load(Path("sub/redactor.yaml"), {})
    assert c.file == tmp_path / "sub" / "redactor.yaml"
    assert c.policy == tmp_path / "sub" / "policies" / "sacramento.yaml"


def test_load_says_what_is_wrong_with_the_file_itself(tmp_path: Path) -> None:
    missing, latin, directory = tmp_path / "missing.yaml", tmp_path / "latin.yaml", tmp_path / "directory"
    latin.write_bytes(b"listen: x\npolicy: caf\xe9\n")
    directory.mkdir()
    for path, expected in (
        (missing, f"{missing}: there is no such file (check the path)"),
        (latin, f"{latin}:2: is not UTF-8 text (save it as UTF-8)"),
        (directory, f"{directory}: cannot be read: Is a directory"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            config.load(path, {})
        assert str(caught.value) == expected
