"""`redactor scan` on real databases and on files of columns."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from redactor.cli import build
from redactor.model import RelationName
from redactor.review import parse
from tests.servers import Server

CITY = """
CREATE TYPE doc_kind AS ENUM ('us passport', 'foreign passport', 'matricula consular', 'none');
CREATE TABLE t1 (c1 bigint PRIMARY KEY, c2 text, c3 text, c4 doc_kind, c5 text, c6 text);
INSERT INTO t1 SELECT i, 'A' || (100000000 + i * 7919), (ARRAY['MEX','GTM','SLV','USA','CHN'])[1 + i % 5],
  'none', 'ORD-' || i, CASE WHEN i % 3 = 0 THEN NULL ELSE (ARRAY['open','closed'])[1 + i % 2] END
  FROM generate_series(1, 400) i;
CREATE TABLE residents (id bigint PRIMARY KEY, full_name text, date_of_birth date, notes text,
  spoken varchar(2), doing text CHECK (doing IN ('US Citizen', 'LPR', 'Refugee')));
COMMENT ON COLUMN residents.spoken IS 'language spoken at home';
CREATE TABLE refugee_services (id bigint, resident_id bigint REFERENCES residents, served_on date);
CREATE TABLE hearings (a_ref text, at_time timestamptz);
CREATE TABLE vendors (vendor_id int, vendor_name text, country char(2), status text);
INSERT INTO vendors SELECT i, 'v' || i, (ARRAY['MX','US','CN','DE'])[1 + i % 4], 'active' FROM generate_series(1, 50) i;
CREATE TABLE tagged (x text);
COMMENT ON COLUMN tagged.x IS 'opaque code, redactor:status';
CREATE TABLE slow (y int, z int GENERATED ALWAYS AS (y) STORED);
CREATE VIEW people AS SELECT full_name FROM residents;
"""

REVIEWED = """\
# the steward's own words
database: city
relations:
  public.vendors:
    columns:
      country: {}          # a company's, looked at in March
      status: {tags: [trace.name]}
