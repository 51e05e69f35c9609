"""`redactor policy simulate`: what would change is said, what cannot be judged is not said to stay."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from redactor import cli
from redactor.decision import Entry, Verdict
from redactor.model import Identity, Requester
from redactor.sql.grammar import shape
from redactor.store import Log
from tests.audit.samples import sample
from tests.servers import Server
from tests.store.opened import url

POLICY = """\
name: before
about: for tests
roles:
  caseworker: {users: [jo]}
  desk: {users: [maria]}
rules:
  - id: need-to-know
    tags: document
    approved: [caseworker]
    otherwise: mask
    because: a test
"""
CATALOG = """\
database: city
relations:
  public.person:
    columns:
      id: {}
      name: {}
      a_num: {tags: [document.a_number]}
"""
SEEN = "SELECT id, a_num FROM person WHERE id = 7"
ASKED = "SELECT count(*) FROM person WHERE a_num = 'A1'"
GROUPED = "SELECT a_num, count(*) FROM person GROUP BY 1"


@pytest.fixture(scope="module")
def database(postgres18: Server) -> Iterator[str]:
    with psycopg.connect(postgres18.dsn(), autocommit=True) as c:
        c.execute("DROP DATABASE IF EXISTS simulated")
        c.execute("CREATE DATABASE simulated")
    with psycopg.connect(postgres18.dsn("simulated"), autocommit=True) as c:
        c.execute("CREATE TABLE person (id int PRIMARY KEY, name text, a_num text)")
    yield postgres18.dsn("simulated")
    with psycopg.connect(postgres18.dsn(), autocommit=True) as c:
        c.execute("DROP DATABASE simulated WITH (FORCE)")


@pytest.fixture
def place(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "redactor.yaml").write_text(
        "listen: 127.0.0.1:0\npolicy: policy.yaml\nstore: sqlite:///redactor.db\n"
        f"databases: {{city: {{upstream: '{database}', catalog: city.yaml}}}}\n"
    )
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "wider.yaml").write_text(POLICY.replace("[caseworker]\n", "[caseworker, desk]\n"))
    (tmp_path / "city.yaml").write_text(CATALOG)
    return tmp_path


def entry(i: int, login: str, text: str, verdict: Verdict, **more: object) -> Entry:
    requester = Requester(login, "city", frozenset(), **more)  # type: ignore[arg-type]
    short = shape(text.encode())
    return dataclasses.replace(sample(i, text), requester=requester, shape=short, verdict=verdict)


def record(place: Path, *entries: Entry) -> None:
    async def write() -> None:
        log = await Log.open(url(place))
        for e in entries:
            await log.append(e)
        await log.close()

    asyncio.run(write())


def simulate(*arguments: str, fails: int = 0) -> str:
    done = CliRunner().invoke(cli.build("policy"), ["policy", "simulate", *arguments])
    assert done.exit_code == fails, done.output + repr(done.exception)
    return done.stdout + (str(done.exception) if fails else "")


def test_a_wider_policy(place: Path) -> None:
    record(
        place,
        entry(0, "maria", SEEN, Verdict.REDACTED),
        entry(1, "maria", SEEN.replace("7", "8"), Verdict.REDACTED),
        entry(2, "maria", ASKED, Verdict.REFUSED),
        entry(3, "sam", ASKED, Verdict.REFUSED),
    )
    said = simulate("wider.yaml")
    assert "4 statements of 2 logins, 3 different" in said
    assert "maria on city, 2 times: redacted -> allowed" in said
    assert "now shown: public.person.a_num" in said
    assert "of 4 judged: 2 redacted -> allowed, 1 refused -> allowed" in said
    assert "would see what is hidden from them now: maria" in said
    assert "sam on city" not in said
    changes = [json.loads(line) for line in simulate("wider.yaml", "--json").splitlines()]
    assert [(c["user"], c["times"], c["after"]["verdict"]) for c in changes] == [
        ("maria", 2, "allowed"),
        ("maria", 1, "allowed"),
    ]
    assert changes[0]["before"]["hidden"] == ["public.person.a_num"]
    assert "nothing would change" in simulate("policy.yaml")


def test_another_catalog_file_hides_more(place: Path) -> None:
    (place / "stricter.yaml").write_text(CATALOG.replace("name: {}", "name: {tags: [document.name]}"))
    (place / "asked.jsonl").write_text(
        json.dumps({"database": "city", "user": "sam", "sql": "SELECT name FROM person"}) + "\n\n"
    )
    said = simulate("--catalog", "city=stricter.yaml", "--statements", "asked.jsonl")
    assert "sam on city, 1 time: allowed -> redacted" in said
    assert "now hidden: public.person.name" in said
    assert "would see" not in said


def test_what_the_shape_does_not_tell_is_not_judged_but_the_text_is(place: Path) -> None:
    record(
        place,
        entry(0, "maria", GROUPED, Verdict.REFUSED),
        entry(1, "maria", ASKED, Verdict.ALLOWED),
        entry(2, "app", ASKED, Verdict.REFUSED, on_behalf_of=Identity("city", "anna")),
    )
    said = simulate("wider.yaml")
    assert "of 0 judged" in said
    assert "1 not judged: the shape cannot be read without its literals" in said
    assert "1 not judged: roles came from a person's token" in said
    assert "--key judges the text" in said
    said = simulate("wider.yaml", "--key", "keys/auditor.key")
    assert "maria on city, 1 time: refused -> allowed" in said
    assert "1 not judged: the files in force, or the database's tables, have changed since" in said


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, ""),
        (("wider.yaml", "--statements", "bad.jsonl"), 1, "bad.jsonl:1: is not a JSON object"),
        (("--catalog", "town=city.yaml", "--statements", "good.jsonl"), 1, "has no database `town`"),
        (("absent.yaml", "--statements", "good.jsonl"), 1, "absent.yaml"),
        (("wider.yaml", "--statements", "none.jsonl"), 1, "nothing recorded to judge"),
    ],
)
def test_what_cannot_be_meant_is_said(place: Path, arguments: tuple[str, ...], code: int, says: str) -> None:
    (place / "bad.jsonl").write_text("SELECT 1\n")
    (place / "none.jsonl").write_text("\n")
    (place / "good.jsonl").write_text(json.dumps({"database": "city", "user": "sam", "sql": "SELECT 1"}))
    assert says in simulate(*arguments, fails=code)
