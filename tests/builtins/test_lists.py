"""The reviewed lists against the facts that they judge, and against the servers at hand."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
import pytest

from redactor.sql.builtins import Builtins, Closed, Effect, How, Kind, Open, Partial, load
from tests.servers import Server

DATA = files("redactor.sql.builtins")


@pytest.fixture(scope="module")
def builtins() -> Builtins:
    return load()


def facts(name: str) -> list[list[str]]:
    lines = DATA.joinpath(f"{name}.tsv").read_text("utf-8").splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


def judged(name: str) -> dict[str, Any]:
    return tomllib.loads(DATA.joinpath(f"{name}.toml").read_text("utf-8"))


def test_every_function_that_may_look_at_something_is_judged() -> None:
    named = {n for f in judged("functions")["family"] for n in f["names"].split()}
    open_questions = [f[0] for f in facts("pg_proc") if f[3] != "i" and f[6] == "yes" and f[0] not in named]
    assert open_questions == []


def test_every_judged_function_exists_and_is_judged_once() -> None:
    names = Counter((n, f.get("arguments")) for f in judged("functions")["family"] for n in f["names"].split())
    assert [n for n, times in names.items() if times > 1] == []
    assert {n for n, _ in names} <= {f[0] for f in facts("pg_proc")}


def test_every_system_relation_is_judged_once_and_every_hidden_column_exists(builtins: Builtins) -> None:
    lists = judged("relations")
    named = Counter(
        f"{group['schema']}.{name}"
        for kind in ("open", "closed", "partial")
        for group in lists[kind]
        for name in group["names"].split()
    )
    columns = {f[0]: set(f[3].split()) for f in facts("pg_class")}
    assert set(named) == set(columns)
    assert [n for n, times in named.items() if times > 1] == []
    for group in lists["partial"]:
        has = [columns[f"{group['schema']}.{n}"] for n in group["names"].split()]
        for column in group.get("columns", "").split():
            assert any(column in h for h in has), f"{column} is in none of {group['names']}"
        for key in group.get("keys", "").split():
            assert all(key in h for h in has), f"{key} is not in all of {group['names']}"
        assert bool(group.get("keys")) == (How(group["how"]) is not How.ALWAYS)


def test_every_setting_that_a_session_may_change_is_judged_once() -> None:
    named = Counter(n for g in judged("settings")["group"] for n in g["names"].split())
    changeable = {f[0] for f in facts("pg_settings") if f[3] not in ("internal", "postmaster", "sighup")}
    # these two PostgreSQL leaves out of pg_settings, and one is no setting by itself
    assert changeable - set(named) == set()
    assert {n for n in named if "." not in n} - changeable == {"role", "session_authorization", "seed"}
    assert [n for n, times in named.items() if times > 1] == []


def test_reasons_are_words() -> None:
    for name, key in (
        ("functions", "family"),
        ("settings", "group"),
        ("relations", "closed"),
        ("relations", "partial"),
    ):
        for group in judged(name)[key]:
            assert len(group["because"]) > 10


def test_extensions_are_named_once() -> None:
    names = Counter(e["name"] for e in judged("extensions")["extension"])
    assert [n for n, times in names.items() if times > 1] == []


def test_every_function_and_relation_and_setting_of_a_real_server_is_known(
    builtins: Builtins, postgres: Server
) -> None:
    """A new major version, or a build with something of its own, shows here first."""
    with psycopg.connect(postgres.dsn()) as connection:
        version = connection.info.server_version
        functions = connection.execute(
            "SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND oid < 16384"
        ).fetchall()
        relations = connection.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname IN ('pg_catalog', 'information_schema') AND c.relkind IN ('r', 'v') AND c.oid < 16384"
        ).fetchall()
        settings = connection.execute("SELECT name FROM pg_settings").fetchall()
    assert [n for (n,) in functions if builtins.judge(n, version).kind is Kind.UNKNOWN] == []
    unknown = Closed("not in the reviewed list of system relations")
    assert [r for r in relations if builtins.relation(*r) == unknown] == []
    assert [n for (n,) in settings if builtins.setting(n).effect is Effect.UNKNOWN] == []


def test_the_functions_of_the_extensions_at_hand_are_known(builtins: Builtins, postgres: Server) -> None:
    """What an extension's list names under `but` is there, so that no name is misspelt."""
    lists = {e["name"]: e for e in judged("extensions")["extension"]}
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE extended")
    with psycopg.connect(postgres.dsn("extended")) as connection:
        for name in sorted(postgres.extensions & set(lists) - {"tcn"}):
            connection.execute(f'CREATE EXTENSION IF NOT EXISTS "{name}" CASCADE')
            members = connection.execute(
                "SELECT p.proname FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid JOIN pg_extension e"
                " ON e.oid = d.refobjid WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e' AND e.extname = %s",
                (name,),
            ).fetchall()
            there = {n for (n,) in members}
            for family in lists[name].get("but", ()):
                named = set(family["names"].split())
                assert named & there, f"{name}: {family['names']}"
                # crosstab2..4 and crosstabn are of one version or another; a name that is in none is misspelt
                assert len(named - there) <= 1, f"{name} has no {named - there}"
        connection.rollback()
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute("DROP DATABASE extended")


