"""What a running service tells its monitoring: each part's figures put together.

Knows which part counts what. Must not count anything itself. Invariant: asking changes nothing and waits for nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from redactor.cli.publishing import Published
from redactor.config import Address
from redactor.metrics import DatabaseFigures, Endpoint, Figures, render
from redactor.proxy import Proxy
from redactor.store import Log
from redactor.tally import Pace


@asynccontextmanager
async def answering(
    address: Address,
    proxy: Proxy,
    log: Log,
    published: Mapping[str, Published],
    paces: Mapping[str, Pace],
    expiries: Callable[[], Mapping[str, float]],
) -> AsyncIterator[Endpoint]:
    """An endpoint that answers while the body runs. OSError where the address cannot be had."""

    def figures() -> bytes:
        databases = {name: _of_database(one, paces[name]) for name, one in published.items()}
        return render(Figures(proxy.counters, log.health(), log.logged, databases, expiries()))

    def problem() -> str:
        return "" if log.health().ok else "the audit log cannot be written: what must be logged is refused"

    endpoint = Endpoint(figures, problem)
    await endpoint.listen(address)
    try:
        yield endpoint
    finally:
        await endpoint.close()


def _of_database(published: Published, pace: Pace) -> DatabaseFigures:
    differs = published.differences
    return DatabaseFigures(
        pace,
        (len(differs.unreviewed_relations), len(differs.unreviewed_columns)),
        (len(differs.vanished_relations), len(differs.vanished_columns)),
        published.read_at,
        published.reachable,
    )
