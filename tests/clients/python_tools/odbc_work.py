"""What psqlODBC gives, as office programs use it: its catalog functions, cursors, prepared statements, rollback of one
statement; printed."""

import os
from urllib.parse import urlsplit

import pyodbc

URL = urlsplit(os.environ["URL"])
DRIVER = os.environ["DRIVER"]
pyodbc.pooling = False


def say(*what):
    print("|".join(str(w) for w in what))


def connect(**options):
    given = {
        "Driver": DRIVER, "Server": URL.hostname, "Port": URL.port, "Database": URL.path[1:], "UID": URL.username,
        "PWD": URL.password, "SSLmode": "disable", **options,
    }
    return pyodbc.connect(";".join(f"{k}={v}" for k, v in given.items()), autocommit=True)


def rows(cursor):
    return [[d[:2] + d[3:] for d in cursor.description or []], [tuple(r) for r in cursor.fetchall()]]


def catalog(c):
    cur = c.cursor()
    say("info", c.getinfo(pyodbc.SQL_DBMS_NAME), c.getinfo(pyodbc.SQL_IDENTIFIER_QUOTE_CHAR), c.getinfo(pyodbc.SQL_USER_NAME))
    for r in cur.tables():
        if r.table_schem in ("public", "port"):
            say("table", *r[1:])
    for table, schema in (("people", "public"), ("tickets", "public"), ("calls", "port"), ("samples", "public")):
        for r in cur.columns(table=table, schema=schema):
            say("column", *r[1:18])
        for r in cur.primaryKeys(table=table, schema=schema):
            say("key", *r[1:])
        for r in cur.foreignKeys(table=table, schema=schema):
            say("referred", *r[1:])
        for r in cur.foreignKeys(foreignTable=table, foreignSchema=schema):
            say("refers", *r[1:])
        for r in cur.statistics(table, schema=schema, unique=False):
            say("index", *r[1:10], *r[11:])
        for r in cur.rowIdColumns(table, schema=schema):
            say("row id", *r)
    for r in cur.procedures(schema="public"):
        say("procedure", *r[1:])
    for r in cur.procedureColumns(procedure="open_tickets"):
        say("argument", *r[1:8])
    for r in cur.getTypeInfo(pyodbc.SQL_INTEGER):
        say("type", *r)


def work(c):
    cur = c.cursor()
    say("all", rows(cur.execute("SELECT * FROM people ORDER BY person_id")))
    say("some", rows(cur.execute("SELECT person_id, name, homeland, points FROM people WHERE ward_id = ? AND born > ? ORDER BY 1", 2, "1980-01-01")))
    say("join", rows(cur.execute("SELECT p.name, t.topic, t.cost, t.opened FROM people p JOIN tickets t USING (person_id) WHERE t.state = ? ORDER BY t.ticket_id", "open")))
    for person in (3, 4, 5):
        say("again", rows(cur.execute("SELECT name, standing, prefs FROM people WHERE person_id = ?", person)))
    say("sum", rows(cur.execute("SELECT ward_id, count(*), avg(rent) FROM people GROUP BY ward_id ORDER BY 1")))
    say("scalar", rows(cur.execute("SELECT {fn UCASE(name)}, {fn LENGTH(email)}, {d '2024-01-01'} FROM people WHERE person_id = 3")))
    say("kinds", rows(cur.execute("SELECT * FROM samples ORDER BY 1")))
    cur.execute("SELECT person_id FROM people ORDER BY person_id")
    while batch := cur.fetchmany(17):
        say("batch", [r[0] for r in batch])
    cur.execute("SELECT 1 AS a; SELECT name FROM wards ORDER BY 1")
    say("first", rows(cur), cur.nextset(), rows(cur))
    c.autocommit = False
    cur.execute("INSERT INTO notes (title) VALUES (?)", "one")
    cur.executemany("INSERT INTO notes (title) VALUES (?)", [("two",), ("three",)])
    say("counts", cur.execute("UPDATE notes SET title = title || '!' WHERE title <> ?", "two").rowcount)
    try:
        cur.execute("SELECT nothing FROM wards")
    except pyodbc.Error as e:
        say("error", e.args[0])
    try:
        say("after", rows(cur.execute("SELECT title FROM notes ORDER BY 1")))
    except pyodbc.Error as e:
        say("still", e.args[0])
    c.rollback()
    say("gone", rows(cur.execute("SELECT count(*) FROM notes")))
    c.rollback()
    c.autocommit = True


def refusals(c):
    cur = c.cursor()
    for text in ("SELECT name FROM people WHERE homeland = 'Land 3'", "SELECT * FROM port.refugee_services"):
        try:
            cur.execute(text).fetchall()
            say("read", text)
        except pyodbc.Error as e:
            say("refused", e.args[0], "protected" in e.args[1])
        say("goes on", rows(cur.execute("SELECT 1 AS one")))


if os.environ["WORK"] == "refusals":
    refusals(connect())
elif os.environ["WORK"] == "catalog":
    catalog(connect())
else:
    for options in ({}, {"UseDeclareFetch": 1, "Fetch": 10}, {"UseServerSidePrepare": 0}, {"Protocol": "7.4-0"}, {"Protocol": "7.4-1"}):
        say("options", options)
        work(connect(**options))
