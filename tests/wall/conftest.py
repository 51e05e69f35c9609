"""The small city on each server that is there: one that stays as it was made, one with the wall in place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import servers
from tests.wall.standing import Small, small


@pytest.fixture(scope="session", params=[18, 15], ids=["postgres18", "postgres15"])
def postgres(request: pytest.FixtureRequest) -> Iterator[servers.Server]:
    """A cluster of this directory's own: what is granted to whom is asked of all roles that a cluster has."""
    binaries = servers.embedded(18) if request.param == 18 else servers.installed(15)
    if binaries is None:
        pytest.skip(f"PostgreSQL {request.param} is not installed")
    with servers.cluster(binaries) as made:
        yield made


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