@pytest.mark.parametrize(
    ("name", "kind", "argument"),
    [
        ("lower", Kind.HARMLESS, 0),
        ("count", Kind.HARMLESS, 0),
        ("row_number", Kind.HARMLESS, 0),
        ("now", Kind.HARMLESS, 0),
        ("generate_series", Kind.HARMLESS, 0),
        ("to_tsvector", Kind.HARMLESS, 0),
        ("pg_sleep", Kind.HARMLESS, 0),
        ("pg_advisory_lock", Kind.HARMLESS, 0),
        ("pg_get_viewdef", Kind.CATALOG, 0),
        ("has_table_privilege", Kind.CATALOG, 0),
        ("regclassin", Kind.CATALOG, 0),
        ("pg_table_is_visible", Kind.CATALOG, 0),
        ("pg_relation_size", Kind.FIGURE, 1),
        ("pg_stat_get_live_tuples", Kind.FIGURE, 1),
        ("pg_database_size", Kind.FIGURE, 0),
        ("pg_current_wal_lsn", Kind.FIGURE, 0),
        ("pg_column_size", Kind.STORAGE, 1),
        ("nextval", Kind.SEQUENCE, 1),
        ("lastval", Kind.SEQUENCE, 0),
        ("set_config", Kind.SETTING, 1),
        ("pg_input_is_valid", Kind.TYPE, 2),
        ("query_to_xml", Kind.SQL, 0),
        ("table_to_xml", Kind.SQL, 0),
        ("database_to_xml", Kind.SQL, 0),
        ("ts_stat", Kind.SQL, 0),
        ("currtid2", Kind.SQL, 0),
        ("pg_read_file", Kind.SERVER, 0),
        ("lo_get", Kind.SERVER, 0),
        ("pg_stat_get_activity", Kind.SERVER, 0),
        ("pg_logical_slot_get_changes", Kind.SERVER, 0),
        ("pg_file_write", Kind.UNKNOWN, 0),
    ],
)
def test_judge(builtins: Builtins, name: str, kind: Kind, argument: int) -> None:
    verdict = builtins.judge(name, 180001)
    assert (verdict.kind, verdict.argument) == (kind, argument)
    assert verdict.harmless == (kind in (Kind.HARMLESS, Kind.CATALOG))


def test_a_name_counts_from_the_version_that_has_it(builtins: Builtins) -> None:
    assert builtins.judge("any_value", 150004).kind is Kind.UNKNOWN
    assert builtins.judge("any_value", 160000).kind is Kind.HARMLESS
    assert builtins.judge("pg_start_backup", 140000).kind is Kind.SERVER
    assert builtins.judge("pg_start_backup", 150000).kind is Kind.UNKNOWN
    assert builtins.judge("lower", 190000).kind is Kind.UNKNOWN, "nobody has looked at that version"


def test_one_name_two_meanings(builtins: Builtins) -> None:
    assert builtins.judge("ts_rewrite", 150000, 2).kind is Kind.SQL
    assert builtins.judge("ts_rewrite", 150000, 3).kind is Kind.HARMLESS
    assert builtins.judge("ts_rewrite", 150000).kind is Kind.SQL


