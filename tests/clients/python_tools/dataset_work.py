import os, dataset

db = dataset.connect(os.environ["URL"].replace("postgresql://", "postgresql+psycopg2://"))
print(sorted(db.tables))
t = db["people"]
print(t.columns, len(t))
print([dict(r) for r in t.find(ward_id=2, order_by="person_id", _limit=3)])
print(t.find_one(person_id=4))
print([dict(r) for r in db["people"].distinct("ward_id")] if 0 else "")
with db as tx:
    tx["notes"].insert(dict(title="ds", votes=1))
    tx["notes"].upsert(dict(title="ds", votes=5), ["title"])
    print(tx["notes"].find_one(title="ds")["votes"])
    tx["notes"].delete(title="ds")
print([dict(r) for r in db.query("select topic, count(*) c from tickets group by topic order by topic")])
