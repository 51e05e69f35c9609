"""The API: the same permissions as the pages, answers as its document says, and what a fuzzer cannot break."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from redactor.console.credentials import new_secret
from redactor.store.accounts import Token, digest_of
from tests.audit.samples import sample
from tests.console.place import Place, csrf
from tests.console.test_pages import PROPOSED
from tests.console.test_refusals import fill, key_of


def program(console: Place, role: str, seconds: int = 3600) -> TestClient:
    """A program with a token of that role's person."""
    secret, now = new_secret(), int(console.now[0])
    console.site.accounts.issue(Token(digest_of(secret), role, "test", now, now + seconds))
    made = console.browser()
    del made.headers["origin"]
    made.headers["authorization"] = f"Bearer {secret}"
    return made


def test_entries(console: Place) -> None:
    fill(console, 6)
    auditor = program(console, "auditor")
    found = auditor.get("/api/v1/decisions", params={"who": "clerk", "limit": 2}).json()
    assert [e["sequence"] for e in found["entries"]] == [4, 2]
    assert (found["newer"], found["older"]) == (None, 2)
    assert found["entries"][0]["login"] == "clerk"
    assert auditor.get("/api/v1/decisions", params={"before": 2, "who": "clerk"}).json()["entries"][0]["sequence"] == 0
    proof = auditor.get("/api/v1/decisions/2").json()
    assert proof["state"] == "holds"
    assert json.loads(proof["leaf"])["sequence"] == 2
    assert auditor.get("/api/v1/chart").json()["bars"][0] == {
        "at": 1779998400,
        "refused": 4,
        "redacted": 2,
        "allowed": 0,
    }
    assert auditor.get("/api/v1/shapes", params={"verdict": "refused"}).json()["shapes"][0]["count"] == 4
    lines = auditor.get("/api/v1/export", params={"verdict": "redacted"}).text.splitlines()
    assert [json.loads(line)["entry"]["sequence"] for line in lines[1:]] == [0, 3]


def test_a_look_by_a_program_is_logged(console: Place) -> None:
    fill(console, 1)
    body = {"key": key_of(console), "because": "case 26-117"}
    opened = program(console, "auditor").post("/api/v1/decisions/0/look", json=body)
    assert "A000000000" in opened.json()["text"]
    said = console.deeds()[-1]
    assert (said["deed"], said["by"], said["because"]) == ("opened a sealed text", "auditor", "case 26-117")
    assert program(console, "counsel").post("/api/v1/decisions/0/look", json=body).status_code == 403


def test_the_rest(console: Place) -> None:
    (console.directory / "catalog.yaml").write_text(PROPOSED)
    steward = program(console, "steward")
    assert steward.get("/api/v1/me").json()["roles"] == ["steward"]
    waiting = steward.get("/api/v1/catalog").json()["waiting"]
    assert waiting[0]["tags"] == ["document.a_number"]
    body = {"database": "town", "relation": "public.residents", "column": "alien_number", "tags": ["document.a_number"]}
    assert steward.post("/api/v1/catalog", json=body | {"tags": ["No!"]}).status_code == 400
    assert steward.post("/api/v1/catalog", json=body | {"column": "other"}).status_code == 409
    assert steward.post("/api/v1/catalog", json=body).json() == {"asked": False}
    assert program(console, "auditor").post("/api/v1/catalog", json=body).status_code == 403
    assert "proposed: {tags" not in (console.directory / "catalog.yaml").read_text()
    matrix = steward.get("/api/v1/access").json()
    assert {c["role"] for c in matrix["tags"][0]["cells"]} == {"(no role)", "caseworker", "chief", "builder"}
    assert steward.get("/api/v1/columns?tag=document").json()["columns"][0]["column"] == "alien_number"
    assert {s["state"] for s in steward.get("/api/v1/health").json()["signs"]} <= {"good", "watch", "bad"}


def test_who_may(console: Place) -> None:
    fill(console, 1)
    nobody = console.browser()
    for path in ("me", "decisions", "decisions/0", "chart", "shapes", "export", "access", "catalog", "health"):
        assert nobody.get(f"/api/v1/{path}").status_code == 401
    assert nobody.get("/api/v1/openapi.json").headers["www-authenticate"] == "Bearer"
    operator = program(console, "operator")
    for path in ("decisions", "decisions/0", "chart", "shapes", "export"):
        answer = operator.get(f"/api/v1/{path}")
        assert answer.status_code == 403
        assert set(answer.json()) == {"error"}
    assert operator.get("/api/v1/health").status_code == 200


def test_tokens_end(console: Place) -> None:
    auditor = program(console, "auditor", 3600)
    assert auditor.get("/api/v1/me").status_code == 200
    assert auditor.get("/account").status_code == 303  # not for pages
    console.now[0] += 3600
    assert auditor.get("/api/v1/me").status_code == 401
    other = program(console, "auditor")
    console.site.accounts.disable("auditor")
    assert other.get("/api/v1/me").status_code == 401
    other.headers["authorization"] = "Bearer nonsense"
    assert other.get("/api/v1/me").status_code == 401
    other.headers["authorization"] = "Basic YTpi"
    assert other.get("/api/v1/me").status_code == 401


def test_a_page_may_use_the_api_with_its_token(console: Place) -> None:
    browser = console.client("steward")
    token = csrf(browser.get("/account").text)
    body = {"database": "nowhere", "relation": "a.b", "tags": []}
    assert browser.post("/api/v1/catalog", json=body).status_code == 403
    assert browser.post("/api/v1/catalog", json=body, headers={"x-csrf-token": token}).status_code == 404


def test_its_document_for_people(console: Place) -> None:
    page = console.client("operator").get("/api/v1").text
    assert "/api/v1/decisions/{sequence}/look" in page
    document = program(console, "operator").get("/api/v1/openapi.json").json()
    assert document["security"] == [{"token": []}]
    assert all(path.startswith("/api/v1/") for path in document["paths"])


def fuzzed(console: Place, role: str, examples: int) -> int:
    """Call everything in the document in that role with made-up values; gives how many calls there were."""
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    console.append(*[sample(i) for i in range(4)])
    caller = program(console, role)
    schema = schemathesis.openapi.from_dict(caller.get("/api/v1/openapi.json").json())
    count = 0
    as_documented = [
        not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
    ]

    def call(case: Any) -> None:
        nonlocal count
        count += 1
        body = case.body if isinstance(case.body, dict | list) else None
        path = case.formatted_path
        answer = caller.request(case.method, path, params=case.query, json=body)
        case.validate_response(answer, checks=as_documented)

    for result in schema.get_all_operations():
        operation = result.ok()
        checked = given(case=operation.as_strategy())(call)
        settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )(checked)()
    return count


def test_a_fuzzer_briefly(console: Place) -> None:
    assert fuzzed(console, "auditor", 4) > 20


@pytest.mark.slow
@pytest.mark.parametrize("role", ["auditor", "steward", "operator", "counsel"])
def test_a_fuzzer_at_length(console: Place, role: str) -> None:
    assert fuzzed(console, role, 60) > 300