def test_judge_extension(builtins: Builtins) -> None:
    assert builtins.judge_extension("pg_trgm", "similarity").kind is Kind.HARMLESS
    assert builtins.judge_extension("tablefunc", "normal_rand").kind is Kind.HARMLESS
    assert builtins.judge_extension("tablefunc", "crosstab").kind is Kind.SQL
    assert builtins.judge_extension("dblink", "dblink").kind is Kind.SERVER
    assert builtins.judge_extension("pgstattuple", "pgstattuple").argument == 1
    assert builtins.judge_extension("nobody_knows", "f").kind is Kind.UNKNOWN


def test_relations(builtins: Builtins) -> None:
    assert builtins.relation("pg_catalog", "pg_namespace") == Open()
    assert builtins.relation("information_schema", "columns") == Open()
    assert isinstance(builtins.relation("pg_catalog", "pg_authid"), Closed)
    assert isinstance(builtins.relation("pg_catalog", "pg_of_tomorrow"), Closed)
    match builtins.relation("pg_catalog", "pg_class"):
        case Partial((hidden,)):
            assert hidden.how is How.RELATION
            assert hidden.keys == ("oid",)
            assert "reltuples" in hidden.columns
        case other:
            raise AssertionError(other)
    assert isinstance(builtins.relation_of_extension("pg_stat_statements", "pg_stat_statements"), Closed)
    assert builtins.relation_of_extension("postgis", "spatial_ref_sys") == Open()
    assert builtins.relation_of_extension("hstore", "anything") is None


@pytest.mark.parametrize(
    ("name", "effect"),
    [
        ("search_path", Effect.PATH),
        ("Client_Encoding", Effect.ENCODING),
        ("role", Effect.ROLE),
        ("DateStyle", Effect.HARMLESS),
        ("enable_seqscan", Effect.HARMLESS),
        ("row_security", Effect.HARMLESS),
        ("shared_buffers", Effect.HARMLESS),
        ("myapp.user_id", Effect.HARMLESS),
        ("local_preload_libraries", Effect.REFUSED),
        ("auto_explain.log_analyze", Effect.REFUSED),
        ("of_tomorrow", Effect.UNKNOWN),
    ],
)
def test_settings(builtins: Builtins, name: str, effect: Effect) -> None:
    assert builtins.setting(name).effect is effect
    assert builtins.setting(name).allows("on") == (effect is Effect.HARMLESS)


def test_settings_with_some_harmless_values(builtins: Builtins) -> None:
    strings = builtins.setting("standard_conforming_strings")
    assert strings.allows("on")
    assert strings.allows(" TRUE ")
    assert not strings.allows("off")
    messages = builtins.setting("client_min_messages")
    assert messages.allows("WARNING")
    assert not messages.allows("debug1")
    assert not messages.allows("log")
    assert "standard_conforming_strings" in dict(builtins.settings_with_default())


def test_what_is_reached_without_a_name_is_harmless(builtins: Builtins, postgres: Server) -> None:
    """Operators, casts, input and output of PostgreSQL's own run functions that no statement names."""
    with psycopg.connect(postgres.dsn()) as connection:
        version = connection.info.server_version
        rows = connection.execute(
            "SELECT DISTINCT p.proname FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND ("
            " p.oid IN (SELECT oprcode FROM pg_operator WHERE oid < 16384)"
            " OR p.oid IN (SELECT castfunc FROM pg_cast WHERE oid < 16384)"
            " OR p.oid IN (SELECT unnest(ARRAY[typinput, typoutput, typreceive, typsend, typmodin, typmodout])"
            "   FROM pg_type WHERE oid < 16384)"
            " OR p.oid IN (SELECT amproc FROM pg_amproc WHERE oid < 16384)"
            " OR p.oid IN (SELECT unnest(ARRAY[aggtransfn, aggfinalfn, aggcombinefn, aggmtransfn, aggmfinalfn])"
            "   FROM pg_aggregate WHERE aggfnoid < 16384))"
        ).fetchall()
    assert len(rows) > 1000
    # by name these take any type, by its number; without a name, one that has been judged with its parts
    of_parts = {"array_in", "domain_in", "multirange_in", "range_in", "record_in"}
    assert {n for (n,) in rows if not builtins.judge(n, version).harmless} == of_parts


def test_the_page_says_what_the_lists_say() -> None:
    tool = Path(__file__).parent.parent.parent / "tools" / "document_builtins.py"
    done = subprocess.run([sys.executable, tool, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
