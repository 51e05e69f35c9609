"""pandas and peewee."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from tests.clients.place import Access, Place


@pytest.mark.client("pandas", "read_sql of queries and tables, chunks, to_sql into a temporary table, types of columns")
def test_pandas(place: Place, version: Callable[[str], None]) -> None:
    pd = pytest.importorskip("pandas")
    version(pd.__version__)

    def work(a: Access) -> Any:
        engine = sa.create_engine(a.url("postgresql+psycopg"), poolclass=NullPool)
        got: list[Any] = []
        with engine.connect() as c:
            frames = [
                pd.read_sql("SELECT * FROM people ORDER BY person_id", c, index_col="person_id"),
                pd.read_sql_table("people", c),
                pd.read_sql_table("berths", c, schema="port"),
                pd.read_sql(sa.text("SELECT * FROM tickets WHERE topic = :t ORDER BY 1"), c, params={"t": "road"}),
                *pd.read_sql("SELECT person_id, name, homeland FROM people ORDER BY 1", c, chunksize=25),
            ]
            for f in frames:
                got.append([list(f.columns), [str(t) for t in f.dtypes], f.to_csv()])
            frames[2].to_sql("berths_copy", c, index=False, schema="pg_temp", if_exists="append")
            got.append(pd.read_sql("SELECT count(*), sum(depth) FROM berths_copy", c).to_csv())
            c.rollback()
        return got

    place.agree(work)


@pytest.mark.client("peewee", "models, joins, prefetch, upsert, atomic, introspection")
def test_peewee(place: Place, version: Callable[[str], None]) -> None:
    pw = pytest.importorskip("peewee")
    pytest.importorskip("psycopg2")
    ext = pytest.importorskip("playhouse.postgres_ext")
    from playhouse.reflection import Introspector

    version(pw.__version__)

    def work(a: Access) -> Any:
        db = ext.PostgresqlDatabase(a.database, user=a.user, password=a.password, host=a.host, port=a.port)

        class Ward(pw.Model):
            ward_id = pw.IntegerField(primary_key=True)
            name = pw.CharField()

            class Meta:
                database = db
                table_name = "wards"

        class Person(pw.Model):
            person_id = pw.AutoField()
            name = pw.TextField()
            ward = pw.ForeignKeyField(Ward, column_name="ward_id", backref="people", null=True)
            standing = pw.TextField(null=True)
            points = pw.IntegerField(null=True)
            hobbies = ext.ArrayField(pw.TextField)
            papers = ext.BinaryJSONField(null=True)

            class Meta:
                database = db
                table_name = "people"

        class Note(pw.Model):
            note_id = pw.AutoField()
            title = pw.TextField(unique=True)
            votes = pw.IntegerField(default=0)

            class Meta:
                database = db
                table_name = "notes"

        got: list[Any] = []
        with db.connection_context():
            got.append(
                list(
                    Person.select(Person, Ward.name.alias("ward_name"))
                    .join(Ward)
                    .order_by(Person.person_id)
                    .limit(5)
                    .dicts()
                )
            )
            for ward in pw.prefetch(Ward.select().order_by(Ward.ward_id), Person.select().order_by(Person.person_id)):
                got.append([ward.name, [(p.name, p.standing, p.points) for p in ward.people]])
            with db.atomic() as t:
                Note.insert_many([{"title": f"t{i}"} for i in range(20)]).execute()
                more = Note.insert(title="t3", votes=5).on_conflict(
                    conflict_target=[Note.title], update={Note.votes: 5}
                )
                more.execute()
                person = Person.create(name="x", hobbies=["a"])
                got.append(Person.get_by_id(person.person_id).standing)
                got.append(Person.update(name="y").where(Person.person_id == 4).execute())
                got.append([n.votes for n in Note.select().order_by(Note.votes.desc()).limit(2)])
                with pytest.raises(pw.IntegrityError), db.atomic():
                    Ward.create(ward_id=1, name="x")
                t.rollback()
            got.append([db.get_tables(), db.get_tables("port"), sorted(map(str, db.get_views()))])
            got.append(
                [
                    sorted(map(repr, f(t)))
                    for t in ("people", "tickets")
                    for f in (db.get_columns, db.get_indexes, db.get_foreign_keys)
                ]
            )
            got.append(sorted(Introspector.from_database(db).generate_models(table_names=["people", "wards"])))
        return got

    place.agree(work)
    db = ext.PostgresqlDatabase(place.through().url())
    with db.connection_context(), pytest.raises(pw.ProgrammingError, match="protected"):
        db.execute_sql("SELECT 1 FROM people WHERE points = 3")
