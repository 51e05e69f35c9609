"""Logs in tests wait less than in life."""

from __future__ import annotations

import pytest

from redactor.store import log as log_module


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(log_module, "DRAIN_SECONDS", 0.01)
