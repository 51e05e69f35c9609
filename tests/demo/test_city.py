"""The sample city: big enough, the same each time, and reviewed to the last column."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import asyncpg
import pytest

from redactor import policy, review
from redactor.demo import city
from redactor.demo.cluster import Cluster, running

SHIPPED = files("redactor.demo").joinpath("files")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    # PostgreSQL runs under another account when the tests run as root, and pytest's directories are ours alone.
    import shutil
    import tempfile

    place = Path(tempfile.mkdtemp(prefix="redactor-city-"))
    try:
        with running(place) as c:
            asyncio.run(city.build(c))
            yield c
    finally:
        shutil.rmtree(place, ignore_errors=True)


async def rows(cluster: Cluster, sql: str, login: str = "postgres") -> list[asyncpg.Record]:
    password = cluster.password if login == "postgres" else login
    connection = await asyncpg.connect(cluster.url(login, password, city.DATABASE))
    try:
        return await connection.fetch(sql)
    finally:
        await connection.close()


COLUMNS = """
SELECT n.nspname || '.' || c.relname AS relation, array_agg(a.attname::text ORDER BY a.attnum) AS columns
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
 GROUP BY 1
"""


async def test_size(cluster: Cluster) -> None:
    tables = await rows(cluster, "SELECT schemaname, n_live_tup FROM pg_stat_user_tables")
    assert len(tables) >= 12
    assert len({t["schemaname"] for t in tables}) >= 4
    assert sum(t["n_live_tup"] for t in tables) >= 50_000


async def test_the_same_each_time(cluster: Cluster) -> None:
    """A change of the city is deliberate: whoever makes one changes this digest."""
    everybody = "SELECT md5(string_agg(r::text, '|' ORDER BY resident_id)) AS digest FROM residents r"
    (found,) = await rows(cluster, everybody)
    assert found["digest"] == "7fdf05fa26d0ec2309011ec2c8af12ae"


async def test_the_catalog_file_lists_every_column(cluster: Cluster) -> None:
    reviewed = review.parse(SHIPPED.joinpath("city.yaml").read_text(), "city.yaml")
    in_file = {str(name): list(r.columns) for name, r in reviewed.relations.items()}
    in_database = {r["relation"]: r["columns"] for r in await rows(cluster, COLUMNS)}
    assert in_file == in_database


def test_every_tag_has_a_rule() -> None:
    reviewed = review.parse(SHIPPED.joinpath("city.yaml").read_text(), "city.yaml")
    rules = policy.parse(SHIPPED.joinpath("policy.yaml").read_text(), "policy.yaml")
    tags = {t for r in reviewed.relations.values() for t in (*r.tags, *(t for c in r.columns.values() for t in c))}
    assert tags
    assert [t for t in tags if not rules.rules_for(t)] == []


def test_who_may_see() -> None:
    rules = policy.parse(SHIPPED.joinpath("policy.yaml").read_text(), "policy.yaml")
    caseworker = rules.roles_of("caseworker", ["city_staff", "benefits_staff"])
    clerk = rules.roles_of("clerk", ["city_staff"])
    assert rules.ruling(["status", "document.a_number", "programme.refugee"], caseworker) is None
    assert rules.ruling(["trace.address"], clerk) is None
    assert rules.ruling(["status"], clerk) is not None
    assert rules.ruling(["programme.refugee"], clerk) is not None


@pytest.mark.parametrize("login", ["clerk", "caseworker", "redactor"])
async def test_logins_need_their_password(cluster: Cluster, login: str) -> None:
    assert await rows(cluster, "SELECT 1", login)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(cluster.url(login, "wrong", city.DATABASE))


async def test_the_proxys_own_login_reads_no_resident(cluster: Cluster) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await rows(cluster, "SELECT * FROM residents", "redactor")
