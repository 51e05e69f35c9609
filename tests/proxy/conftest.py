"""The proxy under test, in front of each server that is there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import servers
from tests.proxy.running import Running, running
from tests.wire.judges import WordJudge


@pytest.fixture(scope="session")
def _shared(postgres: servers.Server) -> Iterator[Running]:
    with running(postgres) as proxy:
        yield proxy


@pytest.fixture
def proxy(_shared: Running) -> Running:
    """A proxy with a new judge and an empty log, shared by tests that do not stop it."""
    _shared.judge = WordJudge()
    _shared.log.entries.clear()
    _shared.log.broken = False
    _shared.log.delay = 0.0
    _shared.log.takes = None
    _shared.log.together = 0
    _shared.refreshes.clear()
    return _shared
