"""`redactor harden` and `redactor doctor` as people run them, against a real server."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests import commands, servers
from tests.wall.standing import CATALOG, POLICY, Small


@pytest.fixture
def config(city: Small, tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(CATALOG)
    (tmp_path / "policy.yaml").write_text(POLICY)
    file = tmp_path / "redactor.yaml"
    upstream = city.dsn("analyst")  # an ordinary login is enough to look
    file.write_text(
        f"listen: 127.0.0.1:0\ndatabases:\n  small: {{upstream: '{upstream}', catalog: small.yaml}}\n"
        "policy: policy.yaml\nstore: sqlite:///redactor.db\n"
    )
    return file


def run(*arguments: str, code: int = 0) -> str:
    done = commands.redactor(*arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 or done.stdout else done.stderr


def findings(text: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(text)["findings"]
    return found


def test_harden_then_doctor(city: Small, config: Path) -> None:
    before = city.grants()
    undo = run("harden", "-c", str(config), "small", "--undo")
    sql = run("harden", "-c", str(config), "small")
    first = findings(run("doctor", "-c", str(config), "small", "--json", code=1))
    assert [f for f in first if f["check"] == "second wall" and f["state"] == "fail"]
    city.sql(sql)
    try:
        assert "Nothing to take away" in run("harden", "-c", str(config), "small")
        second = findings(
            run("doctor", "-c", str(config), "small", "--json", "--as", city.dsn(), "--proxy", "127.0.0.1")
        )
        assert not [f for f in second if f["state"] in ("fail", "unknown")]
        expected = {"second wall", "superusers", "ways past the proxy", "store", "clock", "build"}
        assert {f["check"] for f in second} >= expected
        shown = run("doctor", "-c", str(config), "-v", "--as", city.dsn(), "--proxy", "127.0.0.1")
        assert "second wall" in shown
        # no line is broken, so that commands can be taken from it
        assert all(line.startswith((" ", "ok", "warn", "small", "this", "0")) for line in shown.splitlines() if line)
        assert "0 fail" in shown
    finally:
        city.sql(undo)
    assert city.grants() == before


def test_what_may_not_be_read_is_said(config: Path) -> None:
    found = findings(run("doctor", "-c", str(config), "--json", code=1))
    assert [f["check"] for f in found if f["state"] == "unknown"] == ["ways past the proxy"]


def test_publications_slots_and_new_columns(city: Small, config: Path) -> None:
    city.sql(
        "CREATE PUBLICATION out FOR TABLE city.people; ALTER TABLE city.wards ADD COLUMN mayor text;"
        "ALTER DEFAULT PRIVILEGES FOR ROLE owner_nobody GRANT SELECT ON TABLES TO clerk;"
    )
    city.sql("SELECT pg_create_physical_replication_slot('copying')")
    try:
        found = findings(run("doctor", "-c", str(config), "--json", code=1))
        assert [f["state"] for f in found if f["check"] == "publications"] == ["fail"]
        assert any(f["check"] == "replication slots" and "copying" in f["what"] for f in found)
        assert any(f["check"] == "waiting for review" and "city.wards.mayor" in f["what"] for f in found)
        assert "-- waiting for review: 1 relations and columns." in run("harden", "-c", str(config), "small")
        assert any(f["check"] == "default privileges" and "clerk" in f["what"] for f in found)
    finally:
        city.sql("SELECT pg_drop_replication_slot('copying')")
        city.sql(
            "DROP PUBLICATION out; ALTER TABLE city.wards DROP COLUMN mayor;"
            "ALTER DEFAULT PRIVILEGES FOR ROLE owner_nobody REVOKE SELECT ON TABLES FROM clerk;"
        )


def test_names_that_do_not_exist(config: Path) -> None:
    assert "no database `nowhere`" in run("harden", "-c", str(config), "nowhere", code=1)
    assert "no database `nowhere`" in run("doctor", "-c", str(config), "nowhere", code=1)
    assert "no role `nobody`" in run("harden", "-c", str(config), "small", "--role", "nobody", code=1)


def test_a_server_that_does_not_answer(config: Path) -> None:
    nowhere = f"postgresql://analyst@127.0.0.1:{servers.free_port()}/small"
    config.write_text(re.sub("postgresql://[^']*", nowhere, config.read_text()))
    found = findings(run("doctor", "-c", str(config), "--json", code=1))
    assert [f["check"] for f in found if f["about"] == "small"] == ["database"]
