"""Port Almer behind the second wall, and a proxy in front of it whose decision is deliberately broken.

Knows how to harden the cities' templates, so that every restored city has the wall, and a judge that allows everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from redactor import policy, review, upstream
from redactor.config import Upstream
from redactor.context import Context
from redactor.decision import Allow, Decision
from redactor.engine import Engine
from redactor.model import Footprint, Problem, Requester
from redactor.wall import plan, statements
from redactor.wall.limits import Limits
from redactor.wall.reading import read_holdings
from tests.noninterference import city
from tests.noninterference.through import configure, redactor
from tests.proxy.running import running
from tests.servers import Server

TEMPLATES = ("city_a_tpl", "city_b_tpl")
SIDES = ("city_a", "city_b")


class AllowsEverything:
    """A judge that has gone wrong in every way: nothing is hidden, rewritten, refused or watched on the way back."""

    snapshot = "broken"

    def begin(self, requester: Requester, parameters: Mapping[str, str], search_path: str | None) -> Context | Problem:
        return Context.start(requester.login)

    def decide(self, requester: Requester, context: Context, text: str) -> Decision:
        return Allow(Footprint())

    def exempt(self, requester: Requester) -> bool:
        return True

    def forbidden(self, requester: Requester) -> frozenset[tuple[int, int]]:
        return frozenset()


async def _wall(dsn: str, catalog_file: str, policy_file: str) -> str:
    connection = await upstream.connect(dsn)
    try:
        catalog = await upstream.read_catalog(connection, "city_a")
        holdings = await read_holdings(connection)
    finally:
        await connection.close()
    engine = Engine(catalog, policy.parse(policy_file, "policy.yaml"), review.parse(catalog_file, "city.yaml"))
    return statements.harden(plan.make(Limits(engine), holdings), "city_a", engine.snapshot)


def harden(pair: city.Pair, server: Server) -> None:
    """Puts the wall up in the templates, and in the cities made from them."""
    directory = server.directory
    configure(pair, directory, 0)
    files = (directory / "city_a.yaml").read_text(), (directory / "policy.yaml").read_text()
    for name in TEMPLATES:
        text = asyncio.run(_wall(server.dsn(name), *files))
        with psycopg.connect(pair.at(name), autocommit=True) as c:
            c.execute(text.encode())
    for name in SIDES:
        city.restore(pair, name)


@contextmanager
def proxy(server: Server) -> Iterator[str]:
    """The broken proxy; gives its DSN without a database."""
    places = {n: Upstream("127.0.0.1", server.port, "redactor", n) for n in SIDES}
    with running(server, AllowsEverything(), wrap=lambda s: replace(s, databases=places)) as made:  # type: ignore[arg-type]
        yield f"postgresql://127.0.0.1:{made.port}"


def _url(pair: city.Pair, name: str) -> str:
    to = conninfo_to_dict(pair.server)
    return f"postgresql://postgres@{to['host']}:{to['port']}/{name}"


@contextmanager
def walled(pair: city.Pair, directory: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """redactor as it runs, in front of city_a: its DSN, and what puts the wall up in city_a alone."""
    with redactor(pair, directory) as dsn:
        files = (directory / "city_a.yaml").read_text(), (directory / "policy.yaml").read_text()
        text = asyncio.run(_wall(_url(pair, "city_a"), *files))

        def harden_one() -> None:
            with psycopg.connect(pair.at("city_a"), autocommit=True) as c:
                c.execute(text.encode())

        yield dsn, harden_one
