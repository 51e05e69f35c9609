"""What Django is driven through; prints what it got as JSON."""

import datetime as dt
import json
import sys

import django

django.setup()

from django.db import DatabaseError, connection, transaction  # noqa: E402
from django.db.models import (  # noqa: E402
    Avg,
    Count,
    Exists,
    F,
    Max,
    OuterRef,
    Prefetch,
    Q,
    Subquery,
    Sum,
    TextField,
    Value,
    Window,
)
from django.db.models.functions import Concat, Length, RowNumber, TruncMonth, Upper  # noqa: E402
from garden.models import Plant  # noqa: E402
from harbour.models import Note, Person, Ticket, Ward  # noqa: E402


def orm():
    people, tickets, notes = Person.objects, Ticket.objects, Note.objects
    out = {"masked": list(people.order_by("pk").values()[:9])}
    out["objects"] = [
        [p.name, p.standing, p.residence, p.papers, p.ward.name]
        for p in people.select_related("ward").order_by("pk")[:5]
    ]
    out["defer"] = [[p.name, p.homeland] for p in people.defer("papers", "homeland").order_by("-pk")[:3]]
    out["only"] = list(people.only("name").order_by("pk").values_list("name")[:3])
    out["filter"] = list(
        tickets.filter(state="open", topic__in=["road", "light"]).exclude(cost__lt=9).order_by("-opened").values()[:8]
    )
    out["q"] = list(
        people.filter(Q(name__startswith="Person 1") | Q(email__icontains="p2"), born__year__gte=1972)
        .order_by("pk")
        .values_list("pk")
    )
    out["annotate"] = list(Ward.objects.annotate(n=Count("people")).order_by("-n", "name").values("name", "n"))
    out["grouped"] = [
        [p.name, p.homeland, p.n] for p in people.annotate(n=Count("tickets")).filter(n__gte=5).order_by("-n", "pk")
    ]
    out["distinct_rows"] = [
        [p.name, p.homeland] for p in people.filter(tickets__state="open").order_by("pk").distinct()
    ]
    out["group"] = list(people.values("pk", "name").annotate(n=Count("tickets")).filter(n__gte=5).order_by("-n", "pk"))
    out["aggregate"] = tickets.aggregate(n=Count("pk"), total=Sum("cost"), mean=Avg("cost"))
    out["values"] = list(tickets.values("topic").annotate(n=Count("*"), c=Sum("cost")).order_by("topic"))
    some = Prefetch("tickets", tickets.filter(state="open").order_by("pk"))
    out["prefetch"] = [
        [p.pk, p.standing, [t.pk for t in p.tickets.all()]] for p in people.prefetch_related(some).order_by("pk")[:4]
    ]
    out["exists"] = people.filter(Exists(tickets.filter(person=OuterRef("pk"), topic="noise"))).count()
    last = tickets.filter(person=OuterRef("pk")).order_by("-opened").values("topic")[:1]
    out["subquery"] = list(people.annotate(last=Subquery(last)).order_by("pk").values_list("pk", "last")[:6])
    window = Window(RowNumber(), partition_by=[F("ward")], order_by=F("pk").asc())
    out["window"] = list(people.annotate(row=window).filter(row__lte=2).order_by("pk").values_list("pk", "row"))
    label = Concat(Upper("name"), Value(" #"), "pk", output_field=TextField())
    out["functions"] = list(people.annotate(label=label, n=Length("name")).order_by("pk").values_list("label", "n")[:3])
    out["months"] = list(tickets.annotate(m=TruncMonth("opened")).values("m").annotate(n=Count("pk")).order_by("m"))
    out["json"] = [
        people.filter(prefs__lang="en").count(),
        people.filter(prefs__n__gt=55).count(),
        Ward.objects.filter(facts__park=True).count(),
    ]
    out["arrays"] = [people.filter(hobbies__contains=["h1"]).count(), Ward.objects.filter(zips__len=2).count()]
    out["dates"] = [str(d) for d in tickets.dates("opened", "month")]
    out["distinct"] = list(tickets.order_by("state").values_list("state", flat=True).distinct())
    out["distinct_on"] = list(people.order_by("ward_id", "pk").distinct("ward_id").values_list("pk", "homeland"))
    out["union"] = list(
        people.filter(pk__lt=3).values_list("pk").union(people.filter(pk__gt=58).values_list("pk")).order_by("pk")
    )
    out["bulk"] = {k: v.name for k, v in people.in_bulk([1, 2, 3]).items()}
    out["iterator"] = [[p.pk, p.homeland] for p in people.order_by("pk").iterator(chunk_size=7)]
    out["raw"] = [[p.name, p.standing] for p in people.raw("SELECT * FROM people WHERE ward_id = %s ORDER BY 1", [2])]
    out["explain"] = tickets.filter(pk=3).explain(costs=False)
    out["max"] = [
        people.aggregate(Max("pk")),
        people.count(),
        people.filter(pk=5).exists(),
        people.latest("pk").homeland,
    ]
    with transaction.atomic():
        made = notes.bulk_create([Note(title=f"bulk {i}", votes=i) for i in range(40)], batch_size=15)
        out["bulk_create"] = [
            len(made),
            notes.count(),
            notes.filter(title__startswith="bulk").update(votes=F("votes") + 1),
        ]
        notes.bulk_update(made[:3], ["title"])
        upsert = [Note(title="bulk 1", votes=70), Note(title="new", votes=1)]
        notes.bulk_create(upsert, update_conflicts=True, unique_fields=["title"], update_fields=["votes"])
        out["upsert"] = list(notes.filter(title__in=["bulk 1", "new"]).order_by("title").values_list("title", "votes"))
        out["get_or_create"] = [notes.get_or_create(title=t)[1] for t in ("bulk 2", "another")]
        out["update_or_create"] = notes.update_or_create(title="another", defaults={"votes": 9})[1]
        out["ignore"] = len(notes.bulk_create([Note(title="another")], ignore_conflicts=True))
        t = Ticket(person_id=4, topic="noise", opened=dt.datetime(2024, 1, 1, tzinfo=dt.UTC), labels=["a"])
        t.save()
        t.refresh_from_db()
        p = people.select_for_update().get(pk=6)
        p.name = "Saved"
        p.save(update_fields=["name"])
        p.refresh_from_db()
        out["save"] = [
            t.state,
            t.labels,
            p.name,
            p.standing,
            tickets.filter(pk=t.pk).delete()[0],
            Note.objects.all().delete()[0],
        ]
        out["locks"] = [
            p.pk
            for p in people.select_for_update(skip_locked=True, of=("self",))
            .select_related("ward")
            .filter(ward__isnull=False)[:2]
        ]
        try:
            with transaction.atomic():
                Ward.objects.create(ward_id=1, name="x", area=1, zips=[], facts={})
        except DatabaseError as e:
            out["error"] = [type(e).__name__, str(e)]
        transaction.set_rollback(True)
    out["after"] = notes.count()
    return out


