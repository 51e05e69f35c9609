import os
from datetime import date
from pony.orm import *
from urllib.parse import urlparse

u = urlparse(os.environ["URL"])
db = Database()


class Ward(db.Entity):
    _table_ = "wards"
    ward_id = PrimaryKey(int)
    name = Required(str, 40)
    people = Set("Person")


class Person(db.Entity):
    _table_ = "people"
    person_id = PrimaryKey(int, auto=True)
    name = Required(str)
    email = Optional(str, 80, unique=True, nullable=True)
    born = Optional(date)
    ward = Optional(Ward, column="ward_id")
    homeland = Optional(str, 60, nullable=True, optimistic=False)
    points = Optional(int, optimistic=False)
    verified = Optional(bool, optimistic=False)


class Note(db.Entity):
    _table_ = "notes"
    note_id = PrimaryKey(int, auto=True)
    title = Required(str, unique=True)
    votes = Required(int, default=0)


db.bind("postgres", user=u.username, password=u.password, host=u.hostname, port=u.port, database=u.path[1:])
db.generate_mapping(create_tables=False, check_tables=True)
with db_session:
    print(
        [
            (p.name, p.homeland, p.ward.name)
            for p in select(p for p in Person if p.ward.ward_id < 3).order_by(Person.person_id)[:8]
        ]
    )
    print(select((w.name, count(w.people)) for w in Ward).order_by(1)[:])
    print(max(p.person_id for p in Person), Person.get(name="Person 5").email)
    print([p.name for p in Ward[2].people.order_by(Person.person_id)])
    n = Note(title="p1")
    flush()
    n.votes = 3
    commit()
    print(Note.get(title="p1").votes)
    n.delete()
    print(
        [p.name for p in Person.select_for_update(lambda p: p.person_id < 3).order_by(Person.person_id)]
        if hasattr(Person, "select_for_update")
        else select(p for p in Person if p.person_id < 3).for_update()[:]
    )
    p = Person[6]
    p.name = "zzz"
    flush()
    rollback()
with db_session:
    print(Person[6].name, db.select("select name, homeland from people where person_id < 3 order by person_id"))
