"""What `make bench` writes: tables, plots and flame graphs of given figures."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import __main__ as bench
from benchmarks import flame, plot
from benchmarks.client import extended, query
from benchmarks.relay import compared

ROWS: list[dict[str, object]] = [
    {"mode": "simple", "statement": "allowed", "way": "direct", "tps": 50_000, "proxy CPU us": 0.0},
    {"mode": "simple", "statement": "allowed", "way": "pgbouncer", "tps": 40_000, "proxy CPU us": 16.0},
    {"mode": "simple", "statement": "allowed", "way": "redactor", "tps": 30_000, "proxy CPU us": 20.0},
]


def test_figures_are_multiples_of_pgbouncers_in_the_same_case() -> None:
    rows = compared([dict(r) for r in ROWS], ("mode", "statement"), {"tps": "tps ratio", "proxy CPU us": "cpu ratio"})
    assert [(r["tps ratio"], r["cpu ratio"]) for r in rows] == [(1.25, ""), (1.0, 1.0), (0.75, 1.25)]
    alone = compared([dict(ROWS[2])], ("mode", "statement"), {"tps": "tps ratio"})
    assert alone[0]["tps ratio"] == ""


def test_the_plot_has_a_bar_for_each_figure() -> None:
    drawn = ElementTree.fromstring(plot.bars(ROWS))
    bars = [r for r in drawn.iter("{http://www.w3.org/2000/svg}rect") if r.get("fill") != "white"]
    assert [b.get("fill") for b in bars] == ["#d99a2b", "#2b6cb0", "#9aa5b1", "#d99a2b", "#2b6cb0"]
    long = [int(str(b.get("width"))) for b in bars]
    assert long[1] > long[0]
    assert long[2] > long[3] > long[4]


def test_a_flame_graph_is_as_wide_as_the_time() -> None:
    root = flame.read("run (a.py:1);work (b.py:2) 3\nrun (a.py:9);rest (b.py:7) 1\nother (c.py:1) 4\n", "run")
    assert root.samples == 4
    assert flame.hottest(root)[:2] == [("work (b.py)", 0.75), ("rest (b.py)", 0.25)]
    drawn = ElementTree.fromstring(flame.draw(root))
    widths = {str(r.get("width")) for r in drawn.iter("{http://www.w3.org/2000/svg}rect")}
    assert {"1100.0", "825.0", "275.0"} <= widths


def test_the_figures_take_their_place_in_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{bench.BEGIN}\nold\n{bench.END}\nafter\n")
    monkeypatch.setattr(bench, "DOCUMENT", document)
    for _ in range(2):
        bench.publish({"cores": "2"}, {"relay": ROWS})
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert text.count("### pgbench") == text.count("| simple | allowed | redactor | 30000 | 20.0 |") == 1
    assert "old" not in text


def test_the_document_has_a_place_for_the_figures() -> None:
    assert bench.DOCUMENT.read_text().count(bench.BEGIN) == bench.DOCUMENT.read_text().count(bench.END) == 1


def test_the_clients_messages_are_whole() -> None:
    for data in (query("SELECT 1"), extended("SELECT 1", binary=True)):
        at, kinds = 0, []
        while at < len(data):
            kinds.append(chr(data[at]))
            at += 1 + int.from_bytes(data[at + 1 : at + 5], "big")
        assert at == len(data)
        assert "".join(kinds) in ("Q", "PBES")
