"""Disclosure orders as the store keeps them: entered, stepped through, counted against, and offered to the proxy.

Knows the tables, the log's entries and the orders' life. Must not know who a person is, nor statements. Invariants: a
step is an entry of the log, durable, before it holds; rows are counted in the store's own transaction, so that no two
nodes spend the same row twice, and the count is an entry before any row leaves; ids of people go when it is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from redactor.audit.entry import Closed as ClosedEntry
from redactor.audit.entry import Draft, order_step, time_text
from redactor.effects import Spend
from redactor.errors import LogUnavailable
from redactor.model import Grant, Problem
from redactor.orders import form, life, report
from redactor.orders.life import Actor, Expired, NotAllowed, Step
from redactor.orders.order import Demand, Order, State, grant_of
from redactor.orders.report import Usage
from redactor.store.database import Database
from redactor.store.tables import order_notices as notices
from redactor.store.tables import order_uses as uses
from redactor.store.tables import orders

LOOK_SECONDS = 1.0
"""From one look at the store for what other processes approved or revoked to the next."""

Note = Callable[[ClosedEntry | Draft], None]
NoteAsync = Callable[[ClosedEntry | Draft], Awaitable[None]]


class Desk:
    """Where people enter orders and take steps. Blocking: call it from a thread.

    `note` returns when an entry of the log is durable. LogUnavailable where it, or the store, is down; NotAllowed
    where a step may not be taken.
    """

    def __init__(self, database: Database, note: Note, clock: Callable[[], float]) -> None:
        self._database, self._note, self._clock = database, note, clock

    def enter(self, id: str, demand: Demand, roles: Iterable[str]) -> Order:
        """A demand has come in. The whole of it goes into the log, sealed; a refused one at once says why."""
        order = life.receive(id, demand)
        at, roles = demand.received_at, frozenset(roles)
        if not roles & set(life.ENTERERS):
            raise NotAllowed("that takes one of the roles counsel, steward")
        self._note(order_step(at, id, "received", demand.received_by, roles, _about(order), form.write(order)))
        if order.state is State.REFUSED:
            self._note(order_step(at, id, "refused", life.SYSTEM, (), {**_about(order), "because": order.because}))
        self._database.call(lambda c: c.execute(insert(orders).values(**_row(order))), write=True)
        return order

    def take(self, id: str, step: Step, actor: Actor) -> Order:
        """Take a step: an entry first, then it holds."""
        before = self.find(id)
        at = self._clock()
        order = life.after(before, step, actor, at)
        for taken in order.history[len(before.history) :]:
            about = {**_about(order), "because": taken.because}
            self._note(order_step(at, id, taken.step, taken.by, sorted(actor.roles), about))
        told = report.notices(order) if order.state is State.APPROVED and before.state is not State.APPROVED else ()
        for role in told:
            # forwarded and published like every entry: that is how those who read no console hear of it
            about = {
                **_about(order),
                "to": role,
                "because": order.demand.danger and "an emergency: one person approved",
            }
            self._note(order_step(at, id, "notice", life.SYSTEM, (), about))

        def keep(c: Connection) -> bool:
            if not _replace(c, before, order):
                return False
            for role in told:
                c.execute(insert(notices).values(order=id, role=role, at=int(at), seen_by=""))
            return True

        if not self._database.call(keep, write=True):
            self._note(order_step(at, id, "not taken", life.SYSTEM, (), {"because": "another step came first"}))
            raise NotAllowed("somebody else has changed the order meanwhile: look at it again")
        return order

    def find(self, id: str) -> Order:
        """The order of that number; NotAllowed where there is none."""
        row = self._database.call(lambda c: c.execute(select(orders.c.record).where(orders.c.id == id)).scalar())
        if row is None:
            raise NotAllowed(f"there is no disclosure order {id}")
        return form.read(row)

    def settle(self) -> None:
        """Orders whose time is over become expired, each with its entry."""
        at = self._clock()
        for order in self.all((State.APPROVED,)):
            if life.standing(order, at) is State.EXPIRED:
                with contextlib.suppress(NotAllowed):
                    self.take(order.id, Expired(), Actor(life.SYSTEM))

    def all(self, states: Iterable[State] = ()) -> list[Order]:
        """All orders, or those kept in one of these states, the newest first."""
        query = select(orders.c.record).order_by(orders.c.received.desc(), orders.c.id)
        wanted = [s.value for s in states]
        if wanted:
            query = query.where(orders.c.state.in_(wanted))
        return [form.read(r) for r in self._database.call(lambda c: list(c.execute(query).scalars()))]

    def uses(self, id: str) -> list[Usage]:
        """The rows that were counted against an order, oldest first."""
        query = select(uses).where(uses.c.order == id).order_by(uses.c.number)
        found = self._database.call(lambda c: list(c.execute(query)))
        return [Usage(r.at / 1e6, str(r.decision), int(r.rows)) for r in found]

    def told(self, roles: Iterable[str]) -> list[str]:
        """The orders that one of these roles has been told of and not seen yet."""
        query = select(notices.c.order).where(notices.c.role.in_(sorted(roles)), notices.c.seen_by == "").distinct()
        return sorted(self._database.call(lambda c: [str(x) for x in c.execute(query).scalars()]))

    def people(self, id: str, actor: Actor) -> Order:
        """The order with its ids and the paper's words, for who is to approve it; that they looked is logged first."""
        order = self.find(id)
        if not actor.has((*life.APPROVERS, "auditor")):
            raise NotAllowed("that takes one of the roles counsel, steward, operator, auditor")
        self._note(order_step(self._clock(), id, "people seen", actor.name, actor.roles, _about(order)))
        return order

    def seen(self, id: str, actor: Actor) -> None:
        """Somebody has seen the notices of an order that were for their roles."""
        which = (notices.c.order == id) & notices.c.role.in_(sorted(actor.roles)) & (notices.c.seen_by == "")
        self._note(order_step(self._clock(), id, "seen", actor.name, actor.roles, {}))
        self._database.call(lambda c: c.execute(update(notices).where(which).values(seen_by=actor.name)), write=True)


