"""`redactor review`: deciding on many columns, and never on one that was not named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from redactor import cli
from redactor.model import RelationName
from redactor.review import parse

PERSON = RelationName("public", "person")
CATALOG = """\
# the steward's own words
database: county
relations:
  public.person:
    columns:
      id: {proposed: {confidence: 0.98, evidence: nothing speaks for a tag}}
      ssn: {note: asked twice, proposed: {tags: [document.ssn], confidence: 0.97, evidence: "name: 'ssn'"}}
      lang: {proposed: {tags: [proxy.language], confidence: 0.7, evidence: "name: 'lang'"}}
      phone: {}          # an office's
  public.intake:
    proposed: {tags: [programme.refugee], confidence: 0.8, evidence: its name}
    columns:
      opened: {proposed: {confidence: 0.9, evidence: nothing speaks for a tag}}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "redactor.yaml").write_text(
        "listen: 127.0.0.1:6432\npolicy: p.yaml\nstore: sqlite:///log.db\n"
        "databases: {county: {upstream: 'postgresql://redactor@127.0.0.1/county', catalog: county.yaml}}\n"
    )
    (tmp_path / "county.yaml").write_text(CATALOG)
    (tmp_path / "county.yaml").chmod(0o640)
    return tmp_path


def review(place: Path, *arguments: str, fails: int = 0) -> str:
    done = CliRunner().invoke(cli.build("review"), ["review", *arguments, "-c", str(place / "redactor.yaml")])
    assert done.exit_code == fails, done.output + repr(done.exception)
    return done.output + (str(done.exception) if done.exception else "")


def text(place: Path) -> str:
    return (place / "county.yaml").read_text()


def test_what_waits_is_listed_and_nothing_written(place: Path) -> None:
    shown = review(place, "county")
    assert "public.person" in shown
    assert "document.ssn" in shown
    assert "97%" in shown
    assert "(its rows)" in shown
    assert "phone" not in shown
    assert "2 more for which no tag is suggested" in shown
    assert "nothing speaks for a tag" in review(place, "county", "--all", "person")
    lines = [json.loads(line) for line in review(place, "county", "--json").splitlines()]
    assert [(x["table"], x["column"]) for x in lines] == [
        ("person", "id"),
        ("person", "ssn"),
        ("person", "lang"),
        ("intake", None),
        ("intake", "opened"),
    ]
    assert text(place) == CATALOG


def test_a_table_is_accepted_and_all_else_stays(place: Path) -> None:
    said = review(place, "county", "person", "--accept")
    assert "3 decided: 2 with tags, 1 without; 2 still wait" in said
    after = parse(text(place), "county.yaml")
    assert after.column_tags(PERSON, "ssn") == {"document.ssn"}
    assert after.column_tags(PERSON, "id") == frozenset()
    assert after.relation_tags(RelationName("public", "intake")) == {"programme.refugee", "unreviewed"}
    assert "# the steward's own words" in text(place)
    assert "phone: {}          # an office's" in text(place)
    assert "asked twice" in text(place)
    assert (place / "county.yaml").stat().st_mode & 0o777 == 0o640


def test_only_the_sure_ones(place: Path) -> None:
    review(place, "county", "*", "--accept", "--above", "0.95")
    after = parse(text(place), "county.yaml")
    assert after.relations[PERSON].proposed == {"lang"}
    assert "nothing waits" in review(place, "county", "*", "--accept")


def test_another_answer(place: Path) -> None:
    review(place, "county", "person.lang", "--none")
    review(place, "county", "public.person.phone", "--tags", "trace.phone, status")
    after = parse(text(place), "county.yaml")
    assert after.column_tags(PERSON, "lang") == frozenset()
    assert after.column_tags(PERSON, "phone") == {"trace.phone", "status"}


def test_what_is_decided_is_changed_only_by_its_own_name(place: Path) -> None:
    review(place, "county", "person.*", "--tags", "status")
    assert parse(text(place), "county.yaml").column_tags(PERSON, "phone") == frozenset()


def test_a_dry_run_writes_nothing(place: Path) -> None:
    shown = review(place, "county", "person.ssn", "--accept", "--dry-run")
    assert "+      ssn: {tags: [document.ssn], note: asked twice}" in shown
    assert text(place) == CATALOG


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("county", "--accept"), 2, "name what is decided"),
        (("county", "person", "--accept", "--none"), 2, "one of --accept"),
        (("county", "person", "--tags", "Status"), 2, "is not a tag"),
        (("county", "person", "--tags", "unreviewed"), 2, "is not a tag"),
        (("county", "person", "--tags", " "), 2, "--tags names none"),
        (("county", "persons", "--accept"), 1, "nothing that waits is called persons"),
        (("city", "person", "--accept"), 1, "no database 'city'"),
    ],
)
def test_what_cannot_be_meant_is_said(place: Path, arguments: tuple[str, ...], code: int, says: str) -> None:
    assert says in review(place, *arguments, fails=code)
    assert text(place) == CATALOG


def test_without_a_file_it_says_what_writes_one(place: Path) -> None:
    (place / "county.yaml").unlink()
    assert "redactor scan county" in review(place, "county", fails=1)
