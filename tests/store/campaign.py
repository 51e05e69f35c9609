"""What a fault campaign found, printed and kept in benchmarks/results/log_campaign.json."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from benchmarks.machine import described

RESULTS = Path(__file__).parents[2] / "benchmarks/results/log_campaign.json"


def report(name: str, figures: dict[str, int], capsys: pytest.CaptureFixture[str]) -> None:
    """Say it, and write it beside the others' figures."""
    with capsys.disabled():
        print(f"\n{name}: {figures}")
    RESULTS.parent.mkdir(exist_ok=True)
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept |= {"machine": described(), name: {"at": time.strftime("%Y-%m-%d"), **figures}}
    RESULTS.write_text(json.dumps(kept, indent=2) + "\n")
