"""The files that the documentation shows are read as they stand."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from redactor import config, expectations, policy, review

ROOT = Path(__file__).resolve().parents[2]
PARSERS: dict[str, Callable[[str], object]] = {
    "policy": lambda text: policy.parse(text, "policy"),
    "catalog": lambda text: review.parse(text, "catalog"),
    "cases": lambda text: expectations.parse(text, "cases"),
    "config": lambda text: config.interpret(text, Path("redactor.yaml"), {"REDACTOR_PASSWORD": "x"}),
}
BLOCK = re.compile(r"^```yaml (\w+)\n(.*?)^```", re.M | re.S)
SHOWN = [
    pytest.param(kind, text, id=f"{name}-{kind}-{i}")
    for name in ("policy.md", "configuration.md")
    for i, (kind, text) in enumerate(BLOCK.findall((ROOT / "docs" / name).read_text()))
]


@pytest.mark.parametrize(("kind", "text"), SHOWN)
def test_what_the_documents_show_is_read(kind: str, text: str) -> None:
    PARSERS[kind](text)


def test_the_documents_show_every_kind() -> None:
    assert {str(p.values[0]) for p in SHOWN} == set(PARSERS)


def test_every_key_of_the_configuration_is_documented() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    assert [k for k in config.ConfigForm.model_fields if f"`{k}" not in text] == []
