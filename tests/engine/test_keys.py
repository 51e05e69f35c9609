"""Grouping by, and DISTINCT over, columns that a table's key decides: what ORMs write, and what must not pass as it."""

from __future__ import annotations

import psycopg
import pytest

from redactor.decision import Redact, Refuse
from tests.fixtures.town import Town

PASS = [
    "SELECT r.resident_id, r.full_name, r.status, count(p.permit_id) FROM residents r LEFT JOIN permits p"
    " ON p.resident_id = r.resident_id GROUP BY r.resident_id, r.full_name, r.status, r.alien_number ORDER BY 1",
    "SELECT resident_id, status FROM residents GROUP BY 1, 2 ORDER BY 1",
    "SELECT status, resident_id FROM public.residents"
    " GROUP BY public.residents.resident_id, public.residents.status ORDER BY 2",
    "SELECT DISTINCT * FROM residents ORDER BY resident_id",
    "SELECT DISTINCT r.*, d.name FROM residents r JOIN districts d ON d.district = r.district ORDER BY r.resident_id",
    "SELECT DISTINCT r.resident_id, r.status, r.alien_number FROM residents r"
    " JOIN permits p ON p.resident_id = r.resident_id ORDER BY 1",
]

STOP = [
    "SELECT status FROM residents GROUP BY status, full_name",
    "SELECT DISTINCT r.status, p.permit_id FROM residents r JOIN permits p ON p.resident_id = r.resident_id",
    "SELECT DISTINCT a.resident_id, b.status FROM residents a JOIN residents b ON a.district = b.district",
    "SELECT a.resident_id, b.status FROM residents a, residents b GROUP BY a.resident_id, b.status",
    "SELECT DISTINCT upper(status) FROM residents",
    "SELECT resident_id, status FROM residents GROUP BY GROUPING SETS ((resident_id), (status))",
    "SELECT resident_id, status FROM residents GROUP BY ROLLUP (resident_id, status)",
    "SELECT r.x, r.status FROM residents AS r (x, resident_id, c, d, status) GROUP BY r.resident_id, r.status, r.x",
    "WITH residents AS (SELECT 1 AS resident_id, status FROM public.residents) SELECT DISTINCT * FROM residents",
    "SELECT p.person_id, p.visa FROM people p GROUP BY p.person_id, p.visa",
    "SELECT DISTINCT resident_id, status FROM (SELECT 1 AS resident_id, status FROM residents) residents",
    "SELECT permit_id AS resident_id, (SELECT status FROM residents LIMIT 1) FROM permits GROUP BY 1, 2",
]


@pytest.mark.parametrize("sql", PASS)
def test_what_the_key_decides_is_masked(town: Town, sql: str) -> None:
    decision = town.decide(sql)
    assert isinstance(decision, Redact)
    with psycopg.connect(town.server.dsn("town")) as c, psycopg.connect(town.server.dsn("town_hidden")) as hidden:
        assert c.execute(decision.text.encode()).fetchall() == hidden.execute(sql.encode()).fetchall()


@pytest.mark.parametrize("sql", STOP)
def test_what_it_does_not_decide_is_refused(town: Town, sql: str) -> None:
    decision = town.decide(sql)
    assert isinstance(decision, Refuse)
    assert decision.problem.sqlstate == "42501"
