"""Statements that people write and that need more than a mask: blocks, plans, rows with values of one's own."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.clients.place import Access, Place

SAME = [
    "DO $$ BEGIN NULL; END $$",
    "DO $$ BEGIN PERFORM 1; RAISE NOTICE 'hello %', 1 + 1; END $$",
    "DO LANGUAGE plpgsql $$ DECLARE n int; BEGIN SELECT count(*) INTO n FROM wards; RAISE NOTICE 'n %', n; END $$",
    "DO $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM wards ORDER BY ward_id LOOP RAISE NOTICE '%', r; END LOOP;"
    " END $$",
    "DO $$ DECLARE w wards%ROWTYPE; t wards.name%TYPE := 'x'; BEGIN SELECT * INTO w FROM wards WHERE ward_id = 1;"
    " RAISE NOTICE '% %', w.name, t; END $$",
    "DO $$ BEGIN FOR i IN 1..3 LOOP INSERT INTO tickets (topic, body) VALUES ('road', 'block ' || i); END LOOP;"
    " UPDATE tickets SET body = upper(body) WHERE body LIKE 'block %'; END $$",
    "SELECT body FROM tickets WHERE body LIKE 'BLOCK%' ORDER BY 1",
    "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM wards WHERE ward_id = 1) THEN RAISE NOTICE 'none'; END IF;"
    " PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN RAISE NOTICE 'caught %', SQLERRM; END $$",
    "DO $$ BEGIN RAISE EXCEPTION 'no % way', 1 USING HINT = 'h', ERRCODE = '22000'; END $$",
    "DO $$ BEGIN INSERT INTO wards SELECT * FROM wards; END $$",
    "EXPLAIN (COSTS OFF, VERBOSE) SELECT name FROM wards WHERE ward_id = 1",
    "SELECT pg_blocking_pids(pg_backend_pid())",
    "INSERT INTO people (person_id, name, standing, homeland, arrived) VALUES (901, 'n', NULL, 'x', '2020-01-01')"
    " RETURNING person_id, name",
    "INSERT INTO people (person_id, name, homeland) VALUES (901, 'n', DEFAULT)"
    " ON CONFLICT (person_id) DO UPDATE SET name = excluded.name || '!' RETURNING name",
]

REFUSED = [
    "DO $$ BEGIN PERFORM homeland FROM people; END $$",
    "DO $$ BEGIN PERFORM name FROM people; END $$",
    "DO $$ BEGIN PERFORM count(*) FROM standings; END $$",
    "DO $$ BEGIN RAISE NOTICE '%', (SELECT homeland FROM people LIMIT 1); END $$",
    "DO $$ DECLARE x text := (SELECT homeland FROM people LIMIT 1); BEGIN NULL; END $$",
    "DO $$ DECLARE c CURSOR FOR SELECT homeland FROM people; BEGIN OPEN c; END $$",
    "DO $$ BEGIN ASSERT (SELECT bool_and(verified) FROM people); END $$",
    "DO $$ BEGIN DELETE FROM people; END $$",
    "DO $$ BEGIN INSERT INTO people (person_id, name) VALUES (1, 'x'); END $$",
    "DO $$ BEGIN EXECUTE 'SELECT 1'; END $$",
    "DO $$ BEGIN COMMIT; END $$",
    "DO $$ BEGIN SET search_path = port; END $$",
    "DO $$ BEGIN PERFORM set_config('search_path', 'port', false); END $$",
    "DO $$ BEGIN SET ROLE desk; END $$",
    "DO $$ BEGIN PERFORM set_config('role', 'counsel', true); END $$",
    "DO $$ BEGIN CREATE TEMP TABLE q (a int); END $$",
    "DO $$ DECLARE d text; BEGIN NULL; EXCEPTION WHEN others THEN GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;"
    " END $$",
    "DO $$ BEGIN PERFORM pg_read_file('x'); END $$",
    "DO LANGUAGE plperl $$ 1 $$",
    "EXPLAIN (COSTS OFF) SELECT name FROM people",
    "EXPLAIN (ANALYZE, VERBOSE) SELECT name FROM people",
    "UPDATE people SET homeland = 'x' WHERE person_id = 1",
    "CREATE SCHEMA x CREATE VIEW v AS SELECT homeland FROM people",
    "GRANT SELECT ON people TO PUBLIC",
    "SET SESSION AUTHORIZATION counsel",
    "REINDEX TABLE people",
]


@pytest.mark.client("psycopg 3", "DO blocks, values of one's own for hidden columns")
def test_more_than_masks(place: Place) -> None:
    def work(a: Access) -> Any:
        got: list[Any] = []
        notices: list[str | None] = []
        with psycopg.connect(a.url(), autocommit=True) as c:
            c.add_notice_handler(lambda d: notices.append(d.message_primary))
            c.execute("BEGIN")
            for sql in SAME:
                c.execute("SAVEPOINT s")
                try:
                    cur = c.execute(sql.encode())
                    got.append([sql, cur.statusmessage, cur.fetchall() if cur.description else None])
                except psycopg.Error as e:
                    got.append([sql, e.sqlstate, e.diag.message_primary, e.diag.message_detail, e.diag.message_hint])
                    c.execute("ROLLBACK TO s")
                got[-1].append(notices[:])
                notices.clear()
            c.execute("ROLLBACK")
        return got

    got = place.agree(work)
    assert [g[0] for g in got if len(g) > 4] == [SAME[8], SAME[9]]


@pytest.mark.client("psycopg 3", "refusals: what in a block cannot be judged; statements are named as one writes them")
def test_what_is_refused(place: Place) -> None:
    with psycopg.connect(place.through().url(), autocommit=True) as c:
        for sql in REFUSED:
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as e:
                c.execute(sql.encode())
            said = e.value.diag.message_primary or ""
            assert e.value.diag.message_hint, sql
            assert "Stmt" not in said
            assert "homeland" not in said or "homeland" in sql
