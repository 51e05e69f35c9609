"""The labels that a column can have, in their order of precedence."""

from __future__ import annotations

from typing import Final, Literal

Label = Literal["direct", "documentary", "origin", "programme", "proxy", "trace", "free_text", "none"]
LABELS: Final[tuple[Label, ...]] = (
    "direct",
    "documentary",
    "origin",
    "programme",
    "proxy",
    "trace",
    "free_text",
    "none",
)
"""In order of precedence: where two fit a column, the first wins."""

CORE_IN_ORDER: Final[tuple[Label, ...]] = ("direct", "documentary", "origin", "programme")
CORE: Final[frozenset[Label]] = frozenset(CORE_IN_ORDER)
"""The labels whose columns must not be missed."""
