import os, connectorx as cx

u = os.environ["URL"]
for proto in ("binary", "csv", "cursor", "simple"):
    print(
        proto,
        cx.read_sql(
            u,
            "select person_id, name, born, rent, homeland, points, verified from people order by person_id limit 5",
            protocol=proto,
            return_type="arrow",
        ).to_pydict(),
    )
print(
    cx.read_sql(
        u, "select ticket_id, state, cost from tickets", partition_on="ticket_id", partition_num=3, return_type="arrow"
    ).num_rows
)
