"""The sample city: makes its tables and people in an empty server. Knows the SQL file and asyncpg, not redactor.

The rows are computed by the server itself (generate_series and md5), so that two cities are the same, byte for byte.
"""

from __future__ import annotations

from importlib.resources import files

import asyncpg  # type: ignore[import-untyped]

from redactor.demo.cluster import Cluster

DATABASE = "city"


async def build(cluster: Cluster) -> int:
    """Make the database `city`; gives the number of rows in it. Takes a few seconds."""
    admin = await asyncpg.connect(cluster.url("postgres", cluster.password, "postgres"))
    try:
        await admin.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await admin.close()
    city = await asyncpg.connect(cluster.url("postgres", cluster.password, DATABASE))
    try:
        await city.execute(files("redactor.demo").joinpath("files", "city.sql").read_text())
        await city.execute("VACUUM ANALYZE")
        return int(await city.fetchval("SELECT sum(n_live_tup) FROM pg_stat_user_tables"))
    finally:
        await city.close()
