"""Orders in the store: every step in the log first, rows counted once whoever counts, ids gone in the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from redactor.audit.formats import FORMATS
from redactor.effects import Spend
from redactor.errors import LogUnavailable
from redactor.model import Grant, Requester
from redactor.orders.life import Actor, Approved, Closed, NotAllowed, Reviewed, Revoked
from redactor.orders.order import State
from redactor.store import Log, Reader
from redactor.store.database import Database
from redactor.store.orders import Desk, Tills
from tests.orders.papers import COUNSEL, NOW, OPERATOR, STEWARD, demand
from tests.orders.test_life import DANGER
from tests.servers import Server

OFFICER = Requester("officer", "city", frozenset(), "10.0.0.1")


@dataclass
class Office:
    """A store, a desk on it and the log that both write, closed for `entries`."""

    directory: Path
    url: str
    database: Database
    now: list[float]
    noted: list[Any]
    down: bool = False

    def note(self, closed: Any) -> None:
        if self.down:
            raise LogUnavailable("the log cannot be written")
        self.noted.append(closed)

    async def note_async(self, closed: Any) -> None:
        self.note(closed)

    @property
    def desk(self) -> Desk:
        return Desk(self.database, self.note, lambda: self.now[0])

    def tills(self, turned: Callable[[], None] = lambda: None) -> Tills:
        return Tills(self.database, self.note_async, turned)

    def approved(self, id: str = "o-1", **changes: Any) -> None:
        self.desk.enter(id, demand(**changes), {"steward"})
        self.desk.take(id, Approved("counsel"), COUNSEL)
        self.desk.take(id, Approved("operator"), OPERATOR)

    def steps(self) -> list[str]:
        """The entries that were noted, written to the log, read back and verified by their proofs."""

        async def write() -> None:
            log = await Log.open(self.url, self.directory)
            for closed in self.noted:
                await log.note(closed)
            await log.close()

        asyncio.run(write())
        with Reader(self.url, self.directory) as reader:
            found = [e.value for e in reader.select(newest=False)]
        assert all(v["kind"] == "order" for v in found)
        assert "zyzzyva" not in json.dumps(found)
        return [v["step"] for v in found]


@pytest.fixture(params=["sqlite", "postgresql"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    url = f"sqlite:///{tmp_path}/redactor.db"
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgres18")
        with psycopg.connect(server.dsn(), autocommit=True) as c:
            c.execute("DROP DATABASE IF EXISTS orders_store WITH (FORCE)")
            c.execute("CREATE DATABASE orders_store")
        url = server.dsn("orders_store")
    database = Database(url, create=True)
    database.migrate()
    yield Office(tmp_path, url, database, [NOW], [])
    database.close()


def spend(rows: int, at: float = NOW + 5, order: str = "o-1", who: Requester = OFFICER) -> Spend:
    return Spend(order, who, rows, "d-1", at)


def test_every_step_is_an_entry(office: Office) -> None:
    office.approved()
    tills = office.tills()
    assert asyncio.run(tills.spend(spend(2))) is None
    assert asyncio.run(tills.spend(spend(3))) is None
    office.desk.take("o-1", Closed(), STEWARD)
    assert office.steps() == ["received", "approved", "approved", "used", "used", "used up", "closed"]


def test_the_demand_is_sealed_for_the_auditor_only(office: Office) -> None:
    scope = {
        "database": "city",
        "login": "officer",
        "rows": 5,
        "tables": {"public.people": {"columns": {"status": "the words"}, "key": "id", "ids": ["zyzzyva-canary"]}},
    }
    office.desk.enter("o-1", demand(scope=scope), {"steward"})
    assert office.steps() == ["received"]
    assert b"zyzzyva" not in b"".join(p.read_bytes() for p in office.directory.glob("checkpoints*"))


def test_what_cannot_be_logged_is_not_done(office: Office) -> None:
    office.approved()
    office.down = True
    with pytest.raises(LogUnavailable):
        office.desk.take("o-1", Revoked("quashed"), COUNSEL)
    with pytest.raises(LogUnavailable):
        asyncio.run(office.tills().spend(spend(1)))
    office.down = False
    assert office.desk.find("o-1").state is State.APPROVED
    assert office.desk.find("o-1").used == 1  # counted, though none was shown


def test_rows_are_counted_in_the_store(office: Office) -> None:
    office.approved()
    one, other = office.tills(), office.tills()

    async def both() -> list[Any]:
        return await asyncio.gather(*[t.spend(spend(2)) for t in (one, other, one, other)])

    answers = asyncio.run(both())
    assert sum(a is None for a in answers) == 2
    assert all("more rows than the 1" in a.message for a in answers if a is not None)
    assert office.desk.find("o-1").used == 4
    assert [u.rows for u in office.desk.uses("o-1")] == [2, 2]


@pytest.mark.parametrize(
    "wrong",
    [
        spend(1, order="o-2"),
        spend(1, who=Requester("other", "city")),
        spend(1, who=Requester("officer", "elsewhere")),
        spend(1, at=NOW + 73 * 3600),
        spend(6),
    ],
)
def test_what_is_not_its_own_is_not_counted(office: Office, wrong: Spend) -> None:
    office.approved()
    assert asyncio.run(office.tills().spend(wrong)) is not None
    assert office.desk.find("o-1").used == 0


def test_the_proxy_sees_what_is_approved_and_the_same_while_nothing_changes(office: Office) -> None:
    turned: list[tuple[Grant, ...]] = []
    tills = office.tills(lambda: turned.append(tills.grants_of("city", "officer")))
    office.desk.enter("o-1", demand(), {"steward"})
    office.desk.take("o-1", Approved("counsel"), COUNSEL)
    asyncio.run(tills.look())
    assert tills.grants_of("city", "officer") == ()
    office.desk.take("o-1", Approved("steward"), STEWARD)
    asyncio.run(tills.look())
    first = tills.grants_of("city", "officer")
    assert [g.id for g in first] == ["o-1"]
    assert tills.grants_of("elsewhere", "officer") == ()
    asyncio.run(tills.spend(spend(1)))
    asyncio.run(tills.look())
    assert tills.grants_of("city", "officer") is first
    office.desk.take("o-1", Revoked("quashed"), COUNSEL)
    asyncio.run(tills.look())
    assert tills.grants_of("city", "officer") == ()
    assert (turned[-2], turned[-1]) == (first, ()), "those who remember an answer are told when it changes"


def test_of_two_at_once_one_step_is_taken(office: Office) -> None:
    office.desk.enter("o-1", demand(), {"steward"})

    class Slow(Desk):
        def find(self, id: str) -> Any:
            found = super().find(id)
            office.desk.take(id, Approved("operator"), OPERATOR)
            return found

    with pytest.raises(NotAllowed, match="meanwhile"):
        Slow(office.database, office.note, lambda: NOW).take("o-1", Approved("steward"), STEWARD)
    assert [a.by for a in office.desk.find("o-1").approvals] == ["olga"]
    assert office.steps() == ["received", "approved", "approved", "not taken"]


def test_time_over_is_an_entry_too(office: Office) -> None:
    office.approved()
    office.desk.settle()
    office.now[0] = NOW + 73 * 3600
    office.desk.settle()
    office.desk.settle()
    assert office.desk.find("o-1").state is State.EXPIRED
    assert office.steps().count("expired") == 1


def test_the_proxy_notes_it_once_too(office: Office) -> None:
    office.approved()
    one, other = office.tills(), office.tills()

    async def settle(at: float) -> None:
        for t in (one, other):
            await t.look()
        for t in (one, other):
            await t.settle(at)

    asyncio.run(settle(NOW + 3600))
    assert office.desk.find("o-1").state is State.APPROVED
    asyncio.run(settle(NOW + 73 * 3600))
    assert office.desk.find("o-1").state is State.EXPIRED
    assert one.grants_of("city", "officer") == ()
    assert office.steps().count("expired") == 1


def test_who_looks_whom_it_names_is_logged(office: Office) -> None:
    office.desk.enter("o-1", demand(), {"steward"})
    scope = office.desk.people("o-1", COUNSEL).demand.scope
    assert scope is not None
    assert [o.keys for o in scope.openings] == [frozenset({"2", "4"})]
    with pytest.raises(NotAllowed):
        office.desk.people("o-1", Actor("nobody"))
    assert office.steps() == ["received", "people seen"]


def test_an_emergency_is_told_to_the_others(office: Office) -> None:
    office.desk.enter("o-1", demand(**DANGER), {"steward"})
    office.desk.take("o-1", Approved("operator"), OPERATOR)
    assert office.desk.told({"counsel"}) == office.desk.told({"steward", "auditor"}) == ["o-1"]
    assert office.desk.told({"operator"}) == []
    office.desk.seen("o-1", COUNSEL)
    assert office.desk.told({"counsel"}) == []
    assert office.desk.told({"steward"}) == ["o-1"]
    office.desk.take("o-1", Reviewed("it was one"), COUNSEL)
    assert office.steps() == ["received", "approved", "notice", "notice", "notice", "seen", "reviewed"]


def test_closing_deletes_the_ids(office: Office) -> None:
    office.approved()
    office.desk.take("o-1", Revoked("done"), COUNSEL)
    office.desk.take("o-1", Closed(), COUNSEL)
    stored = office.database.call(lambda c: c.exec_driver_sql("SELECT record FROM orders").scalar())
    assert json.loads(str(stored))["demand"]["scope"]["openings"][0]["keys"] == []


def test_only_those_who_may_enter(office: Office) -> None:
    with pytest.raises(NotAllowed):
        office.desk.enter("o-1", demand(), {"operator"})
    with pytest.raises(NotAllowed):
        office.desk.find("o-1")
    refused = office.desk.enter("o-2", demand(instrument="order of an immigration judge"), {"counsel"})
    assert refused.state is State.REFUSED
    assert office.desk.all((State.REFUSED,)) == [refused]
    assert office.steps() == ["received", "refused"]


def test_a_step_of_nobody(office: Office) -> None:
    with pytest.raises(NotAllowed, match="no disclosure order"):
        office.desk.take("o-9", Approved("counsel"), Actor("x"))


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_its_entries_can_be_forwarded_in_every_format(office: Office) -> None:
    office.desk.enter("o-1", demand(**DANGER), {"steward"})
    office.desk.take("o-1", Approved("operator"), OPERATOR)
    office.steps()
    with Reader(office.url, office.directory) as reader:
        leaves = [e.value for e in reader.select(newest=False)]
    for made in FORMATS.values():
        told = [made.event(leaf) for leaf in leaves]
        assert all("\n" not in line for line in told)
        assert made.bundle(leaves)
    assert "disclosure order: notice" in FORMATS["cef"].event(leaves[-1])
