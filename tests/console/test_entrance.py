"""Who gets in, how often they may try, what a session is worth, and what no page may do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import APIRouter

from redactor import console as package
from redactor.console import create, credentials
from redactor.console.guard import IDLE_SECONDS, LONGEST_SECONDS, local_path
from redactor.console.people import MAY, Permission, Role
from redactor.console.words import preferred
from redactor.store.accounts import Account
from tests.console.place import HASH, PASSWORD, Place, csrf, place


def test_a_stranger_is_asked_to_log_in(console: Place) -> None:
    answer = console.browser().get("/account?x=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?then=%2Faccount%3Fx%3D1"


def test_logging_in_is_logged_and_leads_back(console: Place) -> None:
    browser = console.browser()
    answer = browser.post("/login", data={"name": "auditor", "password": PASSWORD, "then": "/account"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    page = browser.get("/account")
    assert page.status_code == 200
    assert "auditor" in page.text
    (deed,) = console.deeds()
    assert (deed["deed"], deed["by"], deed["roles"]) == ("logged in", "auditor", ["auditor"])


def test_what_is_wrong_looks_the_same(console: Place) -> None:
    for name, password in (("auditor", "wrong"), ("nobody", PASSWORD), ("", ""), ("auditor", "")):
        answer = console.browser().post("/login", data={"name": name, "password": password})
        assert answer.status_code == 403
        assert "Name, password or code is wrong." in answer.text


def test_five_tries(console: Place) -> None:
    browser = console.browser()
    codes = [browser.post("/login", data={"name": "auditor", "password": "x"}).status_code for _ in range(6)]
    assert codes == [403] * 5 + [429]
    assert browser.post("/login", data={"name": "auditor", "password": PASSWORD}).status_code == 429
    assert browser.post("/login", data={"name": "steward", "password": PASSWORD}).status_code == 303


def test_a_code_serves_once(console: Place) -> None:
    secret = credentials.new_totp()
    console.site.accounts.add(Account("careful", frozenset({"auditor"}), HASH, secret))
    code = credentials.totp_code(secret, int(console.now[0]) // 30)
    with_code = {"name": "careful", "password": PASSWORD, "code": code}
    assert console.browser().post("/login", data={**with_code, "code": ""}).status_code == 403
    assert console.browser().post("/login", data={**with_code, "password": "x"}).status_code == 403
    assert console.browser().post("/login", data=with_code).status_code == 303
    assert console.browser().post("/login", data=with_code).status_code == 403
    console.now[0] += 30
    later = credentials.totp_code(secret, int(console.now[0]) // 30)
    assert console.browser().post("/login", data={**with_code, "code": later}).status_code == 303


def test_codes_are_those_of_the_rfc() -> None:
    """RFC 6238, appendix B, cut to six digits."""
    import base64

    secret = base64.b32encode(b"12345678901234567890").decode()
    vectors = {59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 20000000000: "353130"}
    assert {t: credentials.totp_code(secret, t // 30) for t in vectors} == vectors


def test_a_session_is_new_at_each_login(console: Place) -> None:
    browser = console.browser()
    chosen = {"cookie": "redactor=chosen-by-somebody-else"}
    answer = browser.post("/login", data={"name": "auditor", "password": PASSWORD}, headers=chosen)
    first = answer.cookies["redactor"]
    assert first != "chosen-by-somebody-else"
    held = {"cookie": f"redactor={first}"}
    assert console.browser().get("/account", headers=held).status_code == 200
    token = csrf(console.browser().get("/account", headers=held).text)
    answer = browser.post("/login", data={"name": "auditor", "password": PASSWORD, "csrf": token}, headers=held)
    assert answer.cookies["redactor"] != first
    assert console.browser().get("/account", headers=held).status_code == 303


def test_sessions_end(console: Place) -> None:
    browser = console.client("auditor")
    console.now[0] += IDLE_SECONDS - 10
    assert browser.get("/account").status_code == 200
    console.now[0] += IDLE_SECONDS + 10
    assert browser.get("/account").status_code == 303
    busy = console.client("auditor")
    for _ in range(LONGEST_SECONDS // (IDLE_SECONDS // 2)):
        console.now[0] += IDLE_SECONDS // 2
        last = busy.get("/account").status_code
    assert last == 200
    console.now[0] += 60
    assert busy.get("/account").status_code == 303


def test_logging_out_ends_it_in_the_store(console: Place) -> None:
    browser = console.client("auditor")
    cookie = browser.cookies.get("redactor") or ""
    assert browser.post("/logout", data={"csrf": csrf(browser.get("/account").text)}).status_code == 303
    again = console.browser()
    again.cookies.set("redactor", cookie)
    assert again.get("/account").status_code == 303


def test_who_is_disabled_is_out_at_once(console: Place) -> None:
    browser = console.client("steward")
    console.site.accounts.disable("steward")
    assert browser.get("/account").status_code == 303
    assert console.browser().post("/login", data={"name": "steward", "password": PASSWORD}).status_code == 403


def test_forms_of_others_change_nothing(console: Place) -> None:
    browser = console.client("auditor")
    token = csrf(browser.get("/account").text)
    made = {"label": "x", "csrf": token}
    elsewhere = {"origin": "https://evil.example"}
    assert browser.post("/account/tokens", data={**made, "csrf": "no"}).status_code == 403
    assert browser.post("/account/tokens", data={"label": "x"}).status_code == 403
    assert browser.post("/account/tokens", data=made, headers=elsewhere).status_code == 403
    assert browser.post("/account/tokens", data=made, headers={"origin": "null"}).status_code == 403
    assert (
        browser.post(
            "/account/tokens", data={**made, "csrf": csrf(console.client("steward").get("/account").text)}
        ).status_code
        == 403
    )
    assert (
        console.browser().post("/login", data={"name": "auditor", "password": PASSWORD}, headers=elsewhere).status_code
        == 403
    )
    assert console.site.accounts.tokens_of("auditor") == []
    assert browser.post("/account/tokens", data=made).status_code == 200
    assert len(console.site.accounts.tokens_of("auditor")) == 1


def test_every_answer_has_the_headers(console: Place) -> None:
    browser = console.client("auditor")
    for path in ("/login", "/account", "/nowhere", "/static/console.css"):
        answer = browser.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "no-store" in browser.get("/account").headers["cache-control"]
    assert "server" not in browser.get("/account").headers


def test_cookies_are_out_of_reach(console: Place, tmp_path: Path) -> None:
    answer = console.browser().post("/login", data={"name": "auditor", "password": PASSWORD})
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=strict" in answer.headers["set-cookie"]
    (tmp_path / "tls").mkdir()
    with place(tmp_path / "tls", url="https://console.city.example") as secure:
        browser = secure.browser()
        browser.base_url = "https://console.city.example"
        browser.headers["origin"] = "https://console.city.example"
        answer = browser.post("/login", data={"name": "auditor", "password": PASSWORD})
        assert answer.headers["set-cookie"].startswith("__Host-redactor=")
        assert "Secure" in answer.headers["set-cookie"]
        assert "Domain" not in answer.headers["set-cookie"]
        assert "strict-transport-security" in answer.headers


def test_other_hosts_are_turned_away(console: Place) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "", "[", "evil@127.0.0.1.x"):
        assert console.browser().get("/login", headers={"host": host}).status_code == 421


def test_a_large_body_is_turned_away(console: Place) -> None:
    assert console.browser().post("/login", data={"name": "x" * (1 << 20)}).status_code == 413


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/account?a=b", "/account?a=b"),
        ("//evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
        ("/a\r\nset-cookie: x", "/a%0D%0Aset-cookie:%20x"),
    ],
)
def test_one_is_led_nowhere_else(asked: str, led: str) -> None:
    assert local_path(asked) in (led, led.replace("%0D%0A", ""))


def test_a_page_that_names_no_permission_is_not_served(console: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    stray = APIRouter()

    @stray.get("/stray")
    def page() -> str:
        return "here"

    monkeypatch.setattr(package, "ROUTERS", [*package.ROUTERS, stray])
    with pytest.raises(RuntimeError, match="/stray"):
        create(console.site)


def test_no_role_both_changes_tags_and_reads_texts() -> None:
    assert all(not {Permission.REVIEW_CATALOG, Permission.OPEN_TEXTS} <= MAY[role] for role in Role)
    assert {p for role in Role for p in MAY[role]} == set(Permission)


def test_languages(console: Place) -> None:
    browser = console.browser()
    assert 'lang="en"' in browser.get("/login").text
    assert 'lang="es"' in browser.get("/login", headers={"accept-language": "fr, es-MX;q=0.8, en;q=0.2"}).text
    browser.post("/preferences", data={"language": "es", "then": "/login"})
    assert "Contraseña" in browser.get("/login", headers={"accept-language": "en"}).text
    assert preferred("*;q=x, de") == "en"


def test_a_broken_form_is_said_to_be_broken(console: Place) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert console.browser().post("/login", content=b"\xff\xfe=%", headers=headers).status_code == 400


def test_people_of_the_store_are_kept_without_secrets(console: Place) -> None:
    browser = console.client("auditor")
    cookie = browser.cookies.get("redactor") or "-"
    shown = browser.post("/account/tokens", data={"label": "nightly", "csrf": csrf(browser.get("/account").text)}).text
    token = shown.split("rdc_")[1].split("<")[0]
    console.flush()
    kept = b"".join(p.read_bytes() for p in console.directory.glob("redactor.db*"))
    for secret in (cookie, token, PASSWORD):
        assert secret.encode() not in kept


def test_an_account_that_changes_loses_its_sessions(console: Place) -> None:
    browser = console.client("auditor")
    account = console.site.accounts.find("auditor")
    assert account is not None
    console.site.accounts.change(replace(account, roles=frozenset({"operator"})))
    assert browser.get("/account").status_code == 303
