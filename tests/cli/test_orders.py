"""`redactor orders` beside a running `redactor serve`: from the form to the report, with real people and a database."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from argon2 import PasswordHasher
from ruamel.yaml import YAML
from typer.testing import CliRunner

from redactor.cli.orders import app
from redactor.console.credentials import totp_code
from redactor.errors import ConfigurationError, RedactorError
from redactor.store import Reader
from redactor.store.accounts import Account, Accounts
from redactor.store.database import Database
from tests.cli.test_serve import Installation, counter, until
from tests.orders.papers import WARRANT

__all__ = ["counter"]

PASSWORD = "correct horse battery"
TOTP = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PEOPLE = {"clerk": "steward", "stan": "steward", "carla": "counsel", "olga": "operator", "ann": "auditor"}


def today(days: int = 0) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def form(directory: Path, **changes: Any) -> Path:
    scope = {
        "database": "counter",
        "login": "ordinary",
        "rows": 3,
        "tables": {"public.people": {"columns": {"status": "status of the person named"}, "key": "id", "ids": [1]}},
    }
    values = {**WARRANT, "issued": today(-1), "valid_until": today(7), "scope": scope, **changes}
    path = directory / "demand.yaml"
    with path.open("w") as f:
        YAML().dump(values, f)
    return path


@pytest.fixture
def office(counter: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    (counter.directory / "store").mkdir()
    database = Database(f"sqlite:///{counter.directory}/store/redactor.db", create=True)
    database.migrate()
    accounts, kept = Accounts(database), PasswordHasher(time_cost=1, memory_cost=64).hash(PASSWORD)
    for name, role in PEOPLE.items():
        accounts.add(Account(name, frozenset({role}), kept, made="2026-01-01T00:00:00.000000Z"))
    accounts.add(Account("tom", frozenset({"counsel"}), kept, TOTP, made="2026-01-01T00:00:00.000000Z"))
    database.close()
    monkeypatch.chdir(counter.directory)
    monkeypatch.setenv("COLUMNS", "220")
    return counter


def orders(*arguments: str, password: str = PASSWORD, code: str = "", exit_code: int = 0) -> str:
    given = [*arguments, *(["--password-stdin"] if "--as" in arguments else [])]
    done = CliRunner().invoke(app, given, input=f"{password}\n{code}\n")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == exit_code, done.output
    return str(done.stdout)


def received(office: Installation, **changes: Any) -> str:
    said = orders("receive", str(form(office.directory, **changes)), "--as", "clerk")
    return said.split(":")[0]


def entries(office: Installation) -> list[dict[str, Any]]:
    with Reader(f"sqlite:///{office.directory}/store/redactor.db") as reader:
        return [e.value for e in reader.select(newest=False)]


def test_from_the_form_to_the_report(office: Installation) -> None:
    id = received(office)
    assert "in review" in orders("show", id)
    assert "public.people.id: 1" in orders("people", id, "--as", "carla")
    assert "one more" in orders("approve", id, "--as", "carla", "--role", "counsel").lower()
    office.serve()
    with office.connect("ordinary") as c:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            c.execute(f"SET redactor.disclosure_order = '{id}'")
        assert f"SET redactor.disclosure_order = '{id}'" in orders("approve", id, "--as", "olga", "--role", "operator")

        def in_force() -> bool:
            try:
                c.execute(f"SET redactor.disclosure_order = '{id}'")
            except psycopg.errors.InsufficientPrivilege:
                return False
            return True

        until(in_force)
        assert c.execute("SELECT id, status FROM people ORDER BY id").fetchall() == [(1, "visa"), (2, None)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="more rows than the 1"):
            c.execute("SELECT id, status FROM people")
        assert c.execute("SELECT status FROM people WHERE id = 1").fetchall() == [("visa",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="used up"):
            c.execute("SELECT status FROM people WHERE id = 1")
        c.execute("RESET redactor.disclosure_order")
        assert c.execute("SELECT status FROM people WHERE id = 1").fetchall() == [(None,)]
    report = json.loads(orders("report", id, "--json"))
    assert report["state"] == "used up"
    assert report["used"] == {"statements": 2, "rows": 3, "left": 0}
    assert [u["rows"] for u in report["uses"]] == [2, 1]
    assert "closed" in orders("close", id, "--as", "stan")
    assert "used up" in orders("report", id)
    year = datetime.now(UTC).year
    ledger = json.loads(orders("ledger", str(year), "--json"))
    assert ledger["lines"][-1] == {
        "what": "all",
        "received": "1-4",
        "granted": "1-4",
        "refused": "0",
        "pending": "0",
        "rows": "1-4",
    }
    # each process has a journal of its own: which is stored first says nothing
    until(lambda: sum(v["kind"] == "order" for v in entries(office)) == 8)
    found = sorted(entries(office), key=lambda v: str(v["at"]))
    assert [v["step"] for v in found if v["kind"] == "order"] == [
        *("received", "people seen", "approved", "approved", "used", "used", "used up", "closed")
    ]
    decisions = {v["decision"] for v in found if v["kind"] == "decision"}
    assert {v["decision"] for v in found if v.get("step") == "used"} <= decisions


def test_revoked_in_an_open_session(office: Installation) -> None:
    id = received(office)
    orders("approve", id, "--as", "carla", "--role", "counsel")
    orders("approve", id, "--as", "stan", "--role", "steward")
    office.serve()
    with office.connect("ordinary") as c:
        c.execute(f"SET redactor.disclosure_order = '{id}'")
        assert c.execute("SELECT status FROM people WHERE id = 1").fetchall() == [("visa",)]
        orders("revoke", id, "--as", "olga", "--because", "quashed this morning")
        # at once: the store is asked before a row leaves, whether or not the proxy has looked again yet
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="revoked"):
            c.execute("SELECT status FROM people WHERE id = 1")
    assert json.loads(orders("report", id, "--json"))["used"]["rows"] == 1


@pytest.mark.slow
def test_several_workers_count_together(office: Installation) -> None:
    office.configure(workers="2")
    id = received(office)
    orders("approve", id, "--as", "carla", "--role", "counsel")
    orders("approve", id, "--as", "stan", "--role", "steward")
    office.serve()
    shown = 0
    with ExitStack() as stack:
        connections = [stack.enter_context(office.connect("ordinary")) for _ in range(4)]
        for c in connections:
            c.execute(f"SET redactor.disclosure_order = '{id}'")
        for c in connections:
            with suppress(psycopg.errors.InsufficientPrivilege):
                shown += len(c.execute("SELECT status FROM people WHERE id = 1").fetchall())
    assert shown == 3
    assert json.loads(orders("report", id, "--json"))["used"]["rows"] == 3


def test_what_was_seen_is_in_the_log_whatever_is_killed(office: Installation) -> None:
    id = received(office)
    orders("approve", id, "--as", "carla", "--role", "counsel")
    orders("approve", id, "--as", "stan", "--role", "steward")
    process = office.serve()
    with office.connect("ordinary") as c:
        c.execute(f"SET redactor.disclosure_order = '{id}'")
        assert c.execute("SELECT status FROM people WHERE id = 1").fetchall() == [("visa",)]
        process.kill()
        process.wait()
    assert json.loads(orders("report", id, "--json"))["used"]["left"] == 2
    # whoever opens the log next stores what the journal holds
    orders("revoke", id, "--as", "olga", "--because", "enough")
    until(lambda: [v["rows"] for v in entries(office) if v.get("step") == "used"] == [1])


def test_an_emergency(office: Installation) -> None:
    changes = {"instrument": "emergency: danger to life", "danger": "a child is held at gunpoint"}
    id = received(office, **changes)
    assert "approved" in orders("approve", id, "--as", "olga", "--role", "operator")
    told = orders("list")
    assert f"EMERGENCY: {id}" in told
    order = json.loads(orders("show", id, "--json"))
    hours = datetime.fromisoformat(order["scope"]["ends"]) - datetime.fromisoformat(order["approved_by"][0]["at"])
    assert hours <= timedelta(hours=4)
    orders("revoke", id, "--as", "olga", "--because", "the child is safe")
    with pytest.raises(RedactorError, match="counsel has not reviewed"):
        orders("close", id, "--as", "olga")
    orders("review", id, "--as", "carla", "--because", "it was one")
    orders("close", id, "--as", "olga")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"instrument": "ICE form I-205 (administrative removal warrant)"}, "signed by an officer of the executive"),
        ({"judge_title": "Immigration Judge"}, "is no judge of a court"),
        ({"form_number": "Form I-200"}, "immigration officer's form"),
        ({"instrument": "federal request for citizenship or immigration status (8 U.S.C. 1373)"}, "refer"),
    ],
)
def test_what_is_no_courts_is_refused_at_the_desk(office: Installation, changes: dict[str, Any], said: str) -> None:
    path = form(office.directory, **changes)
    assert said in orders("check", str(path), exit_code=1)
    told = orders("receive", str(path), "--as", "clerk")
    assert said in told
    assert "refused" in told


def test_who_is_at_the_keyboard(office: Installation) -> None:
    path = str(form(office.directory))
    for name, password in (("clerk", "wrong"), ("nobody", PASSWORD)):
        with pytest.raises(RedactorError, match="is wrong"):
            orders("receive", path, "--as", name, password=password)
    with pytest.raises(RedactorError, match="roles counsel, steward"):
        orders("receive", path, "--as", "olga")
    with pytest.raises(RedactorError, match="is wrong"):
        orders("receive", path, "--as", "tom", code="000000")
    import time

    assert "in review" in orders("receive", path, "--as", "tom", code=totp_code(TOTP, int(time.time()) // 30))
    id = json.loads(orders("list", "--json"))["order"]
    with pytest.raises(RedactorError, match="entered"):
        orders("approve", id, "--as", "tom", "--role", "counsel", code=totp_code(TOTP, int(time.time()) // 30 + 1))


def test_answers_and_refusals(office: Installation) -> None:
    id = received(office, answers={})
    assert "received" in orders("list")
    orders("answer", id, "caller", "yes", "--as", "clerk", "--because", "called the court")
    with pytest.raises(RedactorError, match="only counsel"):
        orders("answer", id, "docket", "waived", "--as", "clerk", "--because", "in a hurry")
    orders("answer", id, "docket", "waived", "--as", "carla", "--because", "sealed; chambers confirmed")
    assert "reference " + id in orders("refuse", id, "--as", "stan", "--because", "withdrawn")
    assert orders("list", "--state", "active").strip() == "No orders."
    with pytest.raises(RedactorError, match="no disclosure order"):
        orders("show", "o-none")
    for wrong in (("list", "--state", "gone"), ("ledger", "2026-03")):
        with pytest.raises(ConfigurationError):
            orders(*wrong)


def test_the_scans_digest(office: Installation) -> None:
    (office.directory / "scan.pdf").write_bytes(b"a warrant")
    digest = hashlib.sha256(b"a warrant").hexdigest()
    orders("receive", str(form(office.directory, document_sha256="")), "--scan", "scan.pdf", "--as", "clerk")
    assert json.loads(orders("list", "--json"))["document_sha256"] == digest
    with pytest.raises(ConfigurationError, match="another document"):
        orders("check", str(form(office.directory)), "--scan", "scan.pdf")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        orders("check", str(form(office.directory)), "--scan", "nothing.pdf")


def test_the_form(office: Installation) -> None:
    assert "instrument: federal judicial search warrant" in orders("form")
    (office.directory / "bad.yaml").write_text("instrument: napkin\nasker: {name: A}\n")
    with pytest.raises(ConfigurationError) as caught:
        orders("check", "bad.yaml")
    assert "no instrument" in caught.value.public
    assert "agency" in caught.value.public
    assert os.getcwd() == str(office.directory)
