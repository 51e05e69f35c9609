"""The corpora against redactor as it runs: nothing leaks, nothing breaks, ordinary work goes on.

Each test is one run over a whole corpus on one server; what fails is listed by probe. `run.py` does the same from the
command line (docs/noninterference.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.noninterference import campaign, city, corpus, judge, through
from tests.noninterference.corpus import Probe
from tests.noninterference.play import Target
from tests.servers import Server

TIMEOUT = 10.0
CLOCK = {"error-030", "function-075"}
"""Attacks that show the time, the second by the statistics of statements, and so are never the same twice."""


OTHERS = (13, 14, 16, 17)
"""Majors on which the slow tests play."""


@pytest.fixture(
    scope="session",
    params=[18, 15, *(pytest.param(major, marks=pytest.mark.slow) for major in OTHERS)],
    ids=lambda major: f"postgres{major}",
)
def pair(request: pytest.FixtureRequest) -> city.Pair:
    """The cities on each server that is there."""
    server = request.getfixturevalue(f"postgres{request.param}")
    assert isinstance(server, Server)
    return city.built(server.dsn())


def _part(pair: city.Pair, file: Path, every: int) -> list[Probe]:
    """What the quick tests play: everything on 18; on others what 18 has not, and one in so many of the rest."""
    probes = [p for p in corpus.read(file) if p.runs_on(pair.major, pair.offers)]
    if pair.major == 18:
        return probes
    return [p for i, p in enumerate(probes) if i % every == 0 or not p.runs_on(18, ())]


@pytest.fixture(scope="session")
def proxy(pair: city.Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """redactor in front of both cities."""
    with through.redactor(pair, tmp_path_factory.mktemp("redactor")) as dsn:
        yield dsn


def _target(pair: city.Pair, name: str, proxy: str | None) -> Target:
    dsn = f"{proxy}/{name}" if proxy else pair.at(name, user="nobody")
    return Target(dsn, pair.at(name), "b" if name == "city_b" else "a", city.newest(pair, name))


def _wrong(findings: list[judge.Finding]) -> str:
    lines = [f"{f.verdict} {f.probe.family}/{f.probe.id}: {f.why[:300]}" for f in findings if f.bad]
    return "\n".join([f"{len(lines)} of {len(findings)} probes", *lines])


LARGE = {"shadow-019", "wire2-087"}
"""Attacks with 100,000 rows and more: the quick tests have others of their kind."""


def _attacks(pair: city.Pair, proxy: str, probes: list[Probe]) -> None:
    a, b = _target(pair, "city_a", proxy), _target(pair, "city_b", proxy)
    with judge.Keeper(pair, ("city_a", "city_b")) as keeper:
        findings = judge.attacks(probes, a, b, keeper, TIMEOUT)
    assert not any(f.unknown for f in findings), _wrong(findings)
    refused = sum(f.verdict == "refused" for f in findings)
    assert 0 < refused < len(findings), "every answer the same: the proxy was not asked"


def _harmless(pair: city.Pair, proxy: str, probes: list[Probe]) -> None:
    direct, indirect = _target(pair, "city_c", None), _target(pair, "city_a", proxy)
    with judge.Keeper(pair, ("city_a", "city_c")) as keeper:
        findings = [judge.harmless(p, direct, indirect, keeper, TIMEOUT) for p in probes]
    assert not any(f.verdict in ("CRASH", "HANG") for f in findings), _wrong(findings)
    assert not [f for f in findings if f.bad], _wrong(findings)


@pytest.mark.parametrize("half", [0, 1])
def test_no_attack_tells_the_cities_apart(pair: city.Pair, proxy: str, half: int) -> None:
    probes = [p for p in _part(pair, corpus.ATTACKS, 6) if p.id not in LARGE]
    _attacks(pair, proxy, probes[half::2])


PLAIN = {"apps": 3, "errs": 3, "sessions": 3, "breadth": 10, "work": 10, "orm": 6}
"""Families of harmless work of which the quick tests play one in so many."""


def test_harmless_work_goes_on(pair: city.Pair, proxy: str) -> None:
    probes = [p for i, p in enumerate(_part(pair, corpus.HARMLESS, 4)) if i % PLAIN.get(p.family, 1) == 0]
    _harmless(pair, proxy, probes)


REFUSED_TO_ALL = re.compile(
    r"identity-0(14|15|19|20|21)|wire-0(12|13|23|24|27|28|29|30|33|36|37|38|41|42|45|46)|error-030"
    r"|wire2-0(39|4[0-9]|5[0-25-9]|6[0-9]|7[0-9])|wire2-083"
    r"|(heap-order|kept-order|with-order|first-met|lying|lying-below|returned)-[0-9]+|write-order-009|people-056|outside-001|function-075|wire-0(22|34)|wire2-015|statistics-038"
)
"""Sent by other logins, as no client sends it (an error says so and the session ends), a clock's answer, or what
two databases made alike do not agree on for long: where rows lie, numbers of objects, their names, a lock that the
reading of a catalog holds for a moment. An unknown version of the protocol is answered with our own range of it; a
server that was built with GSSAPI waits for what no client of ours sends."""

LIES = re.compile(r"heap-order-[0-9]+")
"""What shows where rows lie: two equal cities do so alike only when they are fresh."""


def _approved(pair: city.Pair, proxy: str, every: int) -> None:
    """Who is approved for everything gets what a direct connection gives, of the attacks too, errors included."""
    direct, indirect = _target(pair, "city_c", None), _target(pair, "city_a", proxy)
    probes = [
        p for f in (corpus.HARMLESS, corpus.ATTACKS) for p in corpus.read(f) if p.runs_on(pair.major, pair.offers)
    ]
    findings = []
    with judge.Keeper(pair, ("city_a", "city_c")) as keeper:
        for p in probes[::every]:
            if not REFUSED_TO_ALL.fullmatch(p.id):
                steps = json.loads(json.dumps(p.steps).replace('"user": "desk"', '"user": "counsel"'))
                mine = replace(p, as_="counsel", steps=tuple(steps), error=True)
                findings.append(judge.harmless(mine, direct, indirect, keeper, TIMEOUT))
    assert not [f for f in findings if f.bad], _wrong(findings)


def test_an_approved_login_is_answered_as_directly(pair: city.Pair, proxy: str) -> None:
    _approved(pair, proxy, 30 if pair.major == 18 else 90)


@pytest.mark.slow
def test_an_approved_login_is_answered_as_directly_in_all(pair: city.Pair, proxy: str) -> None:
    _approved(pair, proxy, 1)


@pytest.mark.slow
def test_every_probe_on_every_server(pair: city.Pair, proxy: str) -> None:
    _attacks(pair, proxy, [p for p in corpus.read(corpus.ATTACKS) if p.runs_on(pair.major, pair.offers)])
    _harmless(pair, proxy, [p for p in corpus.read(corpus.HARMLESS) if p.runs_on(pair.major, pair.offers)])


@pytest.mark.slow
def test_every_attack_is_real(pair: city.Pair) -> None:
    """Straight at the databases each of them does tell them apart (but `robust` ones), and two equal cities no one."""
    a, b, c = (_target(pair, n, None) for n in ("city_a", "city_b", "city_c"))
    probes = [p for p in corpus.read(corpus.ATTACKS) if p.tier != "robust" and p.runs_on(pair.major, pair.offers)]
    with judge.Keeper(pair, ("city_a", "city_b"), strict=True) as keeper:
        dull = [p.id for p in probes if judge.attack(p, a, b, keeper, TIMEOUT).verdict != "LEAK"]
    assert not dull
    noisy = []
    with judge.Keeper(pair, ("city_a", "city_c")) as keeper:
        for p in probes:
            if LIES.fullmatch(p.id):
                keeper.restore()
            if p.id not in CLOCK:
                noisy.append(judge.attack(p, a, c, keeper, TIMEOUT, searched=False))
    noisy = [f for f in noisy if f.verdict == "LEAK"]  # that a server breaks off is its own affair
    assert not noisy, _wrong(noisy)


@pytest.mark.slow
def test_a_short_campaign_finds_nothing_new(pair: city.Pair, proxy: str) -> None:
    """And straight at the databases it finds something at once: it is not blind."""
    bare = [_target(pair, n, None) for n in ("city_a", "city_b")]
    assert campaign.run(pair, bare, 20, 1, canaries=True, most=3).findings
    through_proxy = [_target(pair, n, proxy) for n in ("city_a", "city_b")]
    findings = campaign.run(pair, through_proxy, 60, 2, canaries=True, most=3).findings
    # which row a write to such a table meets first is known (the probes marked `open`)
    known = ("court.stops", "court.arrests", "court.bonds")
    writes = [f for f in findings if any(s.startswith(("UPDATE", "DELETE", "MERGE")) for s in f)]
    assert [f for f in findings if f not in writes or not any(k in s for k in known for s in f)] == []