class Tills:
    """What the proxy needs of orders: which there are for a login, and rows counted. For tasks of one event loop."""

    def __init__(self, database: Database, note: NoteAsync, turned: Callable[[], None] = lambda: None) -> None:
        """`turned` is called whenever `grants_of` answers otherwise than before."""
        self._database, self._note, self._turned = database, note, turned
        self._seen: list[tuple[str, int]] | None = None
        self._grants: dict[tuple[str, str], tuple[Grant, ...]] = {}

    def grants_of(self, database: str, login: str) -> tuple[Grant, ...]:
        """The approved orders of a login that are not used up, whatever the time."""
        return self._grants.get((database, login), ())

    async def look(self) -> None:
        """Read what is approved now. Raises LogUnavailable."""
        wanted = select(orders.c.id, orders.c.version).where(orders.c.state == State.APPROVED.value)

        def work(c: Connection) -> tuple[list[tuple[str, int]], list[str]] | None:
            seen = sorted((str(r.id), int(r.version)) for r in c.execute(wanted))
            if seen == self._seen:
                return None
            query = select(orders.c.record).where(orders.c.state == State.APPROVED.value).order_by(orders.c.id)
            return seen, list(c.execute(query).scalars())

        found = await self._database.run(work)
        if found is None:
            return
        self._seen, records = found
        grants: dict[tuple[str, str], list[Grant]] = {}
        for order in map(form.read, records):
            grant = grant_of(order)
            if grant is not None and order.demand.scope is not None:
                grants.setdefault((order.demand.scope.database, grant.login), []).append(grant)
        fresh = {key: tuple(g) for key, g in grants.items()}
        # what has not changed stays the same object: sessions look no further then
        self._grants = {key: old if (old := self._grants.get(key)) == new else new for key, new in fresh.items()}
        self._turned()

    async def watch(self, every: float = LOOK_SECONDS, clock: Callable[[], float] = time.time) -> None:
        """Look every so many seconds; until cancelled. While the store is down none can be used."""
        while True:
            await asyncio.sleep(every)
            with contextlib.suppress(LogUnavailable):
                await self.look()
                await self.settle(clock())

    async def settle(self, at: float) -> None:
        """Orders whose time is over become expired. Raises LogUnavailable."""
        for grant in [g for many in self._grants.values() for g in many if at >= g.ends]:
            await self._expire(grant.id, at)

    async def _expire(self, id: str, at: float) -> None:
        def work(c: Connection) -> Order | None:
            row = c.execute(select(orders.c.record).where(orders.c.id == id).with_for_update()).scalar()
            with contextlib.suppress(NotAllowed):
                before = form.read(row or "")
                order = life.after(before, Expired(), Actor(life.SYSTEM), at)
                # kept first: of several nodes that see it one says so; nothing is open any more whoever says what
                return order if _replace(c, before, order) else None
            return None

        order = await self._database.run(work, write=True)
        if order is not None:
            await self._note(order_step(at, id, "expired", life.SYSTEM, (), _about(order)))
            await self.look()

    async def spend(self, spend: Spend) -> Problem | None:
        """Count rows, in the store and then in the log; None: they may be shown. Raises LogUnavailable."""

        def work(c: Connection) -> Order | str:
            query = select(orders.c.record).where(orders.c.id == spend.order).with_for_update()
            row = c.execute(query).scalar()
            if row is None:
                return "there is no such disclosure order"
            before = form.read(row)
            scope = before.demand.scope
            if scope is None or scope.database != spend.requester.database:
                return f"the disclosure order {spend.order} is for another database"
            try:
                order = life.spend(before, spend.requester.login, spend.rows, spend.at)
            except NotAllowed as e:
                return str(e)
            if not _replace(c, before, order):
                return "the disclosure order has just been changed"
            number = c.execute(select(func.count()).select_from(uses).where(uses.c.order == spend.order)).scalar_one()
            c.execute(
                insert(uses).values(
                    order=spend.order,
                    number=number,
                    at=int(spend.at * 1e6),
                    decision=spend.decision,
                    rows=spend.rows,
                )
            )
            return order

        order = await self._database.run(work, write=True)
        if isinstance(order, str):
            return Problem("42501", order, "", "redactor orders show tells more; a wider scope takes a new order.")
        who = spend.requester
        about: dict[str, Any] = {
            **_about(order),
            "decision": spend.decision,
            "rows": spend.rows,
            "left": order.left,
            "address": who.address,
        }
        await self._note(order_step(spend.at, order.id, "used", who.login, who.groups, about))
        if order.state is State.USED_UP:
            await self._note(order_step(spend.at, order.id, "used up", life.SYSTEM, (), _about(order)))
            await self.look()
        return None


