"""What a result says of its columns: table, number, type, modifier, size, format and name, masked columns too.

Each statement is asked through redactor and directly on the twin, in which hidden columns hold NULL: rows must be equal
as well.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import pq

from tests.clients.place import Access, Place

PLACES = """
SELECT * FROM people WHERE person_id = 1
SELECT p.*, w.* FROM people p JOIN wards w USING (ward_id) ORDER BY person_id LIMIT 2
SELECT * FROM people p JOIN wards w USING (ward_id) ORDER BY person_id LIMIT 2
SELECT * FROM people p LEFT JOIN wards w USING (ward_id) ORDER BY person_id LIMIT 2
SELECT * FROM wards w RIGHT JOIN people p USING (ward_id) ORDER BY person_id LIMIT 2
SELECT * FROM wards w FULL JOIN people p USING (ward_id) ORDER BY person_id LIMIT 2
SELECT x.* FROM (SELECT person_id, homeland AS h, upper(homeland) AS u FROM people) x WHERE person_id = 1
WITH c AS (SELECT * FROM people) SELECT homeland, standing FROM c WHERE person_id = 1
WITH c(a, b) AS (SELECT person_id, homeland FROM people) SELECT c.*, c FROM c WHERE a = 1
SELECT homeland FROM people WHERE person_id = 1 UNION ALL SELECT homeland FROM people WHERE person_id = 2
SELECT (p).homeland, (p).* FROM people p WHERE person_id = 1
SELECT s.h FROM people p, LATERAL (SELECT p.homeland AS h) s WHERE person_id = 1
SELECT * FROM (people JOIN wards USING (ward_id)) AS j WHERE person_id = 1
SELECT * FROM people AS p(a, b, c) WHERE a = 1
SELECT * FROM people p, generate_series(1, 2) g WHERE person_id = 1
SELECT * FROM standings ORDER BY person_id LIMIT 2
SELECT DISTINCT p.person_id, p.homeland FROM people p ORDER BY 1 LIMIT 3
SELECT max(p.name), p.homeland FROM people p GROUP BY p.person_id, p.homeland ORDER BY p.person_id LIMIT 2
SELECT xmin IS NULL, tableoid, * FROM people ORDER BY person_id LIMIT 2
SELECT p.xmin IS NULL, p.*, w.name FROM people p, wards w WHERE p.ward_id = w.ward_id ORDER BY p.person_id LIMIT 2
SELECT homeland, g FROM people, generate_series(1, 2) g WHERE person_id = 1 ORDER BY g
SELECT name, homeland, h, n FROM people, jsonb_each(prefs) WITH ORDINALITY AS e(h, v, n) WHERE person_id = 1 ORDER BY n
SELECT homeland, b.tickets FROM people JOIN busiest(3) b USING (person_id) ORDER BY person_id
SELECT homeland::varchar, homeland::varchar(60), points::int, points::int8 FROM people WHERE person_id = 1
SELECT tongues::text[], tongues::text, permit::permit_no, permit::text FROM people WHERE person_id = 1
SELECT CAST(standing AS standing), standing::text, papers::jsonb, papers::json FROM people WHERE person_id = 1
SELECT waiver::numeric, waiver::numeric(10,2), waiver::numeric(9, 2), name::text FROM people WHERE person_id = 1
SELECT residence::daterange, last_entry::timestamptz, arrived::timestamp FROM people WHERE person_id = 1
SELECT x.h::varchar AS i FROM (SELECT homeland::character varying AS h FROM people WHERE person_id = 1) x
UPDATE people SET name = name WHERE person_id = 1 RETURNING *
UPDATE people SET name = name WHERE person_id = 1 RETURNING homeland, standing AS s, person_id
SELECT oid, relname, reltuples IS NULL FROM pg_class WHERE relname = 'wards'
"""

ROWS = """
SELECT p FROM people p WHERE person_id = 1
SELECT p, w FROM wards w LEFT JOIN people p ON p.person_id = w.ward_id + 100000 ORDER BY w.ward_id LIMIT 2
SELECT p AS whole, p IS NULL FROM wards w LEFT JOIN people p ON p.person_id = w.ward_id ORDER BY w.ward_id LIMIT 2
SELECT p, count(t) FROM people p LEFT JOIN tickets t USING (person_id) GROUP BY p.person_id ORDER BY p.person_id LIMIT 3
SELECT array_agg(p ORDER BY person_id) FROM people p WHERE person_id < 3
SELECT (array_agg(p ORDER BY person_id))[1] FROM people p WHERE person_id < 3
SELECT p FROM people p WHERE person_id = 1 UNION ALL SELECT q FROM people q WHERE person_id = 2
SELECT x.p FROM (SELECT p FROM people p WHERE person_id = 1) x
SELECT array(SELECT p FROM people p ORDER BY person_id LIMIT 2)
SELECT p, g FROM people p, generate_series(1, 2) g WHERE person_id = 1 ORDER BY g
SELECT p, b.tickets FROM busiest(2) b JOIN people p USING (person_id) ORDER BY p.person_id
SELECT (array_agg(p))[1], e.value FROM people p, jsonb_array_elements('[1]') e WHERE person_id = 1 GROUP BY e.value
SELECT coalesce(p, NULL), pg_typeof(p), pg_typeof(permit), permit FROM people p WHERE person_id = 1
SELECT s FROM standings s ORDER BY person_id LIMIT 2
SELECT row_to_json(p), to_jsonb(p), p::text FROM people p WHERE person_id = 1
UPDATE people p SET name = 'x' WHERE person_id = 1 RETURNING p
UPDATE people SET name = 'x' WHERE person_id = 1 RETURNING people AS whole, row_to_json(people)
DELETE FROM people p WHERE person_id = -1 RETURNING p, (p).name, p IS NULL
INSERT INTO people AS p (person_id, name, homeland) VALUES (902, 'x', NULL) RETURNING to_jsonb(p) - 'created' - 'since'
"""


def _lines(text: str) -> list[str]:
    return text.strip().splitlines()


def told(r: pq.abc.PGresult) -> Any:
    """A result, with all that RowDescription says."""
    columns = [
        (r.fname(i), r.ftable(i), r.ftablecol(i), r.ftype(i), r.fmod(i), r.fsize(i), r.fformat(i))
        for i in range(r.nfields)
    ]
    rows = [[r.get_value(i, j) for j in range(r.nfields)] for i in range(r.ntuples)]
    return columns, rows, r.command_status, r.error_message.splitlines()[:1]


@pytest.mark.client("libpq", "a result's columns: their tables, numbers, types, modifiers, sizes; whole rows")
@pytest.mark.parametrize("how", ["simple", "extended", "prepared", "EXECUTE"])
def test_columns_say_where_they_come_from(place: Place, how: str) -> None:
    def work(a: Access) -> Any:
        got = []
        with psycopg.connect(a.url(), autocommit=True) as c:
            c.execute("BEGIN")
            for n, sql in enumerate(_lines(PLACES) + _lines(ROWS)):
                c.pgconn.exec_(b"SAVEPOINT s")
                said: list[Any] = [sql]
                match how:
                    case "simple":
                        said.append(told(c.pgconn.exec_(sql.encode())))
                    case "extended":
                        said.append(told(c.pgconn.exec_params(sql.encode(), [], result_format=0)))
                    case "prepared":
                        c.pgconn.prepare(b"s%d" % n, sql.encode())
                        said.append(told(c.pgconn.describe_prepared(b"s%d" % n)))
                        said.append(told(c.pgconn.exec_prepared(b"s%d" % n, [])))
                    case _:
                        c.pgconn.exec_(b"PREPARE s%d AS " % n + sql.encode())
                        said.append(told(c.pgconn.exec_(b"EXECUTE s%d" % n)))
                c.pgconn.exec_(b"ROLLBACK TO s")
                got.append(said)
            c.execute("ROLLBACK")
        return got

    got = place.agree(work)
    assert not [said for said in got if said[-1][3]]
    assert all(table for _, table, *_ in got[0][1][0])


CURSORS = """
DECLARE c CURSOR FOR SELECT * FROM people ORDER BY person_id
FETCH 2 FROM c
FETCH c
MOVE 2 FROM c
FETCH FORWARD 1 FROM c
DECLARE d SCROLL CURSOR WITH HOLD FOR SELECT homeland AS h, upper(homeland), person_id FROM people ORDER BY person_id
FETCH ABSOLUTE 3 FROM d
CLOSE c
DECLARE c CURSOR FOR SELECT ward_id, upper(name) FROM wards ORDER BY ward_id
FETCH 1 FROM c
FETCH LAST IN d
"""


@pytest.mark.client("libpq", "columns of FETCH: their tables and numbers, from cursors made by DECLARE")
@pytest.mark.parametrize("how", ["simple", "extended", "at once"])
def test_cursors_say_where_their_columns_come_from(place: Place, how: str) -> None:
    def work(a: Access) -> Any:
        with psycopg.connect(a.url(), autocommit=True) as c:
            if how == "at once":
                c.pgconn.send_query(("BEGIN;" + ";".join(_lines(CURSORS))).encode())
                got = []
                while (r := c.pgconn.get_result()) is not None:
                    got.append(told(r))
                return got
            run = c.pgconn.exec_ if how == "simple" else lambda sql: c.pgconn.exec_params(sql, [])
            got = [told(run(b"BEGIN"))]
            got += [told(run(sql.encode())) for sql in _lines(CURSORS)]
            got += [told(run(sql)) for sql in (b"COMMIT", b"FETCH 1 FROM d", b"FETCH 1 FROM c", b"CLOSE ALL")]
            return got

    got = place.agree(work)
    assert [column[1] > 0 for column in got[2][0]] == [True] * len(got[2][0])


PARAMETERS = """
SELECT * FROM people WHERE person_id = $1 AND name = $2 ORDER BY person_id LIMIT $3
SELECT $1::date, homeland, $2 FROM people WHERE ward_id = ANY ($3) AND rent BETWEEN $4 AND $5
UPDATE people SET name = $1, rent = $2, prefs = prefs || $3, active = $4 WHERE person_id = $5 RETURNING *, $6::interval
INSERT INTO people (name, ward_id, homeland, arrived, tongues) VALUES ($1, $2, $3, $4, $5) RETURNING homeland
INSERT INTO notes (note_id, title) VALUES ($1, $2) ON CONFLICT (note_id) DO UPDATE SET votes = $3 RETURNING *
DELETE FROM people WHERE email = $1 AND born < $2 RETURNING p_id_is_not_there
MERGE INTO notes n USING people p ON p.person_id = n.note_id AND p.name = $1 WHEN MATCHED THEN UPDATE SET votes = $2
SELECT x.* FROM people p, LATERAL (SELECT p.points, $1 AS given) x WHERE p.hobbies @> $2 ORDER BY p.person_id
"""


@pytest.mark.client("libpq", "ParameterDescription: types that are found, and types that are given")
def test_parameters_have_the_types_that_they_have_directly(place: Place) -> None:
    def work(a: Access) -> Any:
        got: list[Any] = []
        with psycopg.connect(a.url(), autocommit=True) as c:
            for sql in _lines(PARAMETERS):
                for given in ([], [0, 25], [20]):
                    made = c.pgconn.prepare(b"", sql.encode(), given)
                    r = c.pgconn.describe_prepared(b"")
                    got.append(
                        [sql, given, made.error_message.splitlines()[:1], [r.param_type(i) for i in range(r.nparams)]]
                    )
        return got

    got = place.agree(work)
    assert got[0][3] == [23, 25, 20]
