"""`redactor check`, `policy test` and `policy matrix`, as a person or a program runs them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from redactor import cli
from tests import servers
from tests.certificates import Authority

ROOT = Path(__file__).resolve().parents[2]
CATALOG = """\
database: city
relations:
  public.residents:
    columns:
      resident_id: {}
      alien_number: {tags: [document.a_number]}
functions:
  public.open_requests(integer): {safe: true, because: counts service requests only}
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.build(), list(arguments))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation without a fault, whose database does not answer."""
    (tmp_path / "schemas").mkdir()
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    (tmp_path / "schemas" / "city.yaml").write_text(CATALOG)
    (tmp_path / "redactor.yaml").write_text(
        "databases:\n  city: {upstream: 'postgresql://redactor:seekrit@127.0.0.1:1/city'}\n"
        "policy: policies/sacramento.yaml\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_nothing_wrong(here: Path) -> None:
    done = run("check", "--offline")
    assert done.exit_code == 0, done.output
    assert "database city: 1 relations, 2 columns, 1 tagged" in done.output
    assert done.output.endswith("ok\n")


def test_a_certificate_that_has_expired_or_does_not_fit_its_key(here: Path) -> None:
    authority = Authority(here / "tls")
    past, soon = authority.make("city", days=(-20, -2)), authority.make("city", days=(-20, 3))
    before = (here / "redactor.yaml").read_text()

    def checked(certificate: Path, key: Path) -> Result:
        (here / "redactor.yaml").write_text(before + f"tls: {{certificate: {certificate}, key: {key}}}\n")
        return run("check", "--offline")

    done = checked(past.certificate, past.key)
    assert done.exit_code == 1
    assert "the certificate of CN=city expired on" in done.output
    done = checked(soon.certificate, soon.key)
    assert done.exit_code == 0
    assert "note: the certificate of CN=city expires on" in done.output
    done = checked(soon.certificate, past.key)
    assert done.exit_code == 1
    assert f"its first certificate is not that of the key {past.key}" in done.output


def test_a_database_that_does_not_answer_is_a_note(here: Path) -> None:
    done = run("check", "-c", "redactor.yaml")
    assert done.exit_code == 0
    assert "schemas/city.yaml: note: not compared with the database: 127.0.0.1:1/city cannot be reached" in done.output
    assert "seekrit" not in done.output
    assert run("check", "--strict").exit_code == 1


def test_all_faults_of_all_files_at_once(here: Path) -> None:
    (here / "policies" / "sacramento.yaml").write_text("rules: [{id: a, tags: status, otherwise: maks}]")
    (here / "schemas" / "city.yaml").write_text("relation: {}\n")
    done = run("check")
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        "policies/sacramento.yaml:1:42: `maks` is not a treatment (did you mean `mask`?)",
        "schemas/city.yaml:1:1: unknown key `relation` (did you mean `relations`?)",
        "2 to put right",
    ]


def test_a_missing_configuration(here: Path) -> None:
    done = run("check", "-c", "nowhere.yaml")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[0] == "nowhere.yaml: there is no such file (check the path)"


def test_missing_files_are_named(here: Path) -> None:
    (here / "schemas" / "city.yaml").unlink()
    (here / "policies" / "sacramento.yaml").unlink()
    with (here / "redactor.yaml").open("a") as f:
        f.write("tls: {certificate: cert.pem, key: key.pem}\nlog: {auditor_key: auditor.pem}\n")
    done = run("check")
    assert done.exit_code == 1
    assert "policies/sacramento.yaml: there is no such file" in done.stderr
    assert "schemas/city.yaml: there is no such file: everything in the database is hidden" in done.stderr
    for name in ("cert.pem", "key.pem", "auditor.pem"):
        assert f"there is no file {here / name}" in done.stderr


def test_a_catalog_of_another_database_is_a_fault(here: Path) -> None:
    (here / "schemas" / "city.yaml").write_text("# copied\ndatabase: county\n")
    done = run("check", "--offline")
    assert done.exit_code == 1
    assert "schemas/city.yaml:2:11: is about the database `county` (redactor.yaml calls it `city`)" in done.stderr


def test_a_hash_mask_needs_a_key(here: Path) -> None:
    (here / "policies" / "sacramento.yaml").write_text("rules: [{id: a, tags: x, otherwise: {mask: hash}}]")
    done = run("check", "--offline")
    assert done.exit_code == 1
    assert "the policy's rule `a` masks by hash, and there is no `mask_key`" in done.stderr
    with (here / "redactor.yaml").open("a") as f:
        f.write("mask_key: 0123456789abcdef\n")
    assert run("check", "--offline").exit_code == 0


def test_notes(here: Path) -> None:
    (here / "policies" / "sacramento.yaml").write_text("roles: {empty: {}}\nrules:\n  - {id: a, tags: [document]}\n")
    (here / "schemas" / "city.yaml").write_text(
        CATALOG.replace("resident_id: {}", "resident_id: {tags: [trace.adress]}").replace(
            ", because", ", because: ''} #"
        )
        + "  public.x(): {safe: true}\n"
    )
    done = run("check", "--offline")
    assert done.exit_code == 0
    assert [line for line in done.stdout.splitlines() if "note: " in line] == [
        "policies/sacramento.yaml:1:9: note: nobody can have the role `empty` (list users or groups)",
        "policies/sacramento.yaml:3:5: note: the rule `a` gives no reason (because: ...)",
        "schemas/city.yaml:5:27: note: no rule of the policy covers the tag `trace.adress`: what carries it is hidden"
        " from everybody (did you mean `trace.address`?)",
        "schemas/city.yaml:8:3: note: `public.open_requests(integer)` is declared safe without a reason (because: ...)",
        "schemas/city.yaml:9:3: note: `public.x()` is declared safe without a reason (because: ...)",
    ]


def test_json(here: Path) -> None:
    (here / "schemas" / "city.yaml").write_text("relation: {}\n")
    done = run("check", "--json")
    assert done.exit_code == 1
    fault = {"file": "schemas/city.yaml", "line": 1, "column": 1, "what": "unknown key `relation`"}
    expected = {**fault, "instead": "did you mean `relations`?"}
    assert json.loads(done.stdout) == {"ok": False, "faults": [expected], "notes": []}


@pytest.fixture
def city(postgres18: servers.Server) -> Iterator[str]:
    with psycopg.connect(postgres18.dsn(), autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS check_city")
        connection.execute("CREATE DATABASE check_city")
    with psycopg.connect(postgres18.dsn("check_city"), autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE residents (resident_id int, alien_number text, imm_stat text);"
            "CREATE TABLE newcomers (x int);"
            "CREATE FUNCTION open_requests(resident int) RETURNS int LANGUAGE sql AS 'SELECT 1';"
            "CREATE VIEW v AS SELECT * FROM residents"
        )
    yield postgres18.dsn("check_city")
    with psycopg.connect(postgres18.dsn(), autocommit=True) as connection:
        connection.execute("DROP DATABASE check_city WITH (FORCE)")


def test_the_real_database_is_compared(here: Path, city: str) -> None:
    (here / "redactor.yaml").write_text(
        f"databases:\n  city: {{upstream: '{city}'}}\npolicy: policies/sacramento.yaml\n"
    )
    with (here / "schemas" / "city.yaml").open("a") as f:
        f.write("  public.gone(text): {safe: false}\n")
    done = run("check")
    assert done.exit_code == 0, done.output
    assert [line.partition("note: ")[2] for line in done.stdout.splitlines() if "note: " in line] == [
        "1 upstream and not in this file, so hidden: public.newcomers (add them, or run redactor scan)",
        "1 upstream and not in this file, so hidden: public.residents.imm_stat (add them, or run redactor scan)",
        "1 declared and not upstream under this signature: public.gone(text) (remove them, or correct them)",
    ]


def test_policy_test(here: Path) -> None:
    done = run("policy", "test")
    assert done.exit_code == 0, done.output
    assert "all met" in done.output
    path = here / "policies" / "sacramento.yaml"
    path.write_text(
        path.read_text().replace("tags: status\n    approved: [caseworker", "tags: status\n    approved: [analyst")
    )
    done = run("policy", "test", "policies/sacramento.yaml")
    assert done.exit_code == 1
    assert "of status gets `mask null` by status-need-to-know, not `sees`" in done.output
    assert "policies/sacramento.test.yaml:" in done.output


def test_a_policy_without_tests_says_so(here: Path) -> None:
    (here / "policies" / "sacramento.test.yaml").unlink()
    done = run("policy", "test")
    assert done.exit_code == 1
    assert "has no tests beside it (write sacramento.test.yaml)" in str(done.exception)


def test_policy_matrix(here: Path) -> None:
    done = run("policy", "matrix", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["matrix"]
    assert found["status"]["caseworker"] == {"gets": "sees"}
    hidden = {"gets": "mask null", "when_shaping_rows": "refuse", "rules": ["status-need-to-know"]}
    assert found["status"]["(no role)"] == hidden
    assert found["unreviewed"]["caseworker"]["rules"] == ["quarantine"]
    assert "document.a_number" in found
    drawn = run("policy", "matrix", "policies/sacramento.yaml", "--tag", "trace.birth_date", "--tag", "status").output
    assert "trace.birth_date" in drawn
    assert "status.enforcement" in drawn
    assert "trace.plate" not in drawn
    assert "y mask year" in drawn
    assert "1: front_desk" in drawn
