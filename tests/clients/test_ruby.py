"""Active Record, Rails' ORM, with the driver pg."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.clients import abroad
from tests.clients.place import Access, Place, program

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _version(version: Callable[[str], None]) -> None:
    abroad.need("ruby")
    ask = ["ruby", "-e", "require 'active_record'; require 'pg'; print ActiveRecord.version, ' (pg ', PG::VERSION, ')'"]
    said = subprocess.run(ask, capture_output=True, text=True, check=False)
    if said.returncode:
        pytest.skip("Active Record or pg is not installed for Ruby")
    version(said.stdout)


def run(a: Access, name: str) -> Any:
    return json.loads(program(["ruby", "-W0", str(abroad.HERE / "ruby" / "work.rb"), name], a).stdout)


@pytest.mark.client(
    "Rails (Active Record)", "start, models, includes, batches, upsert, locks, nested transactions, errors"
)
def test_orm(place: Place) -> None:
    place.agree(lambda a: run(a, "orm"))


@pytest.mark.client("Rails (Active Record)", "schema: tables, columns, indexes, keys, comments, extensions")
def test_schema(place: Place) -> None:
    place.agree_with_direct(lambda a: run(a, "schema"))


@pytest.mark.client("Rails (Active Record)", "refusals: StatementInvalid with 42501, and the connection goes on")
def test_refusals(place: Place) -> None:
    assert run(place.through(), "refusals") == [["42501", 60]] * 3
