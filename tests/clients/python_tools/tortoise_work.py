import os, asyncio
from tortoise import Tortoise, fields
from tortoise.models import Model
from tortoise.functions import Count, Max, Lower
from tortoise.expressions import Q, F
from tortoise.transactions import in_transaction


class Ward(Model):
    ward_id = fields.IntField(primary_key=True)
    name = fields.CharField(40)
    area = fields.DecimalField(6, 2, null=True)
    facts = fields.JSONField(null=True)

    class Meta:
        table = "wards"


class Person(Model):
    person_id = fields.IntField(primary_key=True)
    name = fields.TextField()
    email = fields.CharField(80, null=True)
    born = fields.DateField(null=True)
    ward = fields.ForeignKeyField(
        "m.Ward", related_name="people", source_field="ward_id", to_field="ward_id", null=True
    )
    rent = fields.DecimalField(8, 2, null=True)
    prefs = fields.JSONField(null=True)
    active = fields.BooleanField()
    homeland = fields.CharField(60, null=True)
    points = fields.IntField(null=True)
    verified = fields.BooleanField(null=True)

    class Meta:
        table = "people"


class Note(Model):
    note_id = fields.IntField(primary_key=True)
    ward = fields.ForeignKeyField("m.Ward", source_field="ward_id", to_field="ward_id", null=True)
    title = fields.CharField(99, unique=True)
    votes = fields.IntField(default=0)
    extra = fields.JSONField(null=True)

    class Meta:
        table = "notes"


async def main():
    await Tortoise.init(db_url=os.environ["URL"].replace("postgresql://", "asyncpg://"), modules={"m": ["__main__"]})
    print(await Person.all().order_by("person_id").limit(5).values())
    print(
        [
            (p.name, p.homeland, p.ward.name)
            for p in await Person.filter(Q(name__icontains="1") | Q(rent__gt=900))
            .order_by("person_id")
            .select_related("ward")
        ]
    )
    print(
        [(w.name, sorted(p.name for p in w.people)) for w in await Ward.all().order_by("ward_id").prefetch_related("people")]
    )
    print(await Ward.annotate(n=Count("people"), m=Max("people__rent")).order_by("ward_id").values("name", "n", "m"))
    print(await Person.filter(prefs__contains={"lang": "en"}).count(), await Person.exists(name="Person 3"))
    async with in_transaction() as c:
        n = await Note.create(title="tt", votes=1, extra={"a": 1}, using_db=c)
        await Note.filter(title="tt").using_db(c).update(votes=F("votes") + 1)
        await Note.bulk_create(
            [Note(title=f"b{i}") for i in range(3)], using_db=c, on_conflict=["title"], update_fields=["votes"]
        )
        print(await Note.filter(title__startswith="b").using_db(c).order_by("title").values_list("title", "votes"))
        print(await Person.filter(person_id=3).using_db(c).select_for_update().get().values("name", "homeland"))
        await Note.all().using_db(c).delete()
    p = await Person.get(person_id=4)
    try:
        async with in_transaction() as c:
            p.name = "X"
            await p.save(update_fields=["name"], using_db=c)
            print((await Person.filter(person_id=4).using_db(c).get()).name)
            raise KeyError("rows stay as and where they are")
    except KeyError:
        print((await Person.get(person_id=4)).name)
    await Tortoise.close_connections()


asyncio.run(main())
