"""How well the suggestions agree with labels given by hand: figures by tag and a confusion table.

`python -m redactor.tagging.report FILE.jsonl` prints them; FILE holds lines {"source", "table", "column", "type",
"comment", "label"}; `-` is standard input. `--wrong` lists every disagreement. Knows nothing of how suggestions are
made.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redactor.tagging.facts import rows_in
from redactor.tagging.judge import Finding, judge_each
from redactor.tagging.labels import CORE, LABELS, Label
from redactor.tagging.pack import Pack, load


@dataclass(frozen=True, slots=True)
class Case:
    """A column with the label given by hand and the finding."""

    source: str
    row: Mapping[str, Any]
    label: Label
    finding: Finding


@dataclass(frozen=True, slots=True)
class Figures:
    """`core_recall`: of the core columns, the share that was suggested as any protected label; `core_exact`: as the
    core label itself; `precision`: of the suggestions, the share whose column is protected; `exact`: whose label is
    the one given; `recall`: of all protected columns, the share suggested. None: there was nothing to count."""

    columns: int
    protected: int
    core: int
    core_recall: float | None
    core_exact: float | None
    precision: float | None
    exact: float | None
    recall: float | None


def compare(rows: Sequence[Mapping[str, Any]], pack: Pack) -> list[Case]:
    """Every labelled row with its finding. The tables are judged whole, without their labels; a column that nobody can
    label (`x`) is judged with its table and left out."""
    each = judge_each(rows, pack)
    return [Case(str(row.get("source") or ""), row, row["label"], found) for row, found in each if row["label"] != "x"]


def figures(cases: Iterable[Case]) -> Figures:
    """The figures over the cases."""
    cases = list(cases)
    core = [c for c in cases if c.label in CORE]
    protected = [c for c in cases if c.label != "none"]
    made = [c for c in cases if c.finding.label != "none"]

    def share(part: int, whole: int) -> float | None:
        return part / whole if whole else None

    return Figures(
        len(cases),
        len(protected),
        len(core),
        share(sum(c.finding.label != "none" for c in core), len(core)),
        share(sum(c.finding.label in CORE for c in core), len(core)),
        share(sum(c.label != "none" for c in made), len(made)),
        share(sum(c.label == c.finding.label for c in made), len(made)),
        share(sum(c.finding.label != "none" for c in protected), len(protected)),
    )


def confusion(cases: Iterable[Case]) -> str:
    """A Markdown table: rows are the labels given by hand, columns the labels suggested."""
    counted = Counter((c.label, c.finding.label) for c in cases)
    lines = ["| given \\ suggested | " + " | ".join(LABELS) + " |", "|---|" + "---:|" * len(LABELS)]
    lines += [
        f"| {given} | " + " | ".join(str(counted[given, made] or "·") for made in LABELS) + " |" for given in LABELS
    ]
    return "\n".join(lines)


def by_label(cases: Iterable[Case]) -> str:
    """A Markdown table: for each label how many there are, how many suggested, precision and recall."""
    cases = list(cases)
    lines = ["| label | given | suggested | precision | recall |", "|---|---:|---:|---:|---:|"]
    for label in LABELS[:-1]:
        given = sum(c.label == label for c in cases)
        made = sum(c.finding.label == label for c in cases)
        both = sum(c.label == label == c.finding.label for c in cases)
        lines.append(f"| {label} | {given} | {made} | {_percent(both, made)} | {_percent(both, given)} |")
    return "\n".join(lines)


def by_source(cases: Iterable[Case]) -> str:
    """A Markdown table of the figures of each source and of all."""
    cases = list(cases)
    sources = list(dict.fromkeys(c.source for c in cases))
    lines = [
        "| source | columns | core | core recall | core exact | precision | label exact | recall |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for source in [*sources, "all"]:
        f = figures(c for c in cases if source in (c.source, "all"))
        shares = " | ".join(_share(s) for s in (f.core_recall, f.core_exact, f.precision, f.exact, f.recall))
        lines.append(f"| {source} | {f.columns} | {f.core} | {shares} |")
    return "\n".join(lines)


def _percent(part: int, whole: int) -> str:
    return _share(part / whole if whole else None)


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.3f}"


def _text(file: str) -> str:
    return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")


def main(arguments: Sequence[str]) -> int:
    """The command. 0, or 2 where it is used wrongly."""
    files = [a for a in arguments if not a.startswith("--")]
    if not files or set(arguments) - set(files) - {"--wrong"}:
        print(__doc__)
        return 2
    pack = load()
    cases = [c for file in files for c in compare(rows_in(_text(file), file), pack)]
    print(by_source(cases), by_label(cases), confusion(cases), sep="\n\n")
    if "--wrong" in arguments:
        print()
        for c in cases:
            if c.label != c.finding.label:
                print(
                    f"{c.label:>11} -> {c.finding.label:<11} {c.finding.confidence:.2f} {c.finding.tag:<20} "
                    f"{c.source[:12]} {c.row.get('table')}.{c.row['column']} [{c.row.get('type')}] "
                    f"{'; '.join(c.finding.evidence)}"
                )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
