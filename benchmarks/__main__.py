"""`make bench`: all measurements, as tables on the terminal and as JSON in benchmarks/results/."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import decisions, machine, place, relay

RESULTS = Path(__file__).parent / "results"


def table(title: str, rows: list[dict[str, object]]) -> Table:
    """Rows as a table, numbers to the right."""
    drawn = Table(title=title, title_justify="left")
    for key, value in rows[0].items():
        drawn.add_column(key, justify="left" if isinstance(value, str) else "right")
    for row in rows:
        drawn.add_row(*(f"{v:,}" if isinstance(v, int | float) else str(v) for v in row.values()))
    return drawn


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round of each: to see that it works")
    quick = parser.parse_args().quick
    console = Console()
    console.print(machine.described())
    with place.made(relay.SCALE) as where:
        decided = decisions.measure(where, quick)
        console.print(table("A decision (microseconds)", decided))
        relayed = relay.measure(where, quick)
        console.print(table("pgbench, 8 clients", relayed))
    RESULTS.mkdir(exist_ok=True)
    found = {"machine": machine.described(), "at": time.strftime("%Y-%m-%d"), "decisions": decided, "relay": relayed}
    target = RESULTS / ("quick.json" if quick else "latest.json")
    target.write_text(json.dumps(found, indent=2) + "\n")
    console.print(f"written to {target}")


if __name__ == "__main__":
    main()
