"""SQLAlchemy: Core, ORM, reflection, with each of its PostgreSQL drivers."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.engine.reflection import ObjectKind
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateTable

from tests.clients.place import Access, Place

DRIVERS = ["psycopg", "psycopg2", "pg8000"]


@pytest.fixture(autouse=True)
def _version(version: Callable[[str], None]) -> None:
    version(sa.__version__)


def engine_of(a: Access, driver: str = "psycopg") -> sa.Engine:
    if driver != "psycopg":
        pytest.importorskip(driver)
    return sa.create_engine(a.url(f"postgresql+{driver}"), poolclass=NullPool)


class Base(orm.DeclarativeBase):
    pass


class Ward(Base):
    __tablename__ = "wards"
    ward_id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str]
    facts: orm.Mapped[dict[str, Any]] = orm.mapped_column(pg.JSONB)
    people: orm.Mapped[list[Person]] = orm.relationship(back_populates="ward", order_by="Person.person_id")


class Person(Base):
    __tablename__ = "people"
    person_id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str]
    born: orm.Mapped[dt.date | None]
    ward_id: orm.Mapped[int | None] = orm.mapped_column(sa.ForeignKey("wards.ward_id"))
    hobbies: orm.Mapped[list[str] | None] = orm.mapped_column(pg.ARRAY(sa.Text))
    standing: orm.Mapped[str | None] = orm.mapped_column(
        pg.ENUM("citizen", "resident", "refugee", "none", name="standing", create_type=False),
        server_default=sa.FetchedValue(),  # so that INSERT leaves hidden columns out: they may not be written
    )
    homeland: orm.Mapped[str | None] = orm.mapped_column(server_default=sa.FetchedValue())
    residence: orm.Mapped[Any] = orm.mapped_column(pg.DATERANGE, server_default=sa.FetchedValue())
    papers: orm.Mapped[dict[str, Any] | None] = orm.mapped_column(pg.JSONB, server_default=sa.FetchedValue())
    ward: orm.Mapped[Ward | None] = orm.relationship(back_populates="people")
    tickets: orm.Mapped[list[Ticket]] = orm.relationship(order_by="Ticket.ticket_id", passive_deletes=True)


class Ticket(Base):
    __tablename__ = "tickets"
    ticket_id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    person_id: orm.Mapped[int | None] = orm.mapped_column(sa.ForeignKey("people.person_id"))
    topic: orm.Mapped[str] = orm.mapped_column(
        pg.ENUM("road", "light", "noise", "water", name="topic", create_type=False)
    )
    state: orm.Mapped[str]
    body: orm.Mapped[str | None]


def shown(x: Any) -> Any:
    """A mapped object as its columns."""
    return {c.key: getattr(x, c.key) for c in sa.inspect(x).mapper.column_attrs}


@pytest.mark.client(
    "SQLAlchemy", "Core: select, insert, upsert, update, bulk, savepoints, streams; on psycopg, psycopg2, pg8000"
)
@pytest.mark.parametrize("driver", DRIVERS)
def test_core(place: Place, driver: str) -> None:
    def work(a: Access) -> Any:
        got: list[Any] = []
        people, wards, tickets = (Base.metadata.tables[n] for n in ("people", "wards", "tickets"))
        meta = sa.MetaData()
        notes = sa.Table("notes", meta, autoload_with=engine_of(a, driver))
        with engine_of(a, driver).connect() as c:
            for q in (
                sa.select(people).order_by(people.c.person_id).limit(5),
                sa.select(people, wards.c.name)
                .join(wards)
                .where(people.c.ward_id.in_([1, 2]))
                .order_by(people.c.person_id),
                sa.select(wards.c.name, sa.func.count()).join(people).group_by(wards.c.name).order_by(wards.c.name),
                sa.select(tickets.c.topic, sa.func.row_number().over(order_by=tickets.c.ticket_id)).limit(5),
                sa.select(sa.func.array_agg(pg.aggregate_order_by(tickets.c.ticket_id, tickets.c.ticket_id.desc()))),
            ):
                r = c.execute(q)
                got.append([str(q)[:50], list(r.keys()), [tuple(row) for row in r]])
            transaction = c.begin_nested()
            upsert = pg.insert(notes).values([{"note_id": 5000 + i, "title": f"t{i}"} for i in range(5)])
            for _ in range(2):
                more = upsert.on_conflict_do_update(index_elements=["note_id"], set_={"votes": notes.c.votes + 1})
                got.append([tuple(r) for r in c.execute(more.returning(notes.c.note_id, notes.c.votes))])
            c.execute(sa.insert(notes), [{"title": f"bulk {i}", "votes": i} for i in range(300)])
            inserted = c.execute(sa.insert(people).values(person_id=980, name="x").returning(people))
            got.append([tuple(r) for r in inserted])
            r = c.execute(sa.update(people).where(people.c.person_id == 3).values(name=people.c.name + "!"))
            got.append(r.rowcount)
            with pytest.raises(sa.exc.IntegrityError) as e, c.begin_nested():
                c.execute(sa.insert(wards).values(ward_id=1, name="x", facts={}))
            got.append(type(e.value.orig).__name__)
            got.append(c.execute(sa.select(sa.func.count(), sa.func.sum(notes.c.votes))).fetchall())
            transaction.rollback()
            r = c.execution_options(stream_results=True, yield_per=7).execute(
                sa.select(people).order_by(people.c.person_id)
            )
            got.append([tuple(row) for row in r])
        return got

    place.agree(work)


@pytest.mark.client("SQLAlchemy", "ORM on asyncio with asyncpg and psycopg")
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_async(place: Place, driver: str) -> None:
    async def run(a: Access) -> Any:
        engine = create_async_engine(a.url(f"postgresql+{driver}"), poolclass=NullPool)
        from sqlalchemy.ext.asyncio import AsyncSession

        async with AsyncSession(engine) as s:
            q = sa.select(Person).options(orm.selectinload(Person.tickets)).order_by(Person.person_id).limit(6)
            got: list[Any] = [[shown(p), [shown(t) for t in p.tickets]] for p in (await s.scalars(q))]
            s.add(Person(person_id=981, name="x", hobbies=["a"]))
            await s.flush()
            got.append(shown(await s.get_one(Person, 981, populate_existing=True)))
            await s.rollback()
            stream = await s.stream_scalars(sa.select(Ticket).order_by(Ticket.ticket_id))
            got.append([t.ticket_id async for t in stream])
        await engine.dispose()
        return got

    place.agree(lambda a: asyncio.run(run(a)))


@pytest.mark.client("SQLAlchemy", "ORM: relations by join and select-in, unit of work, locks, versions of rows by xmin")
@pytest.mark.parametrize("driver", DRIVERS)
def test_orm(place: Place, driver: str) -> None:
    def work(a: Access) -> Any:
        got: list[Any] = []
        with orm.Session(engine_of(a, driver)) as s:
            for load in (orm.joinedload, orm.selectinload, orm.subqueryload, orm.lazyload):
                q = sa.select(Person).options(load(Person.tickets), orm.joinedload(Person.ward))
                q = q.where(Person.ward_id == 2).order_by(Person.person_id).limit(5)
                for p in s.scalars(q).unique():
                    got.append([shown(p), p.ward and p.ward.name, [shown(t) for t in p.tickets]])
                s.expire_all()
            p = s.get_one(Person, 7)
            p.name, p.born = "Renamed", dt.date(2000, 1, 1)
            new = Person(
                name="New",
                ward=s.get_one(Ward, 3),
                tickets=[Ticket(topic="road", state="open", body="b")],
                person_id=982,
            )
            new.tickets[0].ticket_id = 9001
            s.add(new)
            s.flush()
            got.append([shown(s.get_one(Person, i, populate_existing=True)) for i in (7, 982)])
            s.delete(new.tickets[0])
            s.flush()
            s.delete(s.get_one(Person, 982))
            s.flush()
            got.append(s.scalar(sa.select(sa.func.count()).select_from(Person)))
            q = (
                sa.select(Person)
                .where(Person.person_id.in_([1, 2]))
                .order_by(Person.person_id)
                .with_for_update(of=Person)
            )
            got.append([shown(p) for p in s.scalars(q)])
            q2 = (
                sa.select(Ticket)
                .join(Ward, Ward.ward_id == 1)
                .where(Ticket.ticket_id < 4)
                .with_for_update(skip_locked=True)
            )
            got.append([t.ticket_id for t in s.scalars(q2.order_by(Ticket.ticket_id))])
            s.rollback()
        return got

    place.agree(work)


@pytest.mark.filterwarnings("ignore:Did not recognize type")
@pytest.mark.client(
    "SQLAlchemy", "reflection: every table, view, key, index, constraint, comment, sequence, enum, domain"
)
@pytest.mark.parametrize("driver", [*DRIVERS, "asyncpg"])
def test_reflection(place: Place, driver: str) -> None:
    def inspected(c: Any) -> Any:
        i = sa.inspect(c)
        got: dict[str, Any] = {"schemas": i.get_schema_names(), "default": i.default_schema_name}
        for schema in ("public", "port"):
            got[schema] = [
                sorted(i.get_table_names(schema)),
                sorted(i.get_view_names(schema)),
                sorted(i.get_sequence_names(schema)),
            ]
            got[schema].append(sorted(i.get_materialized_view_names(schema)))
            got[schema] += [i.get_enums(schema), i.get_domains(schema)]
            for ask in (
                "columns",
                "pk_constraint",
                "foreign_keys",
                "indexes",
                "unique_constraints",
                "check_constraints",
                "table_comment",
            ):
                found = getattr(i, f"get_multi_{ask}")(schema=schema, kind=ObjectKind.ANY)
                got[f"{schema} {ask}"] = sorted((str(k), repr(v)) for k, v in found.items())
            got[f"{schema} views"] = [i.get_view_definition(v, schema) for v in sorted(i.get_view_names(schema))]
        meta = sa.MetaData()
        meta.reflect(c, views=True, only=lambda name, _: name != "samples")  # a point has no type there
        got["metadata"] = [str(CreateTable(t).compile(c.engine)) for t in meta.sorted_tables]
        return got

    def work(a: Access) -> Any:
        if driver != "asyncpg":
            with engine_of(a, driver).connect() as c:
                return inspected(c)

        async def run() -> Any:
            async with create_async_engine(a.url("postgresql+asyncpg"), poolclass=NullPool).connect() as c:
                return await c.run_sync(inspected)

        return asyncio.run(run())

    assert "people" in place.agree_with_direct(work)["public"][0]


@pytest.mark.client(
    "SQLAlchemy", "refusals: ProgrammingError or DBAPIError with 42501; the session goes on after rollback"
)
@pytest.mark.parametrize("driver", DRIVERS)
def test_refusals(place: Place, driver: str) -> None:
    with orm.Session(engine_of(place.through(), driver)) as s:
        for q in (sa.select(Person).where(Person.homeland == "Land 1"), sa.select(Person).order_by(Person.papers)):
            with pytest.raises(sa.exc.DBAPIError, match=r"protected|not permitted"):
                s.scalars(q).all()
            s.rollback()
            assert s.scalar(sa.select(sa.func.count()).select_from(Person)) == 60
