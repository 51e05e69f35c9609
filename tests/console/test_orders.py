"""Orders at the console: the form, who may take which step, what the pages and the API tell, and what they never do."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from redactor.console.words import translations
from redactor.orders.checks import ASKED, CHECKS
from redactor.orders.order import Instrument
from tests.console.place import Place, csrf
from tests.orders.papers import values

CANARY = "zyzzyva-canary"


def day(console: Place, days: int = 0) -> str:
    return datetime.fromtimestamp(console.now[0] + days * 86400, UTC).date().isoformat()


def fields(console: Place, **changes: str) -> dict[str, str]:
    made = {
        "instrument": "federal judicial search warrant",
        "document_sha256": "ab" * 32,
        "channel": "paper",
        "court": "United States District Court",
        "judge": "M. Judge",
        "judge_title": "Magistrate Judge",
        "signed": "yes",
        "case": "2:26-mj-0042",
        "issued": day(console, -1),
        "valid_until": day(console, 7),
        "asker_name": "A. Agent",
        "asker_agency": "FBI",
        "database": "town",
        "login": "officer",
        "rows": "5",
        "table_1": "public.residents",
        "columns_1": "alien_number: the alien number of the person named\nstatus: and the status",
        "key_1": "resident_id",
        "ids_1": f"17, 42\n{CANARY}",
    }
    made |= {f"answer_{check}": "yes" for check in ASKED}
    return made | changes


def entered(console: Place, who: str = "steward", **changes: str) -> str:
    browser = console.client(who)
    token = csrf(browser.get("/orders/new").text)
    answer = browser.post("/orders", data=fields(console, **changes) | {"csrf": token})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"]).rpartition("/")[2]


def step(console: Place, who: str, id: str, name: str, **more: str) -> tuple[int, str]:
    browser = console.client(who)
    token = csrf(browser.get(f"/orders/{id}").text)
    answer = browser.post(f"/orders/{id}/{name}", data={"csrf": token, **more})
    return answer.status_code, answer.text


def state(console: Place, id: str) -> str:
    return str(console.client("auditor").get(f"/api/v1/orders/{id}").json()["state"])


def steps(console: Place) -> list[str]:
    return [v["step"] for v in console.leaves() if v["kind"] == "order"]


def test_from_the_form_to_the_ledger(console: Place) -> None:
    id = entered(console)
    assert state(console, id) == "in review"
    assert step(console, "counsel", id, "approve", role="counsel")[0] == 303
    assert state(console, id) == "in review"
    assert step(console, "operator", id, "approve", role="operator")[0] == 303
    assert state(console, id) == "active"
    page = console.client("auditor").get(f"/orders/{id}").text
    assert f"SET redactor.disclosure_order = '{id}'" in page
    assert "GRANT SELECT" in page
    assert CANARY not in page
    assert "/approve" not in page
    assert step(console, "operator", id, "revoke", because="quashed")[0] == 303
    assert step(console, "counsel", id, "close")[0] == 303
    assert state(console, id) == "closed"
    listed = console.client("auditor").get("/orders").text
    assert id in listed
    ledger = console.client("auditor").get(f"/orders/ledger?period={day(console)[:4]}").text
    assert "1-4" in ledger
    assert steps(console) == ["received", "approved", "approved", "revoked", "closed"]
    assert CANARY not in str(console.leaves())


def test_its_steps_are_listed_with_the_log(console: Place) -> None:
    id = entered(console)
    console.flush()
    page = console.client("auditor").get("/?kind=order").text
    assert "Steps of disclosure orders" in page
    assert f"received {id}" in page
    assert id not in console.client("auditor").get("/?kind=deed").text


def test_whom_it_names_is_shown_to_who_asks_and_logged(console: Place) -> None:
    id = entered(console)
    status, text = step(console, "counsel", id, "people")
    assert status == 200
    assert CANARY in text
    assert "the alien number of the person named" in text
    assert steps(console) == ["received", "people seen"]
    assert step(console, "auditor", id, "people")[0] == 200


def test_refused_at_the_desk(console: Place) -> None:
    id = entered(console, judge_title="Immigration Judge")
    page = console.client("counsel").get(f"/orders/{id}").text
    assert "is no judge of a court" in page
    assert f"reference {id}" in page
    assert "GRANT" not in page
    referred = entered(console, instrument="public records request")
    assert f"reference {referred}" not in console.client("counsel").get(f"/orders/{referred}").text


def test_steps_that_may_not_be_taken_say_why(console: Place) -> None:
    id = entered(console)
    assert "Approve" not in console.client("steward").get(f"/orders/{id}").text
    for who, name, more, said in (
        ("steward", "approve", {"role": "steward"}, "who entered an order"),
        ("operator", "approve", {"role": "counsel"}, "has not the role"),
        ("operator", "answer", {"check": "caller", "value": "yes"}, "roles counsel, steward"),
        ("counsel", "revoke", {"because": "x"}, "in review"),
        ("counsel", "refuse", {"because": " "}, "a reason"),
        ("counsel", "close", {}, "in review"),
        ("counsel", "review", {"because": "x"}, "no emergency"),
    ):
        status, text = step(console, who, id, name, **more)
        assert status == 409
        assert said in text
    assert step(console, "counsel", id, "burn")[0] == 404
    assert console.client("auditor").get("/orders/o-none").status_code == 404
    assert steps(console) == ["received"]


def test_an_auditor_looks_and_an_operator_does_not_enter(console: Place) -> None:
    id = entered(console)
    auditor = console.client("auditor")
    token = csrf(auditor.get(f"/orders/{id}").text)
    assert auditor.post(f"/orders/{id}/refuse", data={"csrf": token, "because": "x"}).status_code == 403
    for who in ("auditor", "operator"):
        browser = console.client(who)
        assert browser.get("/orders/new").status_code == 403
        token = csrf(browser.get("/orders").text)
        assert browser.post("/orders", data=fields(console) | {"csrf": token}).status_code == 403
    assert console.browser().get("/orders").status_code == 303
    assert console.browser().get("/api/v1/orders").status_code == 401


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"instrument": "napkin"}, "no instrument"),
        ({"rows": "many"}, "rows"),
        ({"table_1": "residents"}, "schema.table"),
        ({"begins": "tomorrow"}, "no time"),
        ({"database": "elsewhere"}, "no database"),
    ],
)
def test_a_form_with_faults_comes_back_filled_in(console: Place, changes: dict[str, str], said: str) -> None:
    browser = console.client("counsel")
    token = csrf(browser.get("/orders/new").text)
    answer = browser.post("/orders", data=fields(console, **changes) | {"csrf": token})
    assert answer.status_code == 422
    assert said in answer.text
    assert "2:26-mj-0042" in answer.text


def test_an_open_check_is_answered_on_the_page(console: Place) -> None:
    id = entered(console, answer_docket="", answer_served="no")
    assert state(console, id) == "received"
    assert step(console, "steward", id, "answer", check="docket", value="yes", because="found it")[0] == 303
    assert step(console, "steward", id, "answer", check="served", value="waived", because="x")[0] == 409
    assert step(console, "counsel", id, "answer", check="served", value="waived", because="the clerk took it")[0] == 303
    assert state(console, id) == "in review"


def test_an_emergency_is_told_above_every_page_until_somebody_looks(console: Place) -> None:
    id = entered(console, instrument="emergency: danger to life", danger="a child")
    assert step(console, "operator", id, "approve", role="operator")[0] == 303
    told = f"one person approved the order {id}"
    assert told in console.client("counsel").get("/orders").text
    assert told in console.client("auditor").get("/access").text
    assert told not in console.client("operator").get("/orders").text
    console.client("counsel").get(f"/orders/{id}")
    assert told not in console.client("counsel").get("/orders").text
    waits = f"{id} waits for counsel"
    assert waits in console.client("counsel").get("/orders").text
    assert told in console.client("steward").get("/orders").text
    assert steps(console) == ["received", "approved", "notice", "notice", "notice", "seen"]
    assert step(console, "counsel", id, "review", because="it was one")[0] == 303
    assert waits not in console.client("counsel").get("/orders").text


def token_of(console: Place, who: str) -> str:
    browser = console.client(who)
    page = browser.post("/account/tokens", data={"csrf": csrf(browser.get("/account").text), "label": "t"}).text
    found = re.search(r"rdc_[\w-]+", page)
    assert found is not None
    return found.group(0)


def api(console: Place, who: str) -> Any:
    browser = console.browser()
    browser.headers["authorization"] = f"Bearer {token_of(console, who)}"
    return browser


def test_the_api_enters_and_approves_nothing(console: Place) -> None:
    program = api(console, "counsel")
    body = values(issued=day(console, -1), valid_until=day(console, 7))
    body["scope"] = {**body["scope"], "database": "town"}
    made = program.post("/api/v1/orders", json=body)
    assert made.status_code == 201, made.text
    id = made.json()["order"]
    assert made.json()["state"] == "in review"
    assert [o["order"] for o in program.get("/api/v1/orders").json()["orders"]] == [id]
    assert {c["result"] for c in made.json()["checks"]} == {"passed", "not needed"}
    for name in ("approve", "answer", "refuse", "review", "close"):
        assert program.post(f"/api/v1/orders/{id}/{name}", json={"role": "counsel", "because": "x"}).status_code == 403
    assert program.post(f"/api/v1/orders/{id}/revoke", json={"because": "x"}).status_code == 409
    assert program.post("/api/v1/orders", json={"instrument": "napkin"}).status_code == 422
    assert program.get("/api/v1/orders/ledger?period=2026-Q2").json()["lines"][-1]["what"] == "all"
    assert program.get("/api/v1/orders/ledger?period=spring").status_code == 422
    assert program.get("/api/v1/orders/o-none").status_code == 404
    assert api(console, "operator").post("/api/v1/orders", json=body).status_code == 403


def test_a_token_revokes(console: Place) -> None:
    id = entered(console)
    step(console, "counsel", id, "approve", role="counsel")
    step(console, "operator", id, "approve", role="operator")
    told = api(console, "operator").post(f"/api/v1/orders/{id}/revoke", json={"because": "quashed"})
    assert told.status_code == 200
    assert told.json()["state"] == "revoked"


def test_the_words_are_there_in_spanish() -> None:
    known = translations("es")
    sources = [Path("redactor/console/templates") / f"{n}.html" for n in ("orders", "order", "order_new", "ledger")]
    said = {m for p in sources for m in re.findall(r'_\("([^"]+)"', p.read_text())}
    said |= set(re.findall(r'\{\{ (?:text|area)\([^,]+, "([^"]+)"', sources[2].read_text()))
    said |= {c.question for c in CHECKS} | {i.value for i in Instrument}
    assert sorted(said - set(known)) == []


def test_spanish(console: Place) -> None:
    browser = console.client("counsel")
    browser.cookies.set("language", "es")
    id = entered(console)
    for path in ("/orders", "/orders/new", "/orders/ledger", f"/orders/{id}"):
        assert 'lang="es"' in browser.get(path).text
    assert "Órdenes" in browser.get("/orders").text