def introspection():
    out = {}
    with connection.cursor() as c:
        look = connection.introspection
        out["tables"] = sorted([t.name, t.type, t.comment] for t in look.get_table_list(c))
        for t in ("people", "tickets", "wards", "samples", "directory"):
            out[t] = [look.get_table_description(c, t), look.get_relations(c, t), look.get_sequences(c, t)]
            out[t] += [look.get_constraints(c, t), look.get_primary_key_columns(c, t)]
    return out


def refusals():
    states = []
    asks = [
        lambda: list(Person.objects.filter(homeland="Land 1")),
        lambda: list(Person.objects.order_by("papers")),
        lambda: list(Person.objects.values("standing").annotate(n=Count("*"))),
        lambda: Person.objects.get(pk=3).save(),  # writes the masks back: must not destroy what it cannot see
    ]
    for ask in asks:
        try:
            with transaction.atomic():
                ask()
        except DatabaseError as e:
            states.append(e.__cause__.sqlstate)
    return {"refused": states, "after": Person.objects.count()}


def garden():
    return list(Plant.objects.order_by("pk").values_list("name", "height", "remark"))


def unreviewed():
    try:
        return garden()
    except DatabaseError as e:
        return e.__cause__.sqlstate


def forget():
    with connection.cursor() as c:
        c.execute("DROP TABLE IF EXISTS django_migrations, django_content_type CASCADE")


print(json.dumps(globals()[sys.argv[1]](), default=str))
