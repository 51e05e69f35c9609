"""Every page and flow in a real Chromium: what scripts check, that it can be used, in both languages, also narrow."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from redactor.audit.entry import time_text
from redactor.console.register import Filter
from redactor.orders.life import Actor, Approved
from tests.console.browsing import Pages, Served, browser_path, served
from tests.console.place import Place
from tests.fixtures import town as fixture
from tests.fixtures.town import Town
from tests.orders.papers import demand
from tests.servers import Server

pytestmark = pytest.mark.skipif(browser_path() is None, reason="there is no chromium: apt-get install chromium")

PAGES = {
    "auditor": [
        *(
            "/",
            "/?verdict=any&view=shapes",
            "/?kind=deed",
            "/?kind=order",
            "/decisions/3",
            "/access",
            "/access?tag=status&role=chief",
        ),
        *("/account", "/nowhere"),
    ],
    "steward": ["/catalog", "/orders", "/orders/new", "/orders/ledger", "/orders/o-open", "/orders/o-refused"],
    "counsel": ["/orders", "/orders/o-open", "/orders/o-active"],
    "operator": ["/health", "/"],
}


@pytest.fixture(scope="module")
def town(postgres18: Server) -> Town:
    return fixture.build(postgres18)


@pytest.fixture(scope="module")
def house(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("console"), town.engine) as made:
        catalog = made.place.directory / "catalog.yaml"
        catalog.write_text(
            catalog.read_text().replace(
                "      phone: {tags: [trace.phone]}",
                "      phone: {proposed: {tags: [trace.phone], confidence: 0.9, evidence: its name is phone}}",
            )
        )
        enter_orders(made.place)
        yield made


def enter_orders(place: Place) -> None:
    """One whose checks are open, one that is refused, one that is active."""
    now = place.site.clock()
    paper = {"issued": time_text(now - 86400)[:10], "valid_until": time_text(now + 9 * 86400)[:10]}
    desk = place.site.desk
    desk.enter("o-open", demand("clerk", now, answers={}, **paper), {"steward"})
    desk.enter("o-refused", demand("clerk", now, judge_title="Immigration Judge", **paper), {"steward"})
    desk.enter("o-active", demand("clerk", now, **paper), {"steward"})
    for name in ("counsel", "operator"):
        desk.take("o-active", Approved(name), Actor(name, frozenset({name})))


@pytest.fixture(scope="module")
def chromium(house: Served) -> Iterator[Any]:
    # after the house: Playwright leaves a loop running in this thread, in which no other can be begun
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=browser_path(), args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


Window = Callable[..., Pages]


@pytest.fixture
def window(chromium: Any, house: Served) -> Iterator[Window]:
    opened: list[Pages] = []

    def one(who: str | None = "auditor", **options: Any) -> Pages:
        opened.append(Pages(chromium, house, who, **options))
        return opened[-1]

    yield one
    for pages in opened:
        pages.close()


def first_of(place: Place, verdict: str) -> int:
    return place.site.register.find(Filter(verdict=verdict), 1).sequences[0]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="light"),
        pytest.param({"color_scheme": "dark"}, id="dark", marks=pytest.mark.slow),
        pytest.param(
            {"viewport": {"width": 360, "height": 760}, "locale": "es-MX"}, id="narrow-spanish", marks=pytest.mark.slow
        ),
    ],
)
def test_every_page_can_be_used(window: Window, options: dict[str, Any]) -> None:
    stranger = window(None, **options)
    stranger.go("/login")
    assert stranger.faults() == []
    for who, paths in PAGES.items():
        pages = window(who, **options)
        for path in paths:
            pages.go(path)
            assert (path, pages.faults()) == (path, [])
            assert (path, pages.overflow()) == (path, 0)
        assert [s for s in pages.said if "status of 40" not in s] == []


def test_the_browser_checks_the_proof_itself(window: Window, house: Served) -> None:
    pages = window()
    page = pages.go(f"/decisions/{first_of(house.place, 'redacted')}")
    page.wait_for_selector("#proof-here.checked")
    assert "computed every hash and the signature" in page.inner_text("#proof-here")
    assert page.inner_text("ins")


def forged(change: Callable[[dict[str, Any]], None]) -> Callable[[Any], None]:
    def handle(route: Any) -> None:
        answer = route.fetch()
        value = answer.json()
        change(value)
        route.fulfill(response=answer, json=value)

    return handle


def other_hash(value: dict[str, Any]) -> None:
    value["proof"][0] = base64.b64encode(bytes(32)).decode()


def other_login(value: dict[str, Any]) -> None:
    value["leaf"] = value["leaf"].replace('"login":"', '"login":"x')


def other_signature(value: dict[str, Any]) -> None:
    head, _, line = value["checkpoint"].rpartition(" ")
    raw = bytearray(base64.b64decode(line))
    raw[40] ^= 1
    value["checkpoint"] = f"{head} {base64.b64encode(raw).decode()}\n"


@pytest.mark.parametrize(
    "change",
    [
        other_hash,
        pytest.param(other_login, marks=pytest.mark.slow),
        pytest.param(other_signature, marks=pytest.mark.slow),
    ],
)
def test_the_browser_finds_what_a_server_forges(
    window: Window, house: Served, change: Callable[[dict[str, Any]], None]
) -> None:
    pages = window()
    pages.page.route("**/proof", forged(change))
    page = pages.go(f"/decisions/{first_of(house.place, 'refused')}")
    page.wait_for_selector("#proof-here.bad")


@pytest.mark.slow
def test_the_browser_remembers_the_key(window: Window, house: Served) -> None:
    pages = window()
    page = pages.go(f"/decisions/{first_of(house.place, 'refused')}")
    page.wait_for_selector("#proof-here.checked")
    page.evaluate("localStorage.setItem(Object.keys(localStorage)[0], 'another+00000000+key')")
    page.reload()
    page.wait_for_selector("#proof-here.bad")
    assert "another key" in page.inner_text("#proof-here")


@pytest.mark.slow
def test_what_the_page_shows_is_what_the_entry_says(window: Window, house: Served) -> None:
    """A server that shows something else than the proved leaf is found out."""
    pages = window()
    sequence = first_of(house.place, "refused")

    def lie(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(
            response=answer, body=answer.text().replace('data-leaf="database">town', 'data-leaf="database">city')
        )

    pages.page.route(f"**/decisions/{sequence}", lie)
    page = pages.go(f"/decisions/{sequence}")
    page.wait_for_selector("#proof-here.bad")


def test_an_auditor_opens_a_text_by_file(window: Window, house: Served) -> None:
    pages = window()
    sequence = first_of(house.place, "refused")
    page = pages.go(f"/decisions/{sequence}")
    page.click("#text summary")
    page.fill("#because", "case 26-117")
    page.set_input_files("#key-file", house.place.directory / "keys" / "auditor.key")
    page.wait_for_function("document.getElementById('key').value.includes('PRIVATE')")
    page.click("#text button.main")
    page.wait_for_selector("#opened")
    assert "SELECT" in page.inner_text("#opened") or "UPDATE" in page.inner_text("#opened")
    assert "$1" not in page.inner_text("#opened")
    assert pages.faults() == []
    assert house.place.deeds()[-1]["because"] == "case 26-117"


def test_filters_lead_on_and_back(window: Window) -> None:
    page = window().go("/")
    page.click("details.filters summary")
    page.fill("#f-who", "mendez")
    page.click("details.filters button.main")
    people = page.locator("td.person").all_inner_texts()
    assert people
    assert all(p.startswith("mendez") for p in people)
    page.click("text=By the statement's shape")
    page.click("td.statement a >> nth=0")
    assert "who=mendez" in page.url
    page.click("td.when a >> nth=0")
    page.wait_for_selector("#proof-here.checked")


@pytest.mark.slow
def test_a_steward_accepts_a_suggestion(window: Window, house: Served) -> None:
    page = window("steward").go("/catalog")
    assert "its name is phone" in page.inner_text("main")
    page.click("[aria-label='Tag so: public.residents.phone']")
    page.wait_for_selector(".good")
    assert "phone: {tags: [trace.phone]}" in (house.place.directory / "catalog.yaml").read_text()


@pytest.mark.slow
def test_by_keyboard_alone(window: Window) -> None:
    pages = window(None)
    page = pages.go("/login")
    page.keyboard.type("auditor")
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse battery")
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


@pytest.mark.slow
def test_language_and_light_are_kept(window: Window) -> None:
    pages = window()
    page = pages.go("/access")
    page.click("text=Español")
    assert page.inner_text("h1") == "Quién puede ver qué"
    page.click("button[value=dark]")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 23, 27)"
    assert pages.faults() == []


@pytest.mark.slow
def test_it_can_be_read_without_scripts(window: Window, house: Served) -> None:
    page = window(java_script_enabled=False).go(f"/decisions/{first_of(house.place, 'refused')}")
    assert "Proved" in page.inner_text("#proof")
    assert page.inner_text("#proof-here") == ""


@pytest.mark.slow
def test_what_was_changed_shows(window: Window, house: Served) -> None:
    sequence = 0
    where = house.place.directory / "redactor.db"
    with sqlite3.connect(where) as c:
        (leaf,) = c.execute("SELECT leaf FROM entries WHERE sequence = ?", (sequence,)).fetchone()
        c.execute("UPDATE entries SET leaf = ? WHERE sequence = ?", (leaf.replace("10.20.0.", "10.99.0."), sequence))
    page = window().go(f"/decisions/{sequence}")
    assert "NOT as it was signed" in page.inner_text("#proof")
    with sqlite3.connect(where) as c:
        c.execute("UPDATE entries SET leaf = ? WHERE sequence = ?", (leaf, sequence))
