"""From an installation's files to what a judge is made of.

Knows which parts make a judge. Must not decide anything. Invariant: files with faults never make one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from redactor.catalog import Catalog
from redactor.cli.files import load
from redactor.cli.reading import quietly
from redactor.config import Config
from redactor.engine import Engine
from redactor.errors import ConfigurationError
from redactor.policy import Policy
from redactor.review import Review
from redactor.tally import Pace


@dataclass(frozen=True, slots=True)
class Usable:
    """An installation's files without a fault. `reviews` by the name that clients connect to."""

    config: Config
    policy: Policy
    reviews: Mapping[str, Review]


def usable(path: Path) -> Usable:
    """The configuration and all files that it names. Raises ConfigurationError with every fault of any of them."""
    # what is read has no cycles, and of a large catalog the collector would go through all of it again and again
    with quietly(0):
        found = load(path, os.environ)
    if found.faults or found.policy is None:
        raise ConfigurationError(found.faults)
    return Usable(found.config, found.policy, found.reviews)


def maker(config: Config, pace: Pace | None = None) -> Callable[[Catalog, Policy, Review], Engine]:
    """How a judge is made of a catalog, a policy and a review, under this configuration; `pace` counts for all."""

    def make(catalog: Catalog, policy: Policy, review: Review) -> Engine:
        return Engine(catalog, policy, review, mask_key=config.mask_key or "", pace=pace)

    return make
