"""Broken files: every fault of each, with its place, what is wrong and what would be right.

`broken/KIND-name.yaml` is a file that somebody might write, `broken/KIND-name.expected` is all that they must be told,
one fault a line, in the order of the file. A new pair of files is a new test.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from redactor import config, expectations, policy, review
from redactor.errors import ConfigurationError

BROKEN = Path(__file__).parent / "broken"
PARSERS: dict[str, Callable[[str, str], object]] = {
    "policy": policy.parse,
    "catalog": review.parse,
    "cases": expectations.parse,
    "config": lambda text, file: config.interpret(text, Path(file), {"SET": "value"}),
}


def faults(path: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        PARSERS[path.stem.split("-")[0]](path.read_text(), path.name)
    return [str(f) for f in caught.value.faults]


@pytest.mark.parametrize("path", sorted(BROKEN.glob("*.yaml")), ids=lambda p: p.stem)
def test_broken_file(path: Path) -> None:
    assert faults(path) == path.with_suffix(".expected").read_text().splitlines()


def test_there_are_broken_files_of_every_kind() -> None:
    assert {p.stem.split("-")[0] for p in BROKEN.glob("*.yaml")} == set(PARSERS)
