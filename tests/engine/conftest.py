"""The town that the tests of the decision ask about."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.oracle import Oracle
from tests.fixtures import town as fixture
from tests.fixtures.town import Town
from tests.servers import Server


@pytest.fixture(scope="session")
def town(postgres18: Server) -> Town:
    return fixture.build(postgres18)


@pytest.fixture(scope="session")
def oracle(town: Town) -> Iterator[Oracle]:
    found = Oracle(town)
    yield found
    found.close()
