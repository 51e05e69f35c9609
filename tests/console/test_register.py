"""The register finds what a scan of the log finds, keeps up with it, and is made again where it has to be."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

import pytest

from benchmarks.console import fill, made_up
from redactor.console.chart import DAY, draw, step_for
from redactor.console.register import Bar, Filter, Register, TooMany, shape_of
from redactor.store import Reader, Selection

COUNT = 600
BEGUN = 1_780_000_000.0


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("register")
    fill(made, COUNT, BEGUN)
    return made


def entered(place: Path, file: Path) -> Register:
    register = Register(file)
    with Reader(f"sqlite:///{place}/redactor.db") as reader:
        while register.follow(reader, 170):
            pass
    return register


def meant(wanted: Filter, i: int) -> bool:
    """By the entry itself, without any index."""
    e = entries()[i]
    named = {str(c.column) for c in e.columns} | {str(c) for r in e.rules for c in r.columns}
    return (
        (wanted.since is None or e.at >= wanted.since)
        and (wanted.until is None or e.at < wanted.until)
        and wanted.who in (None, e.requester.login)
        and wanted.database in (None, e.requester.database)
        and wanted.verdict in (None, e.verdict.value)
        and wanted.client in (None, e.requester.address)
        and (wanted.rule is None or any(r.rule == wanted.rule for r in e.rules))
        and (wanted.column is None or any(f".{c}".endswith(f".{wanted.column}") for c in named))
        and wanted.shape in (None, shape_of(e.shape))
    )


@cache
def entries() -> list:  # type: ignore[type-arg]
    chance = random.Random(1)
    return [made_up(i, COUNT, BEGUN, chance) for i in range(COUNT)]


def filters() -> list[Filter]:
    chance, some = random.Random(2), entries()
    made = [Filter(), Filter(verdict="refused"), Filter(who="nobody"), Filter(kind="deed"), Filter(column="column7")]
    for _ in range(60):
        e = chance.choice(some)
        all_of_it = {
            "who": e.requester.login,
            "database": e.requester.database,
            "verdict": e.verdict.value,
            "rule": e.rules[0].rule,
            "column": chance.choice([str(e.columns[0].column), e.columns[0].column.name]),
            "client": e.requester.address,
            "shape": shape_of(e.shape),
            "since": int(e.at) - chance.randrange(40 * DAY),
            "until": int(e.at) + chance.randrange(1, 40 * DAY),
        }
        kept = chance.sample(sorted(all_of_it), chance.randrange(1, 4))
        made.append(Filter(**{name: all_of_it[name] for name in kept}))
    return made


def test_it_finds_what_is_there(place: Path, tmp_path: Path) -> None:
    register = entered(place, tmp_path / "register.db")
    for wanted in filters():
        right = [i for i in reversed(range(COUNT)) if wanted.kind == "decision" and meant(wanted, i)]
        found = register.find(wanted, COUNT)
        assert list(found.sequences) == right, wanted
        assert sum(g.count for g in register.groups(wanted, COUNT)) == len(right), wanted
        pages: list[int] = []
        page = register.find(wanted, 7)
        while True:
            pages += page.sequences
            if not page.older:
                break
            page = register.find(wanted, 7, before=page.sequences[-1])
        assert pages == right, wanted
        bars = register.chart(wanted, DAY)
        of_any = [i for i in range(COUNT) if wanted.kind == "decision" and meant(replaced(wanted), i)]
        assert sum(b.refused + b.redacted + b.allowed for b in bars) == len(of_any), wanted


def replaced(wanted: Filter) -> Filter:
    from dataclasses import replace

    return replace(wanted, verdict=None)


def test_it_keeps_up_and_begins_anew(place: Path, tmp_path: Path) -> None:
    file = tmp_path / "register.db"
    assert entered(place, file).next == COUNT
    other = tmp_path / "other"
    other.mkdir()
    fill(other, 20)
    register = Register(file)
    with Reader(f"sqlite:///{other}/redactor.db") as reader:
        assert register.follow(reader) == 20
        assert register.follow(reader) == 0
    assert len(register.find(Filter(), 50).sequences) == 20
    file.write_bytes(b"damaged" * 1000)
    assert entered(other, file).next == 20


def test_it_gives_up_in_time(place: Path, tmp_path: Path) -> None:
    entered(place, tmp_path / "register.db")
    hasty = Register(tmp_path / "register.db", patience=-1.0)
    with pytest.raises(TooMany):
        hasty.groups(Filter(database="city", since=int(BEGUN) + 1))


def test_steps() -> None:
    assert step_for(0, 86400) == 3600
    assert step_for(0, 90 * DAY) == DAY
    assert step_for(0, 3650 * DAY) == 90 * DAY
    chart = draw([Bar(3600, 3, 2, 1), Bar(7200, 0, 0, 7)], 0, 30 * 3600, 3600)
    assert len(chart.bars) == 30
    assert chart.top == 10
    assert [p.height for p in chart.bars[1].pieces] == [45, 30, 15]
    assert len(draw([Bar(3600, 1, 0, 0)], 3600, 7200, 3600).bars) == 24
    assert chart.totals == {"refused": 3, "redacted": 2, "allowed": 8}
    assert draw([], 0, 3600, 3600).totals["refused"] == 0


def test_the_same_as_the_audit_command(place: Path, tmp_path: Path) -> None:
    register = entered(place, tmp_path / "register.db")
    with Reader(f"sqlite:///{place}/redactor.db") as reader:
        selection = Selection(rule="rule-b", verdict="refused", column="column3")
        by_scan = [e.sequence for e in reader.select(selection)]
    assert by_scan == list(register.find(Filter(rule="rule-b", verdict="refused", column="column3"), COUNT).sequences)
    assert by_scan
