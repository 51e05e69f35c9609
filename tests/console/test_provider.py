"""Login by an identity provider: the code's way, what is checked on it, and who gets which role."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from redactor import config
from redactor.errors import ConfigurationError
from redactor.identity import Providers
from redactor.reception import Reception, SignIn
from tests.console.place import Place, place
from tests.identity.issuer import Issuer


@dataclass
class Provider:
    """The provider's token endpoint. `claims` go into the next token; `asked` is what it was sent."""

    issuer: Issuer
    port: int = 0
    claims: dict[str, Any] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    answer: bytes | None = None


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    made = Provider(Issuer(tmp_path))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            made.asked.append({k: v[0] for k, v in parse_qs(body).items()})
            content = json.dumps({"id_token": made.issuer.token(**made.claims)}).encode()
            content = content if made.answer is None else made.answer
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def house(provider: Provider, tmp_path: Path) -> Iterator[Place]:
    sign_in = SignIn(
        "city",
        "https://login.city.test/authorize",
        f"http://127.0.0.1:{provider.port}/token",
        "redactor",
        "shared",
        "groups",
        {"auditor": frozenset({"auditors"}), "counsel": frozenset({"lawyers"})},
    )
    providers = Providers({"city": provider.issuer.provider()})
    asyncio.run(providers.refresh())
    (tmp_path / "house").mkdir()
    with place(tmp_path / "house", providers=providers) as made:
        made.site = replace(
            made.site, config=replace(made.site.config, reception=Reception(None, sign_in)), clock=time.time
        )
        made.app.state.site = made.site
        yield made


def depart(browser: TestClient) -> dict[str, str]:
    answer = browser.get("/login/provider?then=/account")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("https://login.city.test/authorize?")
    return {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def come(house: Place, provider: Provider, **claims: Any) -> tuple[TestClient, Any]:
    browser = house.browser()
    asked = depart(browser)
    provider.claims = {"nonce": asked["nonce"], "groups": ["auditors"]} | claims
    return browser, browser.get("/login/callback", params={"state": asked["state"], "code": "c0de"})


def test_there_and_back(house: Place, provider: Provider) -> None:
    assert "/login/provider?then=/" in house.browser().get("/login").text
    browser = house.browser()
    asked = depart(browser)
    assert asked["redirect_uri"] == "http://127.0.0.1:8080/login/callback"
    provider.claims = {"nonce": asked["nonce"], "groups": ["auditors", "cyclists"]}
    answer = browser.get("/login/callback", params={"state": asked["state"], "code": "c0de"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    sent = provider.asked[0]
    assert (sent["code"], sent["client_id"], sent["client_secret"]) == ("c0de", "redactor", "shared")
    challenge = base64.urlsafe_b64encode(hashlib.sha256(sent["code_verifier"].encode()).digest()).rstrip(b"=")
    assert challenge.decode() == asked["code_challenge"]
    page = browser.get("/account").text
    assert "city/anna" in page
    assert browser.get("/").status_code == 200
    deed = house.deeds()[-1]
    assert (deed["by"], deed["roles"], deed["about"]["how"]) == ("city/anna", ["auditor"], "city")


WRONG: list[dict[str, Any]] = [
    {"nonce": "another"},
    {"nonce": None},
    {"groups": ["cyclists"]},
    {"groups": None},
    {"aud": "another"},
    {"iss": "https://elsewhere.test"},
    {"exp": 1},
]


def test_who_is_turned_away(house: Place, provider: Provider) -> None:
    for claims in WRONG:
        browser, answer = come(house, provider, **claims)
        assert answer.status_code == 403, claims
        assert browser.get("/account").status_code == 303
    assert house.deeds() == []


def test_an_answer_of_another_browser(house: Place, provider: Provider) -> None:
    asked = depart(house.browser())
    provider.claims = {"nonce": asked["nonce"], "groups": ["auditors"]}
    came = {"state": asked["state"], "code": "c0de"}
    assert house.browser().get("/login/callback", params=came).status_code == 403
    other = house.browser()
    depart(other)
    assert other.get("/login/callback", params=came).status_code == 403
    assert provider.asked == []


def test_a_code_comes_once(house: Place, provider: Provider) -> None:
    browser = house.browser()
    asked = depart(browser)
    provider.claims = {"nonce": asked["nonce"], "groups": ["auditors"]}
    came = {"state": asked["state"], "code": "c0de"}
    cookie = {"cookie": f"redactor-away={browser.cookies.get('redactor-away')}"}
    assert browser.get("/login/callback", params=came).status_code == 303
    assert house.browser().get("/login/callback", params=came, headers=cookie).status_code == 403
    again = house.browser()
    depart(again)
    assert again.get("/login/callback", params={"error": "access_denied"}).status_code == 403


def test_what_a_provider_may_answer(house: Place, provider: Provider) -> None:
    for answer in (b"", b"[]", b"{}", b'{"id_token": 7}', b'{"id_token": "a.b.c"}'):
        provider.answer = answer
        assert come(house, provider)[1].status_code == 403


def test_without_a_provider_there_is_no_such_page(console: Place) -> None:
    assert console.browser().get("/login/provider").status_code == 404
    assert console.browser().get("/login/callback?state=a&code=b").status_code == 404


def test_a_providers_people_have_no_tokens_here(house: Place, provider: Provider) -> None:
    from tests.console.place import csrf

    browser, _ = come(house, provider)
    form = {"csrf": csrf(browser.get("/account").text), "label": "x"}
    assert browser.post("/account/tokens", data=form).status_code == 503


BASE = "databases: {a: {upstream: 'postgresql://a@b/c'}}\npolicy: p.yaml\n"
IDENTITY = "identity: {city: {issuer: 'https://x', audience: a, jwks: k.json}}\n"
LOGIN = "provider: city, authorize: 'https://x/a', token: 'https://x/t', client: c, roles: {auditor: a}"


def read(text: str) -> config.Config:
    return config.interpret(BASE + IDENTITY + text, Path("/x/redactor.yaml"), {"SECRET": "hushed"})


def test_the_configuration() -> None:
    found = read(
        f"console: {{listen: '*:8080', url: 'https://c.example/', login: {{{LOGIN}, secret: '${{SECRET}}'}}}}\n"
    )
    assert found.console == config.Address("*", 8080)
    assert found.reception.url == "https://c.example"
    assert found.reception.sign_in is not None
    assert found.reception.sign_in.secret == "hushed"
    assert found.reception.sign_in.roles == {"auditor": {"a"}}
    assert "hushed" not in repr(found)
    assert read("console: 8080\n").reception == Reception()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("console: 0.0.0.0:8080\n", "in clear"),
        ("console: {listen: 10.0.0.1:80, url: 'http://c.example'}\n", "in clear"),
        ("console: {listen: 8080, url: 'https://c.example/path'}\n", "without a path"),
        ("console: {listen: 8080, url: c.example}\n", "without a path"),
        (f"console: {{listen: 8080, login: {{{LOGIN.replace('city', 'town')}}}}}\n", "no provider of tokens"),
        (f"console: {{listen: 8080, login: {{{LOGIN.replace('https://x/t', 'http://x/t')}}}}}\n", "not an https URL"),
        (f"console: {{listen: 8080, login: {{{LOGIN.replace('auditor:', 'king:')}}}}}\n", "king"),
        ("console: {}\n", "listen"),
    ],
)
def test_configurations_that_are_none(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read(text)
