"""What is published follows the database and the files, and survives the database's absence."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import pytest

from redactor import policy, review
from redactor.catalog import UNREAD, Catalog
from redactor.cli import reading
from redactor.cli.publishing import Published
from redactor.config import Database, Upstream
from redactor.context import Context
from redactor.decision import Allow, Decision
from redactor.errors import UpstreamError
from redactor.model import Footprint, Problem, RelationName, Requester
from redactor.policy import Policy
from redactor.review import Review
from tests.servers import Server

POLICY = policy.parse("name: one\nroles: {}\nrules: []\n", "policy.yaml")
OTHER_POLICY = policy.parse("name: two\nroles: {}\nrules: []\n", "policy.yaml")
REVIEW = review.parse("database: shop\nrelations: {}\n", "shop.yaml")


@dataclass(frozen=True)
class Judged:
    """A judge that remembers what it was made of."""

    catalog: Catalog
    policy: Policy
    review: Review
    snapshot: str = "none"

    def begin(self, requester: Requester, parameters: Mapping[str, str], search_path: str | None) -> Context | Problem:
        return Context.start(requester.login)

    def decide(self, requester: Requester, context: Context, text: str) -> Decision:
        return Allow(Footprint())

    def exempt(self, requester: Requester) -> bool:
        return True

    def forbidden(self, requester: Requester) -> frozenset[tuple[int, int]]:
        return frozenset()

    def knows(self, relation: int, number: int) -> bool:
        return True

    def tells(self, requester: Requester, sqlstate: str, relation: RelationName, detail: str) -> bool:
        return False


@pytest.fixture
async def shop(postgres18: Server) -> AsyncIterator[str]:
    admin = await asyncpg.connect(postgres18.dsn())
    await admin.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)")
    await admin.execute("CREATE DATABASE shop")
    try:
        yield postgres18.dsn("shop")
    finally:
        await admin.execute("DROP DATABASE shop WITH (FORCE)")
        await admin.close()


def published(url: str) -> Published:
    upstream = Upstream("127.0.0.1", 0, "postgres", "shop", url=url)
    return Published(Database("shop", upstream, Path("shop.yaml")), POLICY, REVIEW, Judged)


def has(p: Published, name: str) -> bool:
    judge = p.current()
    assert isinstance(judge, Judged)
    return judge.catalog.relation(RelationName("public", name)) is not None


async def run(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()


async def test_refresh_sees_what_was_committed_before(shop: str) -> None:
    p = published(shop)
    await p.refresh()
    assert not has(p, "till")
    await run(shop, "CREATE TABLE till (id int)")
    assert not has(p, "till")
    await p.refresh()
    assert has(p, "till")
    await p.close()


async def test_many_who_ask_at_once_share_readings_and_none_gets_an_old_one(shop: str) -> None:
    p = published(shop)
    made = 0

    def make(catalog: Catalog, rules: Policy, reviewed: Review) -> Judged:
        nonlocal made
        made += 1
        return Judged(catalog, rules, reviewed)

    p = Published(p.database, POLICY, REVIEW, make)
    await p.refresh()
    made = 0

    async def change(n: int) -> None:
        await run(shop, f"CREATE TABLE shelf_{n} (id int)")
        await p.refresh()
        assert has(p, f"shelf_{n}")

    await asyncio.gather(*(change(n) for n in range(12)))
    assert 1 <= made < 12
    await p.close()


async def test_the_edition_is_turned_whenever_answers_change(shop: str) -> None:
    p = published(shop)
    seen = [p.edition.of]
    await p.refresh()
    seen.append(p.edition.of)
    p.outdate()
    seen.append(p.edition.of)
    await p.catch_up()
    seen.append(p.edition.of)
    await p.replace(OTHER_POLICY, REVIEW)
    seen.append(p.edition.of)
    await p.close()
    assert len({id(of) for of in seen}) == len(seen)


async def test_what_somebody_has_locked_is_read_when_it_is_free(shop: str) -> None:
    p = published(shop)
    await run(shop, "CREATE TABLE till (id int DEFAULT 7)")
    await p.refresh()
    holder = await asyncpg.connect(shop)
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute("LOCK TABLE till")
    await run(shop, "CREATE TABLE shelf (id int)")
    await p.refresh()
    assert has(p, "shelf")
    assert default_of(p, "till") == UNREAD
    watching = asyncio.create_task(p.watch(every=0.05))
    try:
        before = p.read_at
        await asyncio.sleep(0.5)
        assert p.read_at == before
        await transaction.rollback()
        async with asyncio.timeout(20):
            while default_of(p, "till") != "7":  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.02)
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
    await holder.close()
    await p.close()


def default_of(p: Published, name: str) -> str | None:
    judge = p.current()
    assert isinstance(judge, Judged)
    found = judge.catalog.relation(RelationName("public", name))
    assert found is not None
    return found.columns[0].default


async def test_watch_notices_changes_made_elsewhere(shop: str) -> None:
    p = published(shop)
    await p.refresh()
    watching = asyncio.create_task(p.watch(0.05))
    await run(shop, "CREATE TABLE behind_our_back (id int)")
    async with asyncio.timeout(10):
        while not has(p, "behind_our_back"):  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.02)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    await p.close()


async def test_other_files_are_in_force_after_replace(shop: str) -> None:
    p = published(shop)
    await p.refresh()
    await p.replace(OTHER_POLICY, REVIEW)
    judge = p.current()
    assert isinstance(judge, Judged)
    assert judge.policy.name == "two"
    await p.close()


async def test_without_the_database_the_old_judge_stays_and_new_files_still_count(shop: str) -> None:
    p = published(shop)
    await run(shop, "CREATE TABLE till (id int)")
    await p.refresh()
    await p.close()
    p.database = replace(p.database, upstream=replace(p.database.upstream, url="postgresql://x@127.0.0.1:1/shop"))
    with pytest.raises(UpstreamError):
        await p.refresh()
    assert has(p, "till")
    with pytest.raises(UpstreamError):
        await p.replace(OTHER_POLICY, REVIEW)
    judge = p.current()
    assert isinstance(judge, Judged)
    assert judge.policy.name == "two"


async def test_no_judge_without_a_first_reading() -> None:
    p = published("postgresql://x@127.0.0.1:1/shop")
    with pytest.raises(UpstreamError, match=r"127\.0\.0\.1:1/shop"):
        await p.refresh()


async def test_what_is_outdated_is_caught_up_with_by_whoever_waits_and_by_itself(shop: str) -> None:
    p = published(shop)
    await p.refresh()
    assert p.settled()
    for n in range(20):
        await run(shop, f"CREATE TABLE drawer_{n} (id int)")
        p.outdate()
        assert not p.settled()
    began = p.read_at
    await p.catch_up()
    assert p.settled()
    assert has(p, "drawer_19")
    assert p.read_at > began
    await run(shop, "CREATE TABLE drawer_20 (id int)")
    p.outdate()
    async with asyncio.timeout(20):
        while not p.settled():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.02)
    assert has(p, "drawer_20")
    await p.close()


async def test_what_cannot_be_caught_up_with_is_not_settled(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    p = published(shop)
    await p.refresh()

    async def fails(*_: object) -> Catalog:
        raise UpstreamError("the database is away")

    with monkeypatch.context() as away:
        away.setattr(reading, "read", fails)
        p.outdate()
        with pytest.raises(UpstreamError):
            await p.catch_up()
        assert not p.settled()
    await p.catch_up()
    assert p.settled()
    await p.close()
