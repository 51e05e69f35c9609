"""Drivers that office programs and old scripts use: psqlODBC, and DBD::Pg for Perl."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from ctypes.util import find_library
from pathlib import Path

import pytest

from tests.clients import abroad
from tests.clients.place import Access, Place, program

pytestmark = pytest.mark.slow


def lines(command: list[str | Path], a: Access, **env: str) -> list[str]:
    """What a program printed, with the database's name and port made the same."""
    text = str(program(command, a, env={"URL": a.url(), **env}).stdout)
    return re.sub(r"\bharbour_seen\b", "harbour", text).replace(str(a.port), "PORT").splitlines()


# ------------------------------------------------------------------ ODBC

ODBC = ("/usr/lib/*/odbc/psqlodbcw.so", "/usr/lib64/psqlodbcw.so", "/usr/lib/psqlodbcw.so")


@pytest.fixture(scope="module")
def odbc() -> Callable[[Access, str], list[str]]:
    drivers = [p for pattern in ODBC for p in Path("/").glob(pattern[1:])]
    if not drivers or find_library("odbc") is None:
        pytest.skip("psqlODBC is not installed")
    install = [".environment/bin/python", "-m", "pip", "install", "--quiet", "-r", "requirements.txt"]
    at = abroad.built("python_tools", ["python3", "-m", "venv", ".environment"], install)
    command: list[str | Path] = [at / ".environment" / "bin" / "python", at / "odbc_work.py"]
    return lambda a, work: lines(command, a, WORK=work, DRIVER=str(drivers[0]))


@pytest.fixture
def odbc_version(version: Callable[[str], None]) -> None:
    said = subprocess.run(["dpkg-query", "-Wf", "${Version}", "odbc-postgresql"], capture_output=True, text=True)
    version(re.sub(r"^\d+:|-[^-]*$", "", said.stdout))


@pytest.mark.usefixtures("odbc_version")
@pytest.mark.client("psqlODBC", "reads, prepared here and there, cursors, several results, rollback of a statement")
def test_odbc(place: Place, odbc: Callable[[Access, str], list[str]]) -> None:
    assert len(place.agree(lambda a: odbc(a, "work"))) > 80


@pytest.mark.usefixtures("odbc_version")
@pytest.mark.client("psqlODBC", "catalog: tables, columns, keys, indexes, row identifiers, procedures, types")
def test_odbc_catalog(place: Place, odbc: Callable[[Access, str], list[str]]) -> None:
    assert len(place.agree_with_direct(lambda a: odbc(a, "catalog"))) > 80


@pytest.mark.usefixtures("odbc_version")
@pytest.mark.client("psqlODBC", "refusals: SQLSTATE 42501, and the connection goes on")
def test_odbc_refusals(place: Place, odbc: Callable[[Access, str], list[str]]) -> None:
    assert [line[:18] for line in odbc(place.through(), "refusals")] == ["refused|42501|True", "goes on|[[('one', "] * 2


# ------------------------------------------------------------------ Perl


@pytest.fixture(scope="module")
def perl() -> str:
    """Its version of DBD::Pg; empty where there is none."""
    ask = ["perl", "-MDBD::Pg", "-e", "print $DBD::Pg::VERSION"]
    try:
        return subprocess.run(ask, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def run(perl: str, a: Access, work: str) -> list[str]:
    if not perl:
        pytest.skip("DBD::Pg is not installed for Perl")
    return lines(["perl", abroad.HERE / "perl" / "work.pl", work], a)


@pytest.mark.client("Perl (DBD::Pg)", "prepared here and there, COPY, savepoints, cursors, asynchronous, notifications")
def test_perl(place: Place, perl: str, version: Callable[[str], None]) -> None:
    version(perl)
    assert len(place.agree(lambda a: run(perl, a, "work"))) > 30


@pytest.mark.client("Perl (DBD::Pg)", "catalog: tables, columns, keys, indexes")
def test_perl_catalog(place: Place, perl: str, version: Callable[[str], None]) -> None:
    version(perl)
    assert len(place.agree_with_direct(lambda a: run(perl, a, "catalog"))) > 80


@pytest.mark.client("Perl (DBD::Pg)", "refusals: SQLSTATE 42501, and the connection goes on")
def test_perl_refusals(place: Place, perl: str, version: Callable[[str], None]) -> None:
    version(perl)
    assert run(perl, place.through(), "refusals") == ["[42501,1,60]"] * 2
