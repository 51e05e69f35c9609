import os
from sqlmodel import *
from typing import Optional


class Person(SQLModel, table=True):
    __tablename__ = "people"
    person_id: Optional[int] = Field(default=None, primary_key=True)
    name: str
    homeland: Optional[str] = None
    points: Optional[int] = None
    ward_id: Optional[int] = None


e = create_engine(os.environ["URL"].replace("postgresql://", "postgresql+psycopg2://"))
with Session(e) as s:
    print([sorted(p.model_dump().items()) for p in s.exec(select(Person).order_by(Person.person_id).limit(3))])
    p = s.get(Person, 5)
    p.name = "x"
    s.add(p)
    s.flush()
    s.refresh(p)
    print(sorted(p.model_dump().items()))
    s.rollback()
    print(s.exec(select(func.count()).select_from(Person).where(Person.ward_id == 1)).one())
