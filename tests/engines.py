"""An engine over a schema of a test's own, read from a real server."""

from __future__ import annotations

from redactor import policy, review
from redactor.engine import Engine
from redactor.upstream import connect, read_catalog
from tests.servers import Server


async def engine_of(server: Server, script: str, reviewed: str, rules: str, afterwards: str = "") -> Engine:
    """`script` makes the schema in the database `postgres`; `afterwards` is run when it has been read."""
    connection = await connect(server.dsn())
    try:
        await connection.execute(script)
        catalog = await read_catalog(connection, "postgres")
    finally:
        if afterwards:
            await connection.execute(afterwards)
        await connection.close()
    return Engine(catalog, policy.parse(rules, "policy.yaml"), review.parse(reviewed, "catalog.yaml"))
