"""Ways around the decision that were tried, each on a real server: nothing hidden may come out of any of them.

Each attack is a session of an ordinary requester. Values that are hidden from him look like nothing else in the town,
so that they are found wherever they appear, in rows and in error messages.
"""

from __future__ import annotations

import re

import pytest

from tests.fixtures.town import Session, Town

HIDDEN = re.compile(r"A1\d\d\d|citizen|refugee\b|916-555|visa \d|code \d|service \d|street \d|note \d|blue", re.I)

ATTACKS = {
    "a temporary table that is gone when its transaction ends": [
        "CREATE TEMP TABLE residents (alien_number text) ON COMMIT DROP",
        "SELECT alien_number FROM residents WHERE alien_number IS NOT NULL",
    ],
    "a temporary table of a transaction that failed, ended and read in one text": [
        "BEGIN",
        "CREATE TEMP TABLE residents (alien_number text)",
        "SELECT 1 / 0",
        "COMMIT; SELECT alien_number FROM residents WHERE alien_number IS NOT NULL",
    ],
    "one's own temporary schema behind public": [
        "CREATE TEMP TABLE residents (alien_number text)",
        "SELECT set_config('search_path', 'public, {temp}', false)",
        "SELECT alien_number FROM residents WHERE alien_number IS NOT NULL",
    ],
    "one's own temporary schema behind public, by SET": [
        "CREATE TEMP TABLE residents (alien_number text)",
        "SET search_path = public, {temp}",
        "TABLE residents",
    ],
    "a table that is there already": [
        "CREATE TABLE IF NOT EXISTS public.residents (x integer)",
        "SELECT alien_number FROM public.residents WHERE alien_number IS NOT NULL",
    ],
    "a table that is there already, by CREATE TABLE AS": [
        "CREATE TABLE IF NOT EXISTS public.residents AS SELECT 1",
        "SELECT status FROM public.residents",
    ],
    "a materialized view that is there already": [
        "CREATE MATERIALIZED VIEW IF NOT EXISTS public.status_cards AS SELECT 1",
        "SELECT status FROM public.status_cards",
    ],
    "a setting that is not made, since its call is not needed": [
        "SELECT repeat(set_config('search_path', 'housing', false), NULL)",
        "SELECT * FROM residents",
    ],
    "a setting that is made for no row": [
        "SELECT generate_series(1, 0), set_config('search_path', 'housing', false)",
        "SELECT * FROM residents",
    ],
    "a whole row beside a function whose columns are not known": [
        "UPDATE residents r SET district = district FROM generate_series(1, 1) g WHERE resident_id = 3"
        " RETURNING r::text"
    ],
    "a whole deleted row": [
        "BEGIN",
        "DELETE FROM people p USING generate_series(1, 1) g WHERE p.person_id = g RETURNING p::text",
    ],
    "a whole merged row": [
        "MERGE INTO public.residents r USING generate_series(1, 1) d ON r.district = d"
        " WHEN MATCHED THEN UPDATE SET district = 1 RETURNING row_to_json(r)"
    ],
    "a copy of a relation that is to look empty": ["COPY housing.shelters TO STDOUT"],
    "a copy of a materialized view": ["COPY status_cards TO STDOUT", "COPY status_cards (status) TO STDOUT"],
    "a table that is a type's namesake": [
        "CREATE TEMP TABLE text (a integer)",
        "SELECT phone FROM residents",
    ],
    "columns renamed to those that a mask reads": [
        "SELECT status FROM residents AS x (resident_id, alien_number, district, full_name, arrived, phone, status)",
        "SELECT phone FROM residents AS x (a, b, c, phone, d, e, arrived)",
        "SELECT a FROM residents AS x (phone, b, c, d, e, f, a)",
    ],
    "old, new and what was to be inserted": [
        "INSERT INTO residents (resident_id) VALUES (3) ON CONFLICT (resident_id) DO UPDATE SET district = 3"
        " RETURNING old.status, new.alien_number",
        "INSERT INTO residents (resident_id) VALUES (3) ON CONFLICT (resident_id) DO UPDATE SET district = 3"
        " RETURNING old",
        "INSERT INTO residents (resident_id) VALUES (3) ON CONFLICT (resident_id) DO UPDATE SET district = 3"
        " RETURNING WITH (OLD AS o) o.phone, (o).status",
    ],
    "what was prepared before the name meant something else": [
        "PREPARE p AS SELECT alien_number FROM residents",
        "CREATE TEMP TABLE residents (alien_number text)",
        "EXECUTE p",
        "DROP TABLE residents",
        "EXECUTE p",
    ],
    "what was prepared when the name meant something else": [
        "CREATE TEMP TABLE residents (alien_number text)",
        "PREPARE p AS SELECT alien_number FROM residents",
        "DROP TABLE residents",
        "EXECUTE p",
        "EXPLAIN EXECUTE p",
        "CREATE TEMP TABLE q AS EXECUTE p",
        "SELECT * FROM q",
    ],
    "a view of one's own over a namesake": [
        "CREATE TEMP TABLE residents (alien_number text)",
        "CREATE TEMP VIEW v AS SELECT alien_number FROM residents",
        "ALTER TABLE residents RENAME TO elsewhere",
        "SELECT * FROM v",
        "SELECT * FROM residents",
    ],
    "a rename that finds nothing": [
        "CREATE TEMP TABLE mine (alien_number text) ON COMMIT DROP",
        "ALTER TABLE IF EXISTS mine RENAME TO residents",
        "SELECT * FROM residents",
    ],
    "a savepoint that takes the namesake away": [
        "BEGIN",
        "SAVEPOINT s",
        "CREATE TEMP TABLE residents (alien_number text)",
        "ROLLBACK TO s; SELECT alien_number FROM residents",
        "ROLLBACK",
    ],
    "odd spelling": [
        'SELECT U&"residents".U&"st!0061tus" UESCAPE \'!\' FROM U&"r!0065sidents" UESCAPE \'!\' /* \' */ -- x\n',
        "SELECT/**/alien_number/* /* */ */FROM--\nresidents",
        'SELECT RESIDENTS."alien_number" FROM PUBLIC . "residents"',
        "(((TABLE residents)))",
    ],
    "a query in the argument of a function that is guarded": [
        "SELECT pg_relation_size((SELECT alien_number FROM residents WHERE resident_id = 3)::regclass)",
        "SELECT pg_table_size((SELECT status FROM residents WHERE resident_id = 1))",
    ],
    "a type's name called like a function": [
        "CREATE DOMAIN clerk.d AS text CHECK (NOT tools.known(3, length(VALUE)))",
        "SELECT clerk.d('x')",
    ],
    "functions that take the row": [
        "SELECT card(r) FROM residents r",
        "SELECT r.card FROM residents r",
        "SELECT (r).card, status(r) FROM residents r",
        "SELECT card(residents.*) FROM residents",
        "SELECT housing.pick(1)",
        "SELECT tools.mixed(1, 2, 3), tools.mixed(a => 1, VARIADIC rest => ARRAY[2])",
        "SELECT standing_of(i => 2)",
    ],
}


