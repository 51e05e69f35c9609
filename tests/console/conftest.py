"""`console`: a console with a person of each role, on a log of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.place import Place, place


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        yield made
