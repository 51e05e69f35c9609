"""What tools that are not driven here ask of the catalog, reconstructed; see imitated/README.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.clients.place import Access, Place

HERE = Path(__file__).parent / "imitated"
TOOLS = {
    "npgsql": ("Npgsql", "types, composites, enums at the first connection, schema collections"),
    "efcore": ("EF Core (Npgsql)", "start, migrations' history, xmin, queries, scaffolding"),
    "dbeaver": ("DBeaver", "connecting, the navigator, a table's pages, data"),
    "metabase": ("Metabase", "sync of tables and fields, fingerprints, a question"),
    "grafana": ("Grafana", "the query editor's lists, time series, variables"),
    "pgadmin": ("pgAdmin", "connecting, the browser's tree, columns, dashboard"),
}


def statements(tool: str) -> list[tuple[str, bool]]:
    """The file's statements, each a line of its own or several; and whether it shows figures."""
    parts = re.split(r"(?<=;)\n", (HERE / f"{tool}.sql").read_text())
    return [(p.strip(), "-- figures" in p) for p in parts if p.strip()]


def results(c: psycopg.Connection[Any], sql: str, figures: bool) -> list[Any]:
    cur = c.execute(sql.encode())
    got: list[Any] = []
    while True:
        if cur.description is None:
            got.append(cur.statusmessage)
        else:
            rows = cur.fetchall()
            got.append([[(d.name, d.type_code) for d in cur.description], len(rows) if figures else rows])
        if not cur.nextset():
            return got


@pytest.mark.parametrize(
    "tool", [pytest.param(k, marks=pytest.mark.client(f"{v[0]} (reconstructed)", v[1]), id=k) for k, v in TOOLS.items()]
)
@pytest.mark.parametrize("server", ["18", pytest.param("15", marks=pytest.mark.slow)])
def test_answered(request: pytest.FixtureRequest, tool: str, server: str) -> None:
    here = request.getfixturevalue("place" if server == "18" else "debian")
    assert isinstance(here, Place)

    def work(a: Access) -> Any:
        with psycopg.connect(a.url(), autocommit=True) as c:
            return [[sql, results(c, sql, figures)] for sql, figures in statements(tool)]

    # what lies in the catalog is the city's; rows of people are the twin's
    through, direct, seen = work(here.through()), work(here.direct()), work(here.seen())
    for mine, theirs, masked in zip(through, direct, seen, strict=True):
        assert repr(mine) in (repr(theirs), repr(masked)), mine[0]
