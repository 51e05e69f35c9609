"""`make bench`: all measurements, as tables on the terminal and as JSON, Markdown and a plot in benchmarks/results/.

python -m benchmarks [--quick] [--only relay,latency,rows,refusals,front,idle,decisions,log]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from rich.console import Console
from rich.table import Table

from benchmarks import decisions, front, idle, log, machine, place, plot, refusals, relay, rows

RESULTS = Path(__file__).parent / "results"
DOCUMENT = RESULTS.parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- figures: written by `make bench` -->", "<!-- end of figures -->"
Rows = list[dict[str, object]]

TITLES = {
    "relay": "pgbench -S, 8 clients",
    "latency": "One client, prepared: latency",
    "rows": "A million rows",
    "refusals": "Refused and rewritten statements, each durable before its answer",
    "front": "TLS with the client, and two workers: pgbench -S, prepared, 8 clients",
    "idle": "Idle clients",
    "decisions": "A decision",
    "log": "The log alone",
}


def table(title: str, found: Rows) -> Table:
    """Rows as a table, numbers to the right."""
    drawn = Table(title=title, title_justify="left")
    for key, value in found[0].items():
        drawn.add_column(key, justify="left" if isinstance(value, str) else "right")
    for row in found:
        drawn.add_row(*(f"{v:,}" if isinstance(v, int | float) else str(v) for v in row.values()))
    return drawn


def markdown(title: str, found: Rows) -> str:
    """Rows as a Markdown table."""
    lines = [f"### {title}", "", "| " + " | ".join(found[0]) + " |", "|" + "---|" * len(found[0])]
    lines += ["| " + " | ".join(str(v) for v in row.values()) + " |" for row in found]
    return "\n".join([*lines, ""])


def publish(about: dict[str, str], found: dict[str, Rows]) -> None:
    """The tables of a whole run into the document, between its two marks."""
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    said = ", ".join(f"{k} {v}" for k, v in about.items())
    tables = "\n".join(markdown(TITLES[n], f) for n, f in found.items())
    DOCUMENT.write_text(f"{before}{BEGIN}\n{said}.\n\n{tables}{END}{after}")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round of each: to see that it works")
    parser.add_argument("--only", default=",".join(TITLES), help="which, by name, separated by commas")
    options = parser.parse_args()
    wanted, quick = options.only.split(","), options.quick
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    console, began = Console(), time.monotonic()
    console.print(machine.described())
    before, found = machine.load(), {}

    def run(name: str, work: Callable[[], Rows]) -> None:
        if name in wanted:
            found[name] = work()
            console.print(table(TITLES[name], found[name]))

    with place.made(relay.SCALE) as where:
        with relay.ways(where) as among:
            run("relay", lambda: relay.measure(where, among, quick))
            run("latency", lambda: relay.latency(where, among, quick))
            run("rows", lambda: rows.measure(where, among, quick))
            run("refusals", lambda: refusals.measure(where, among, quick))
        run("front", lambda: front.measure(where, quick))
        run("idle", lambda: idle.measure(where, quick))
        run("decisions", lambda: decisions.measure(where, quick))
    run("log", lambda: log.measure(quick)["durable refusals"])
    about = machine.described() | {
        "date": time.strftime("%Y-%m-%d"),
        "load before": before,
        "minutes": f"{(time.monotonic() - began) / 60:.1f}",
    }
    RESULTS.mkdir(exist_ok=True)
    name = "quick" if quick else "latest"
    (RESULTS / f"{name}.json").write_text(json.dumps({"machine": about, **found}, indent=2) + "\n")
    text = "".join(f"{k}: {v}  \n" for k, v in about.items())
    (RESULTS / f"{name}.md").write_text("\n".join([text, *(markdown(TITLES[n], f) for n, f in found.items())]))
    if not quick and found.keys() == TITLES.keys():
        publish(about, found)
    if "relay" in found:
        (RESULTS / f"{name}.svg").write_text(plot.bars(found["relay"]))
    console.print(f"written to {RESULTS}/{name}.json, .md and .svg; {about['minutes']} minutes")


if __name__ == "__main__":
    main()
