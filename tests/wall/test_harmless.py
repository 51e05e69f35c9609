"""Ordinary work with the wall in place: through redactor to the hardened city as directly to one without a wall."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.noninterference import city, corpus, judge
from tests.noninterference.play import Target
from tests.wall import broken


@pytest.fixture(scope="module")
def pair() -> Iterator[city.Pair]:
    binaries = servers.embedded(18)
    assert binaries is not None
    with servers.cluster(binaries) as server:
        yield city.build(server.dsn())


def differing(pair: city.Pair, directory: Path, probes: list[corpus.Probe]) -> list[str]:
    with (
        broken.walled(pair, directory) as (dsn, harden),
        judge.Keeper(pair, ("city_a", "city_c"), harden) as keeper,
    ):
        through = Target(f"{dsn}/city_a", pair.at("city_a"), "a", city.newest(pair, "city_a"))
        direct = Target(pair.at("city_c", user="nobody"), pair.at("city_c"), "a", city.newest(pair, "city_c"))
        found = [judge.harmless(p, direct, through, keeper) for p in probes]
    # what the proxy by itself does not let through is not about the wall; a denied permission is
    return [f"{f.probe.id}: {f.why}" for f in found if f.bad and "permission denied" in f.why]


def harmless(pair: city.Pair) -> list[corpus.Probe]:
    return [p for p in corpus.read(corpus.HARMLESS) if p.runs_on(pair.major, pair.offers)]


def test_a_trigger_that_keeps_a_journal_goes_on(pair: city.Pair, tmp_path: Path) -> None:
    writing = [p for p in harmless(pair) if p.id in ("write-022", "write-024", "write-038")]
    assert len(writing) == 3
    assert differing(pair, tmp_path, writing) == []


@pytest.mark.slow
def test_nothing_is_denied(pair: city.Pair, tmp_path: Path) -> None:
    assert differing(pair, tmp_path, harmless(pair)) == []
