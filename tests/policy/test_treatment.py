"""Which treatment shows least, checked against what masked values can actually be told apart."""

from __future__ import annotations

import datetime
import itertools
from typing import assert_never

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redactor.treatment import (
    FilterRows,
    Mask,
    MaskKind,
    RefuseRead,
    Shaping,
    Treatment,
    shows_no_more,
    strictest,
    strictest_shaping,
)

YEAR, MONTH = Mask(MaskKind.YEAR), Mask(MaskKind.MONTH)
HASH = Mask(MaskKind.HASH, "")
CONSTANT = Mask(MaskKind.CONSTANT, "***")

masks = st.one_of(
    st.sampled_from([Mask(), CONSTANT, Mask(MaskKind.CONSTANT, "x"), YEAR, MONTH, HASH, Mask(MaskKind.HASH, "a")]),
    st.builds(Mask, st.just(MaskKind.PARTIAL), st.integers(1, 8)),
    st.builds(Mask, st.just(MaskKind.BUCKET), st.integers(2, 40)),
)
treatments = st.one_of(masks, st.just(RefuseRead()), st.just(FilterRows()))

DATES = [datetime.date(y, m, d) for y, m, d in itertools.product((1979, 1980), (1, 2, 12), (1, 28))]
NUMBERS = list(range(-45, 90))
TEXTS = ["", "4", "1234", "123456", "123457", "91234", "123456789", "223456789", "A012345678", "A012345679"]
VALUES: list[object] = [None, *DATES, *NUMBERS, *TEXTS]


def masked(treatment: Treatment, value: object) -> object:
    """A model of every treatment, total: what does not fit the value's type gives None."""
    match treatment:
        case RefuseRead() | FilterRows() | Mask(MaskKind.NULL):
            return None
        case Mask(MaskKind.CONSTANT, argument):
            return ("constant", argument)
        case Mask(MaskKind.YEAR):
            return value.year if isinstance(value, datetime.date) else None
        case Mask(MaskKind.MONTH):
            return (value.year, value.month) if isinstance(value, datetime.date) else None
        case Mask(MaskKind.PARTIAL, int() as n):
            return (value[-n:] if len(value) > 2 * n else "") if isinstance(value, str) else None
        case Mask(MaskKind.BUCKET, int() as width):
            return int(value / width) if isinstance(value, int) else None
        case Mask(MaskKind.HASH, label):
            return None if value is None else (label, value)
        case Mask():
            raise AssertionError(treatment)
        case _:
            assert_never(treatment)


def told_apart(treatment: Treatment) -> set[tuple[int, int]]:
    seen = [masked(treatment, v) for v in VALUES]
    return {(i, j) for i, j in itertools.combinations(range(len(VALUES)), 2) if seen[i] != seen[j]}


@given(masks, masks)
def test_shows_no_more_means_that_nothing_more_is_told_apart(a: Mask, b: Mask) -> None:
    if shows_no_more(a, b):
        assert told_apart(a) <= told_apart(b)


@given(st.lists(treatments, min_size=1, max_size=4))
def test_the_strictest_shows_no_more_than_any(given_: list[Treatment]) -> None:
    apart = told_apart(strictest(given_))
    assert all(apart <= told_apart(t) for t in given_)


@given(st.lists(treatments, max_size=5), st.randoms(use_true_random=False))
def test_order_does_not_matter(given_: list[Treatment], random: object) -> None:
    shuffled = sorted(given_, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert strictest(shuffled) == strictest(given_) == strictest([*given_, *given_])


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ([], Mask()),
        ([YEAR], YEAR),
        ([YEAR, MONTH], YEAR),
        ([YEAR, HASH], Mask()),
        ([Mask(MaskKind.HASH, "a"), HASH], Mask()),
        ([Mask(MaskKind.PARTIAL, 4), Mask(MaskKind.PARTIAL, 2)], Mask()),
        ([Mask(MaskKind.BUCKET, 10), Mask(MaskKind.BUCKET, 5)], Mask(MaskKind.BUCKET, 10)),
        ([Mask(MaskKind.BUCKET, 10), Mask(MaskKind.BUCKET, 4)], Mask()),
        ([YEAR, CONSTANT], CONSTANT),
        ([YEAR, HASH, CONSTANT], CONSTANT),
        ([CONSTANT, Mask(MaskKind.CONSTANT, "x")], Mask()),
        ([CONSTANT, Mask()], Mask()),
        ([Mask(), FilterRows(), YEAR], FilterRows()),
        ([FilterRows(), RefuseRead(), Mask()], RefuseRead()),
    ],
)
def test_strictest(given_: list[Treatment], expected: Treatment) -> None:
    assert strictest(given_) == expected


def test_refusing_to_shape_rows_wins() -> None:
    assert strictest_shaping([Shaping.MASK, Shaping.REFUSE]) is Shaping.REFUSE
    assert strictest_shaping([Shaping.MASK]) is Shaping.MASK


def test_only_null_and_constants_say_nothing_of_the_value() -> None:
    silent = {k for k in MaskKind if not k.depends_on_value}
    assert silent == {MaskKind.NULL, MaskKind.CONSTANT}