"""


@pytest.fixture
def city(postgres18: Server, tmp_path: Path) -> Iterator[Path]:
    """A configuration whose database `city` is real."""
    with psycopg.connect(postgres18.dsn(), autocommit=True) as c:
        c.execute("DROP DATABASE IF EXISTS scan_city")
        c.execute("CREATE DATABASE scan_city")
    with psycopg.connect(postgres18.dsn("scan_city"), autocommit=True) as c:
        c.execute(CITY)
    (tmp_path / "redactor.yaml").write_text(
        f"listen: 127.0.0.1:0\npolicy: p.yaml\ndatabases:\n  city:\n    upstream: {postgres18.dsn('scan_city')}\n"
        "    catalog: city.yaml\n"
    )
    yield tmp_path
    with psycopg.connect(postgres18.dsn(), autocommit=True) as c:
        c.execute("DROP DATABASE scan_city WITH (FORCE)")


def run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(build("scan"), ["scan", *arguments], input=given)


def found(result: Result) -> dict[str, dict[str, object]]:
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    return {f"{r['table']}.{r['column']}": r for r in rows}


def test_a_live_database(city: Path) -> None:
    made = found(run("city", "-c", str(city / "redactor.yaml"), "--json"))
    tags = {k: v["tag"] for k, v in made.items() if v["tag"]}
    assert tags == {
        "t1.c2": "document.a_number",
        "t1.c3": "origin",
        "t1.c4": "document.id_type",
        "residents.full_name": "trace.name",
        "residents.date_of_birth": "trace.birth_date",
        "residents.notes": "free_text",
        "residents.spoken": "proxy.language",
        "residents.doing": "status",
        "refugee_services.None": "programme.refugee",
        "hearings.at_time": "trace.appointment",
        "tagged.x": "status",
        "people.full_name": "trace.name",
    }
    assert (made["people.full_name"]["derived"], made["people.full_name"]["evidence"]) == (
        True,
        ["derives from public.residents.full_name (trace.name)"],
    )
    assert not (city / "city.yaml").exists()


def test_evidence_is_in_words_and_holds_no_value(city: Path) -> None:
    out = run("city", "-c", str(city / "redactor.yaml"), "--json").stdout
    assert "values: 100% are A-numbers" in out
    assert "A100007919" not in out
    assert "comment says" in out


def test_proposals_keep_what_a_person_decided(city: Path) -> None:
    file = city / "city.yaml"
    file.write_text(REVIEWED)
    first = run("city", "-c", str(city / "redactor.yaml"))
    assert first.exit_code == 0, first.output
    text = file.read_text()
    assert "# the steward's own words" in text
    assert "country: {}          # a company's, looked at in March" in text
    reviewed = parse(text, "city.yaml").relations
    assert reviewed[RelationName("public", "vendors")].columns["status"] == {"trace.name"}
    assert reviewed[RelationName("public", "t1")].columns["c2"] == {"document.a_number", "unreviewed"}
    assert reviewed[RelationName("public", "t1")].columns["c5"] == {"unreviewed"}
    assert reviewed[RelationName("public", "refugee_services")].tags >= {"programme.refugee"}

    again = run("city", "-c", str(city / "redactor.yaml"))
    assert again.exit_code == 0
    assert file.read_text() == text


def test_a_dry_run_shows_and_writes_nothing(city: Path) -> None:
    shown = run("city", "-c", str(city / "redactor.yaml"), "--dry-run")
    assert "document.a_number" in shown.output
    assert not (city / "city.yaml").exists()


def test_a_table_that_is_locked_does_not_stop_the_scan(city: Path, postgres18: Server) -> None:
    with psycopg.connect(postgres18.dsn("scan_city")) as c:
        c.execute("LOCK TABLE t1 IN ACCESS EXCLUSIVE MODE")
        made = found(run("city", "-c", str(city / "redactor.yaml"), "--json", "--seconds", "0.4"))
    assert "not sampled" in str(made["t1.c2"]["note"])
    assert made["residents.doing"]["tag"] == "status"


def test_what_gives_a_tagged_column_away_is_listed_and_not_tagged(city: Path, postgres18: Server) -> None:
    with psycopg.connect(postgres18.dsn("scan_city")) as c:
        c.execute(
            "INSERT INTO residents (id, full_name, doing, spoken) SELECT i, 'n' || i,"
            " CASE WHEN i % 3 = 0 THEN 'LPR' ELSE 'US Citizen' END, CASE WHEN i % 3 = 0 THEN 'x' ELSE 'y' END"
            " FROM generate_series(1, 300) i"
        )
    shown = run("city", "-c", str(city / "redactor.yaml"), "--proxies")
    assert "public.residents: spoken tells 100% of doing (300 rows" in shown.stdout
    assert "full_name tells" not in shown.stdout
    assert not (city / "city.yaml").exists()


def test_that_nothing_gives_a_column_away_is_said(city: Path) -> None:
    assert "nothing was found" in run("city", "-c", str(city / "redactor.yaml"), "--proxies").stderr


def test_tags_follow_sql_files(city: Path) -> None:
    (city / "etl").mkdir()
    (city / "etl" / "load.sql").write_text(
        "INSERT INTO hearings (a_ref) SELECT c2 FROM t1;\nCREATE VIEW broken AS SELECT (;"
    )
    result = run("city", "-c", str(city / "redactor.yaml"), "--json", "--sql", str(city / "etl" / "*.sql"))
    assert "load.sql:2: not followed" in result.stderr
    handed = found(result)["hearings.a_ref"]
    assert handed["tag"] == "document.a_number"
    assert "made from public.t1.c2 (document.a_number)" in str(handed["evidence"])


def test_labels_of_other_systems_in_and_out(city: Path) -> None:
    labels = [{"fullyQualifiedName": "s.city.public.t1", "columns": [{"name": "c6", "tags": [{"tagFQN": "PII.SSN"}]}]}]
    (city / "labels.json").write_text(json.dumps(labels))
    config = ["-c", str(city / "redactor.yaml")]
    made = found(run("city", *config, "--json", "--labels", str(city / "labels.json")))
    assert made["t1.c6"]["tag"] == "document.ssn"
    assert "labelled PII.SSN in OpenMetadata" in str(made["t1.c6"]["evidence"])

    (city / "city.yaml").write_text(REVIEWED)
    out = json.loads(run("city", *config, "--export", "openmetadata").stdout)
    assert out[0]["columns"] == [{"name": "status", "tags": [{"tagFQN": "Redactor.trace.name", "labelType": "Manual"}]}]
    assert run("city", *config, "--export", "fax").exit_code == 2


def test_tags_declared_in_models(city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (city / "app_models.py").write_text(
        "from sqlalchemy import Column, Integer, Text\nfrom sqlalchemy.orm import DeclarativeBase\n"
        "class Base(DeclarativeBase): pass\n"
        "class T(Base):\n    __tablename__ = 't1'\n    c1 = Column(Integer, primary_key=True)\n"
        "    c6 = Column(Text, info={'redactor': ['status.event']})\n"
        "    c99 = Column(Text, info={'redactor': ['status']})\n"
    )
    monkeypatch.chdir(city)
    result = run("city", "-c", "redactor.yaml", "--json", "--models", "app_models:Base")
    assert "public.t1.c99: labelled in app_models:Base, and not in the database" in result.stderr
    made = found(result)
    assert made["t1.c6"]["tag"] == "status.event"
    assert made["t1.c1"]["tag"] is None
    wrong = run("city", "-c", "redactor.yaml", "--models", "no_such_models:Base")
    assert wrong.exit_code == 1


def test_without_values(city: Path) -> None:
    made = found(run("city", "-c", str(city / "redactor.yaml"), "--json", "--no-values"))
    assert made["t1.c2"]["tag"] is None
    assert made["residents.full_name"]["tag"] == "trace.name"


def test_any_database_that_sqlalchemy_can_inspect(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.db") as c:
        c.execute("CREATE TABLE clientes (id integer, pais_nacimiento text, q text)")
        c.executemany("INSERT INTO clientes VALUES (?, ?, ?)", [(i, "MX", f"N00{i:08}") for i in range(50)])
    c.close()
    made = found(run("--url", f"sqlite:///{tmp_path / 'x.db'}", "--json"))
    assert made["clientes.pais_nacimiento"]["tag"] == "origin.birth_country"
    assert made["clientes.q"]["tag"] == "document.sevis"
    file = tmp_path / "clinic.yaml"
    assert run("--url", f"sqlite:///{tmp_path / 'x.db'}", "--out", str(file), "--dry-run").exit_code == 0
    assert not file.exists()
    assert run("--url", f"sqlite:///{tmp_path / 'x.db'}", "--out", str(file)).exit_code == 0
    reviewed = parse(file.read_text(), "clinic.yaml")
    assert reviewed.database == "clinic"
    assert reviewed.relations[RelationName("main", "clientes")].columns["q"] == {"document.sevis", "unreviewed"}


def test_a_file_of_columns() -> None:
    rows = [
        {"source": "s", "table": "people", "column": "ctz_cd", "type": "char(2)", "comment": ""},
        {"source": "s", "table": "people", "column": "last_nm", "type": "text", "comment": "", "kept": 1},
    ]
    result = run("--columns", "-", "--json", given="\n".join(map(json.dumps, rows)))
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(r["label"], r["tag"]) for r in lines] == [("direct", "status"), ("trace", "trace.name")]
    assert lines[1]["kept"] == 1
    assert all(r["evidence"] and 0.5 <= r["confidence"] <= 1 for r in lines)


def test_a_file_that_is_not_one(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"table": "t"}\nnot json\n')
    result = run("--columns", str(bad))
    assert result.exit_code == 1
    assert result.exception is not None
    assert f"{bad}:1: must be an object" in str(result.exception)
    assert f"{bad}:2:" in str(result.exception)


@pytest.mark.parametrize("arguments", [[], ["city", "--columns", "x"]])
def test_one_thing_is_scanned_at_a_time(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_views_and_partitions_are_listed_by_what_they_read(city: Path, postgres18: Server) -> None:
    with psycopg.connect(postgres18.dsn("scan_city"), autocommit=True) as c:
        c.execute(
            "CREATE TABLE stays (id int, alien_number text, day date) PARTITION BY RANGE (day);"
            "CREATE TABLE stays_2026 PARTITION OF stays FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');"
            "CREATE MATERIALIZED VIEW counted AS SELECT v.status, count(*) n FROM vendors v GROUP BY 1;"
            "CREATE VIEW served AS SELECT s.id FROM refugee_services s;"
            "CREATE VIEW active_ones AS SELECT left(vendor_name, 3) AS short FROM vendors WHERE status = 'active'"
        )
    (city / "city.yaml").write_text(REVIEWED)
    shown = run("city", "-c", str(city / "redactor.yaml"), "--no-values")
    lines = [line.strip() for line in shown.stdout.splitlines()]
    for name, why in [
        ("public.people.full_name: trace.name", "derives from public.residents.full_name (trace.name)"),
        ("public.stays_2026.alien_number: document.a_number", "derives from public.stays.alien_number"),
        ("public.counted.status: trace.name 100%", "derives from public.vendors.status (trace.name)"),
        ("public.served (its rows): programme.refugee", "which rows it has depends on public.refugee_services"),
        (
            "public.active_ones (its rows): trace.name 100%",
            "which rows it has depends on public.vendors.status (trace.name)",
        ),
    ]:
        at = next(n for n, line in enumerate(lines) if line.startswith(name))
        assert any(line.startswith(why) for line in lines[at : at + 4]), lines[at : at + 4]
    assert "nobody decides on them" in lines[-1]
    written = parse((city / "city.yaml").read_text(), "city.yaml").relations
    assert not {"people", "stays_2026", "counted", "served", "active_ones"} & {r.name for r in written}
    assert RelationName("public", "stays") in written