def _about(order: Order) -> dict[str, Any]:
    """What stands in clear in an order's entries: no ids, and nobody's name but officials'."""
    paper, scope = order.demand.paper, order.demand.scope
    about: dict[str, Any] = {
        "case": paper.case,
        "court": paper.court,
        "document": paper.digest,
        "instrument": paper.instrument.value,
        "state": order.state.value,
    }
    if scope is not None:
        about |= {
            "begins": time_text(scope.begins),
            "cap": scope.cap,
            "columns": [
                {"column": f"{o.relation}.{c}", "use": "output"} for o in scope.openings for c in sorted(o.columns)
            ],
            "database": scope.database,
            "ends": time_text(scope.ends),
            "login": scope.login,
            "people": scope.people,
        }
    return about


def _row(order: Order) -> dict[str, Any]:
    scope = order.demand.scope
    return {
        "id": order.id,
        "state": order.state.value,
        "database": "" if scope is None else scope.database,
        "login": "" if scope is None else scope.login,
        "received": int(order.demand.received_at),
        "version": order.version,
        "record": form.write(order).decode(),
    }


def _replace(connection: Connection, before: Order, after: Order) -> bool:
    """Whether the order was still the one that was changed."""
    same = (orders.c.id == before.id) & (orders.c.version == before.version)
    return connection.execute(update(orders).where(same).values(**_row(after))).rowcount == 1