@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_hidden_comes_out(town: Town, name: str) -> None:
    session = Session(town)
    try:
        for step in ATTACKS[name]:
            if "{temp}" in step:
                found = session.connection.execute("SELECT pg_my_temp_schema()::regnamespace::text").fetchone()
                assert found is not None
                step = step.replace("{temp}", found[0])
            answer = session.run(step)
            assert not HIDDEN.search(str(answer)), step
    finally:
        session.close()
        town.mend()


def test_a_new_row_is_not_compared_with_hidden_values(town: Town) -> None:
    session = Session(town)
    try:
        there = session.run("INSERT INTO cards (card_id, district) VALUES (8, 1)")
        missing = session.run("INSERT INTO cards (card_id, district) VALUES (9, 2)")
        assert there == missing
        assert str(there).startswith("42501 insert of public.cards would tell of protected data")
        assert str(session.run("INSERT INTO cards (card_id, district) VALUES (9, 2) ON CONFLICT DO NOTHING")) == there
    finally:
        session.close()


def test_figures_hide_under_other_names(town: Town) -> None:
    session = Session(town)
    try:
        rows = session.run(
            "SELECT relname, reltuples FROM pg_class AS c (x, relname, oid) WHERE x = 'public.residents'::regclass"
        )
        assert rows == [("residents", None)]
    finally:
        session.close()


def test_the_hidden_can_be_seen_by_who_may(town: Town) -> None:
    """That HIDDEN finds what it should."""
    session = Session(town, "chief")
    try:
        assert HIDDEN.search(str(session.run("SELECT * FROM residents")))
        assert HIDDEN.search(str(session.run("COPY status_cards TO STDOUT")))
        assert HIDDEN.search(str(session.run("COPY housing.shelters TO STDOUT")))
    finally:
        session.close()
