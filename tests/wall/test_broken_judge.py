"""With the decision deliberately broken (everything allowed), the second wall alone: no hidden value comes out.

The attacks are those of tests/noninterference that show a protected value on a bare server. Left out, by name: what
the owner of the tables or a superuser does, since no grant binds them (`redactor doctor` says so of both), what code of
the database does when somebody else writes, and two whose answers differ only in the order of open rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import servers
from tests.noninterference import city, corpus, judge
from tests.noninterference.corpus import Probe
from tests.noninterference.play import Target
from tests.servers import Server
from tests.wall import broken

OWNER = "steward"
OWNERS = (OWNER, "builder")
"""steward, and who is a member of it."""
EXEMPT = {
    "identity-015": "logs in as the superuser",
    "function-075": "database_to_xml gives open rows in the order in which they lie",
    "statistics-001": "two rows of pg_stats about the same open column come in the order in which they lie",
}
SET_OFF = {
    "heard": "a trigger announces what another login writes",
    "fed": "a trigger or rule copies what another login writes into an open table",
    "event": "a superuser's event trigger says what it reads",
}
"""Families that no grant to the requester bears on."""
WAITS = {"prepare-033": "waits for a reply that an error takes the place of"}


def attacks(pair: city.Pair) -> list[Probe]:
    return [
        p
        for p in corpus.read(corpus.ATTACKS)
        if p.tier == "value"
        and p.as_ not in OWNERS
        and p.id not in EXEMPT
        and p.family not in SET_OFF
        and p.runs_on(pair.major, pair.offers)
    ]


@pytest.fixture(scope="module", params=[18, 15], ids=["postgres18", "postgres15"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A cluster of its own: the cities and their roles are made once in a cluster."""
    binaries = servers.embedded(18) if request.param == 18 else servers.installed(15)
    if binaries is None:
        pytest.skip(f"PostgreSQL {request.param} is not installed")
    with servers.cluster(binaries) as made:
        yield made


@pytest.fixture(scope="module")
def pair(server: Server) -> city.Pair:
    made = city.build(server.dsn())
    broken.harden(made, server)
    return made


def play(pair: city.Pair, server: Server, probes: list[Probe]) -> list[judge.Finding]:
    with judge.Keeper(pair, broken.SIDES) as keeper, broken.proxy(server) as dsn:
        a, b = (
            Target(f"{dsn}/{n}", pair.at(n), "b" if n == "city_b" else "a", city.newest(pair, n)) for n in broken.SIDES
        )
        return [judge.attack(p, a, b, keeper, 3 if p.id in WAITS else 10) for p in probes]


def check(findings: list[judge.Finding]) -> None:
    told = [f"{f.probe.id}: {f.why[:200]}" for f in findings if f.verdict == "LEAK"]
    assert not told, "\n".join([f"{len(told)} of {len(findings)}", *told])
    broke = [f.probe.id for f in findings if f.bad and f.verdict != "LEAK" and f.probe.id not in WAITS]
    assert not broke


def test_one_attack_in_25(pair: city.Pair, server: Server) -> None:
    check(play(pair, server, attacks(pair)[::25]))


@pytest.mark.slow
def test_every_attack(pair: city.Pair, server: Server) -> None:
    probes = attacks(pair)
    assert len(probes) > 500
    check(play(pair, server, probes))


def test_without_the_wall_the_same_attacks_show_values(pair: city.Pair, server: Server) -> None:
    """That the broken judge really allows everything: the owner, whom no grant binds, sees what is there."""
    owners = [p for p in corpus.read(corpus.ATTACKS) if p.id in ("identity-001", "identity-002")]
    assert [p.as_ for p in owners] == [OWNER, OWNER]
    assert [f.verdict for f in play(pair, server, owners)] == ["LEAK", "LEAK"]
