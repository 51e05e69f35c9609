import os, asyncio
from urllib.parse import urlparse
from piccolo.engine.postgres import PostgresEngine
from piccolo.table import Table
from piccolo.columns import *
from piccolo.query.functions.aggregate import Count

u = urlparse(os.environ["URL"])
DB = PostgresEngine(
    config=dict(user=u.username, password=u.password, host=u.hostname, port=u.port, database=u.path[1:]), extensions=()
)


class Ward(Table, tablename="wards", db=DB):
    ward_id = Integer(primary_key=True)
    name = Varchar(40)


class Person(Table, tablename="people", db=DB):
    person_id = Serial(primary_key=True)
    name = Text()
    email = Varchar(80)
    ward_id = ForeignKey(Ward)
    rent = Numeric((8, 2))
    homeland = Varchar(60)
    points = Integer()
    verified = Boolean()


class Note(Table, tablename="notes", db=DB):
    note_id = Serial(primary_key=True)
    title = Text()
    votes = Integer()


async def main():
    print(await Person.select().order_by(Person.person_id).limit(4))
    print(await Person.select(Person.name, Person.ward_id.name).where(Person.rent > 900).order_by(Person.person_id))
    print(await Person.count(), await Person.exists().where(Person.name == "Person 2"))
    print(await Person.select(Person.ward_id, Count()).group_by(Person.ward_id).order_by(Person.ward_id))
    async with DB.transaction():
        print(len(await Note.insert(Note(title="pic", votes=2)).returning(Note.title, Note.votes)))
        await Note.update({Note.votes: Note.votes + 1}).where(Note.title == "pic")
        print(await Note.select(Note.votes).where(Note.title == "pic"))
        await Note.delete().where(Note.title == "pic")
    p = await Person.objects().get(Person.person_id == 3)
    print(p.name, p.homeland)
    try:
        async with DB.transaction():
            p.name = "Q"
            await p.save([Person.name])
            print((await Person.objects().get(Person.person_id == 3)).name)
            raise KeyError("rows stay as and where they are")
    except KeyError:
        print((await Person.objects().get(Person.person_id == 3)).name)


asyncio.run(main())
