"""The small city on each server that is there: one that stays as it was made, one with the wall in place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import servers
from tests.wall.standing import Small, small


@pytest.fixture(scope="module")
def city(postgres: servers.Server) -> Iterator[Small]:
    """For tests that look, or put back what they change."""
    with small(postgres) as made:
        yield made


@pytest.fixture(scope="module")
def hardened(postgres: servers.Server) -> Iterator[Small]:
    """With the wall in place. A module asks for this or for `city`, not for both: they have the same roles."""
    with small(postgres) as made:
        made.sql(made.harden())
        yield made
