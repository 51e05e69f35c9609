"""docs/monitoring.md names every figure there is, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from redactor.metrics import DatabaseFigures, Figures, render
from redactor.proxy import Counters
from redactor.store import Health
from redactor.tally import Logged, Pace

DOCUMENT = (Path(__file__).parents[2] / "docs/monitoring.md").read_text()


def test_the_document_names_every_figure_and_no_other() -> None:
    health = Health(ok=True, entries=0, commits=0, behind=0, stored=0, signed=0, problem="", store_problem="")
    databases = {"city": DatabaseFigures(Pace(), (0, 0), (0, 0), 0.0, True)}
    families = text_string_to_metric_families(render(Figures(Counters(), health, Logged(), databases, {})).decode())
    there = {f.name + ("_total" if f.type == "counter" else "") for f in families if f.name.startswith("redactor_")}
    assert set(re.findall(r"redactor_[a-z_]+", DOCUMENT)) == there
