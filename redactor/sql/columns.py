"""A relation's columns with what each derives from, found by position and by name.

Knows nothing of relations. Stays plain Python where the rest is compiled, since what derives from a tuple cannot be.
"""

from __future__ import annotations

from collections.abc import Iterable

from redactor.model import ColumnName

Taint = frozenset[ColumnName]
CLEAN: Taint = frozenset()
Output = tuple[str, Taint]


class Columns(tuple[Output, ...]):
    """A relation's columns, with an index by their names."""

    by_name: dict[str, Taint]

    def __new__(cls, columns: Iterable[Output]) -> Columns:
        """Columns in their order."""
        made = super().__new__(cls, columns)
        made.by_name = {}
        for name, taint in made:
            made.by_name[name] = made.by_name.get(name, CLEAN) | taint
        return made
