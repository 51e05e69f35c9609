"""A sample log tampered with in each way at each place: how often it was found, and how often the entry was named.

The figures stand in docs/log.md, and are those that this counts.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from redactor.audit.checkpoint import Signer, check
from redactor.audit.verifier import Report, verify_export
from tests.audit.samples import SIGNER, export

SIZE = 5
DOCUMENT = (Path(__file__).parents[2] / "docs/log.md").read_text()
Tampered = tuple[list[bytes], set[int]]
"""An export, and the entries of which at least one has to be named; none: it is about the header."""


def cut(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


def entry_at(lines: list[bytes], at: int) -> set[int]:
    """The entry in whose line a byte of the whole export stands."""
    starts = list(itertools.accumulate((len(line) for line in lines), initial=0))
    line = max(i for i, start in enumerate(starts) if start <= at)
    return {line - 1} if line else set()


def flips(lines: list[bytes]) -> Iterator[Tampered]:
    whole = b"".join(lines)
    for at in range(len(whole)):
        bit = bytes([whole[at] ^ 1 << at % 8])
        yield cut(whole[:at] + bit + whole[at + 1 :]), entry_at(lines, at)


def losses(lines: list[bytes]) -> Iterator[Tampered]:
    whole = b"".join(lines)
    for at in range(len(whole)):
        yield cut(whole[:at] + whole[at + 1 :]), entry_at(lines, at)


def truncations(lines: list[bytes]) -> Iterator[Tampered]:
    whole = b"".join(lines)
    for length in range(len(whole)):
        yield cut(whole[:length]), entry_at(lines, length)


def drops(lines: list[bytes]) -> Iterator[Tampered]:
    for n in range(1, SIZE + 1):
        for dropped in itertools.combinations(range(SIZE), n):
            yield [line for i, line in enumerate(lines) if i - 1 not in dropped], set(dropped)


def swaps(lines: list[bytes]) -> Iterator[Tampered]:
    for order in itertools.permutations(range(SIZE)):
        if order != tuple(range(SIZE)):
            moved = {e for i, e in enumerate(order) if i != e}
            yield [lines[0], *(lines[1 + e] for e in order)], moved


def copies(lines: list[bytes]) -> Iterator[Tampered]:
    for e in range(SIZE):
        for at in range(1, SIZE + 2):
            yield [*lines[:at], lines[1 + e], *lines[at:]], {e}


def inventions(lines: list[bytes]) -> Iterator[Tampered]:
    """Entries that another log has signed, under each number, at each place."""
    for e, line in enumerate(export(SIZE + 2, Signer("another.example/log", b"x" * 32))[1:]):
        for at in range(1, SIZE + 2):
            yield [*lines[:at], line, *lines[at:]], {e}


WAYS = {
    "a bit flipped, in each byte": flips,
    "a byte taken out, each": losses,
    "cut off, after each byte": truncations,
    "entries dropped, each subset": drops,
    "entries moved, each order": swaps,
    "an entry doubled, each at each place": copies,
    "an entry added, seven at each place": inventions,
}


def names(report: Report, entries: set[int]) -> bool:
    """Whether one of the entries is named: by its number, its line, or a range that it is in."""
    if not entries:
        return True
    said = " ".join(w.what for w in report.wrong)
    return any(w.sequence in entries for w in report.wrong) or any(f"line {e + 2} " in said + " " for e in entries)


@pytest.mark.parametrize("way", WAYS)
def test_every_tampering_is_found_and_counted(way: str) -> None:
    lines = export(SIZE)
    trials = found = named = 0
    for damaged, entries in WAYS[way](lines):
        report = verify_export(damaged, SIGNER.public, check=check)
        trials += 1
        found += not report.ok
        named += names(report, entries)
    assert found == trials
    row = f"| {way} | {trials:,} | {found:,} | {named:,} |"
    assert row in DOCUMENT, f"write into docs/log.md: {row}"
