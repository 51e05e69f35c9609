"""The place as a fixture, and the table of what was driven.

A test says whom it drives by `@pytest.mark.client(NAME, WHAT)` and which version by the fixture `version`. With
COMPATIBILITY set to a file, that file gets the table of all that ran, their results included.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.clients import place as places
from tests.clients import table

_rows = pytest.StashKey[list[table.Row]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "client(name, what): the client that a test drives, for docs/compatibility.md")
    config.stash[_rows] = []


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[places.Place]:
    """The harbour city on the embedded PostgreSQL 18."""
    binaries = servers.embedded(18)
    assert binaries is not None
    with places.place(binaries, tmp_path_factory.mktemp("clients")) as here:
        yield here


@pytest.fixture(scope="session")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[places.Place]:
    """The harbour city on Debian's PostgreSQL 15."""
    binaries = servers.installed(15)
    if binaries is None:
        pytest.skip("PostgreSQL 15 is not installed in /usr/lib/postgresql/15")
    with places.place(binaries, tmp_path_factory.mktemp("clients15")) as here:
        yield here


@pytest.fixture
def version(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Called with the client's version."""
    return lambda v: request.node.user_properties.append(("version", v))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    outcome = yield
    report = outcome.get_result()
    marker = item.get_closest_marker("client")
    if marker is None or (report.when != "call" and report.outcome == "passed"):
        return
    why = report.longrepr[2].removeprefix("Skipped: ") if report.skipped else ""
    version = next((str(v) for k, v in report.user_properties if k == "version"), "")
    item.config.stash[_rows].append(table.Row(*marker.args, version, report.outcome, why))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if file := os.environ.get("COMPATIBILITY"):
        Path(file).write_text(table.page(session.config.stash[_rows]))
