"""What becomes of data that a requester may not see: refused, its rows left out, or masked.

Knows the kinds of treatment and which of two shows less. Must not know columns, types or SQL: the text of a mask is
made in `redactor.sql`. Invariants: `Treatment` is closed (match it exhaustively); every mask is total, that is, it
has a value for every input, and where its kind does not fit a column's type (a year of a name) that value is NULL;
`strictest` shows no more than any of the treatments it is given, and does not depend on their order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias, assert_never


class MaskKind(Enum):
    """How a masked value is made. `depends_on_value` marks the declared exceptions to non-interference."""

    NULL = "null"
    CONSTANT = "constant"
    PARTIAL = "partial"
    YEAR = "year"
    MONTH = "month"
    BUCKET = "bucket"
    HASH = "hash"

    @property
    def depends_on_value(self) -> bool:
        """Whether the masked value still says something about the real one, its absence included."""
        return self not in (MaskKind.NULL, MaskKind.CONSTANT)


@dataclass(frozen=True, slots=True)
class Mask:
    """A mask. `argument` by kind:

    - null, year, month: None. year and month: the value cut down to its year, its month (dates and timestamps).
    - constant: the text that stands for every value, NULL included; for a column of another type than text, the
      text is that type's input, and where the type does not take it the mask is NULL.
    - partial: how many of the last characters stay, 1 to 8, before which stand eight `*`; of a text that is not more
      than twice as long, none stay.
    - bucket: the width, at least 2; the value becomes the multiple of it that is next toward zero (whole numbers).
    - hash: a label of the policy's choosing (may be empty) that is mixed with the deployment's secret key, which is
      not part of a policy; under different labels the same value has tokens that do not match.
    """

    kind: MaskKind = MaskKind.NULL
    argument: int | str | None = None

    @property
    def depends_on_value(self) -> bool:
        """Whether the masked value still says something about the real one."""
        return self.kind.depends_on_value

    def __str__(self) -> str:
        return f"mask {self.kind.value}" + (f" {self.argument}" if self.argument not in (None, "") else "")


@dataclass(frozen=True, slots=True)
class RefuseRead:
    """A statement that touches it is refused."""

    def __str__(self) -> str:
        return "refuse"


@dataclass(frozen=True, slots=True)
class FilterRows:
    """The rows are left out: a protected relation appears empty; of a protected column, it is as for `Mask()`."""

    def __str__(self) -> str:
        return "filter"


Treatment: TypeAlias = Mask | RefuseRead | FilterRows


class Shaping(Enum):
    """What becomes of a statement in which a masked column decides which rows there are."""

    REFUSE = "refuse"
    MASK = "mask"


def shows_no_more(a: Mask, b: Mask) -> bool:
    """Whether whatever can be told from a value masked by `a` can be told from the same value masked by `b`."""
    if not a.depends_on_value or a == b:
        return True
    # not so for two partial masks: of a text of six characters the last two stay, but of four none do
    match a.kind, b.kind:
        case MaskKind.YEAR, MaskKind.MONTH:
            return True
        case MaskKind.BUCKET, MaskKind.BUCKET:
            return _number(a) % _number(b) == 0
        case _:
            return False


def strictest(treatments: Iterable[Treatment]) -> Treatment:
    """The one that shows least: refuse, then filter, then null, then a constant, then what shows least of the rest.

    Where none of the masks shows no more than all the others (a year and a hash), or two constants differ, it is NULL.
    Of no treatments at all: NULL too, so that a mistake hides.
    """
    given = set(treatments)
    masks: list[Mask] = []
    filtered = False
    for t in given:
        match t:
            case RefuseRead():
                return t
            case FilterRows():
                filtered = True
            case Mask():
                masks.append(t)
            case _:
                assert_never(t)
    if filtered:
        return FilterRows()
    constant = [m for m in masks if not m.depends_on_value]
    if constant:
        return constant[0] if len(constant) == 1 else Mask()
    return next((m for m in masks if all(shows_no_more(m, other) for other in masks)), Mask())


def strictest_shaping(shapings: Iterable[Shaping]) -> Shaping:
    """REFUSE where any says so."""
    return Shaping.REFUSE if Shaping.REFUSE in set(shapings) else Shaping.MASK


def _number(mask: Mask) -> int:
    assert isinstance(mask.argument, int)
    return mask.argument
