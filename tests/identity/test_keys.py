"""Keys that are fetched: from where the configuration says, whole, and nowhere else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from joserfc.jwk import ECKey

from redactor.config import interpret
from redactor.errors import ConfigurationError
from redactor.identity import keys
from redactor.identity.keys import KeysUnavailable

KEY = ECKey.generate_key("P-256", {"kid": "a", "use": "sig"})


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = json.dumps({"keys": [KEY.as_dict(private=False)]}).encode()
        match self.path:
            case "/moved":
                self.send_response(302)
                self.send_header("Location", "/jwks.json")
                self.end_headers()
                return
            case "/large":
                content += b" " * (2 << 20)
            case "/jwks.json":
                pass
            case _:
                self.send_error(404)
                return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        del format, args


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Pages) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


def test_keys_are_fetched(place: str) -> None:
    assert [k.kid for k in keys.read(f"{place}/jwks.json")] == ["a"]


@pytest.mark.parametrize("page", ["moved", "large", "absent"])
def test_pages_that_give_none(place: str, page: str) -> None:
    with pytest.raises(KeysUnavailable, match=page):
        keys.read(f"{place}/{page}")


def test_a_place_that_does_not_answer() -> None:
    with pytest.raises(KeysUnavailable):
        keys.read("http://127.0.0.1:1/jwks.json", 2)


CONFIG = """\
databases: {city: {upstream: "postgresql://r@h/city"}}
policy: p.yaml
identity: {city: {issuer: i, audience: a, jwks: "JWKS", login: name}}
login: LOGIN
"""


@pytest.mark.parametrize(
    ("jwks", "login", "said"),
    [
        ("http://login.city.test/jwks", "{}", "not fetched without TLS"),
        ("ftp://login.city.test/jwks", "{}", "not fetched without TLS"),
        ("j", "{rules: [{method: token, provider: town}]}", "no provider of tokens"),
        ("j", "{rules: [{method: oauth}]}", "no provider of tokens"),
        ("j", "{rules: [{method: scram}]}", "no verifiers"),
        ("j", "{rules: [{method: certificate}]}", "no client's certificate"),
        ("j", "{rules: [{method: relay, client_certificate: true}]}", "no client's certificate"),
        ("j", "{rules: [{method: relay, databases: [town]}]}", "no database `town`"),
        ("j", "{rules: [{method: relay, provider: city}]}", "asks no provider"),
        ("j", "{rules: [{method: trust}]}", "method"),
    ],
)
def test_configurations_that_would_not_do(tmp_path: object, jwks: str, login: str, said: str) -> None:
    from pathlib import Path

    with pytest.raises(ConfigurationError, match=said):
        interpret(CONFIG.replace("JWKS", jwks).replace("LOGIN", login), Path("/etc/redactor.yaml"), {})
