import os, adbc_driver_postgresql.dbapi as a

c = a.connect(os.environ["URL"])
cur = c.cursor()
cur.execute(
    "select person_id, name, born, ward_id, homeland, points, verified, standing::text from people order by person_id limit 4"
)
print(cur.fetch_arrow_table().to_pydict())
print(c.adbc_get_table_schema("wards"))
o = c.adbc_get_objects(depth="tables", db_schema_filter="public").read_all().to_pylist()
print(sorted(str(t) for c in o for s in c["catalog_db_schemas"] for t in s["db_schema_tables"]))
cur.execute("select * from wards where ward_id=$1", (2,))
print(cur.fetchall())
import pyarrow as pa

cur.adbc_ingest("scratch", pa.table({"a": [1, 2], "b": ["x", None]}), mode="create", temporary=True)
cur.execute("select * from scratch order by a")
print(cur.fetchall())
cur.execute("insert into notes(title) values ('adbc')")
print(cur.rowcount)
c.rollback()
c.close()
