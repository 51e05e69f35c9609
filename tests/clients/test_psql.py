"""psql: every describing command, COPY, variables, FETCH_COUNT, tab completion, modes of output."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.place import Access, Place, program

DESCRIBING = (Path(__file__).parent / "describing.txt").read_text().splitlines()

SCRIPT = r"""
\set ward 4
\set who 'Person 7'
\pset null (null)
SELECT * FROM people WHERE ward_id = :ward ORDER BY person_id;
SELECT person_id, homeland FROM people WHERE name = :'who';
SELECT count(*) AS n, max(ticket_id) AS last FROM tickets \gset
\echo :n :last
SELECT * FROM people WHERE person_id = 3 \gx
SELECT name, standing FROM people ORDER BY person_id LIMIT 3 \g (format=csv)
SELECT * FROM people \gdesc
SELECT format('SELECT count(*) AS %I FROM %s', t, t) FROM (VALUES ('people'), ('wards')) v(t) \gexec
SELECT topic, state, count(*) FROM tickets GROUP BY 1, 2 ORDER BY 1, 2 \crosstabview topic state count
SELECT person_id, homeland FROM people WHERE person_id = $1 \bind 5 \g
SELECT name, points FROM people WHERE person_id = $1 \parse named
\bind_named named 6 \g
\close_prepared named
BEGIN;
INSERT INTO notes (note_id, title) VALUES (1, 'psql') RETURNING *;
SAVEPOINT s;
INSERT INTO notes (title) VALUES ('psql');
ROLLBACK TO s;
SELECT count(*) FROM notes;
ROLLBACK;
SELECT nope FROM wards;
\echo :SQLSTATE :LAST_ERROR_MESSAGE
SELECT 1/0;
\errverbose
\set FETCH_COUNT 7
SELECT * FROM people ORDER BY person_id;
SELECT ticket_id FROM tickets ORDER BY 1 LIMIT 30;
\unset FETCH_COUNT
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT nope;
SELECT 'still here';
COMMIT;
\set ECHO_HIDDEN on
\set AUTOCOMMIT off
SELECT 1;
COMMIT;
DROP TABLE IF EXISTS no_table_of_this_name;
CALL port.berth(-5, 'x');
ROLLBACK;
SELECT 1; SELECT 2 \; SELECT person_id, standing FROM people ORDER BY 1 LIMIT 2 \; SELECT 3;
\timing off
"""


@pytest.fixture(params=["18", pytest.param("15", marks=pytest.mark.slow)])
def here(request: pytest.FixtureRequest) -> Place:
    """Each server with its own tools. Debian's has all contrib and a psql with readline."""
    found = request.getfixturevalue("place" if request.param == "18" else "debian")
    assert isinstance(found, Place)
    return found


@pytest.fixture(autouse=True)
def _version(here: Place, version: Callable[[str], None]) -> None:
    version(program([here.server.binaries / "psql", "--version"], here.direct()).stdout.split()[2])


def psql(place: Place, a: Access, script: str, *options: str) -> list[Any]:
    done = program([place.server.binaries / "psql", "-X", "-q", *options], a, ok=False, feed=script)
    # the only things that may differ are where one is connected to, and the keys of one's session
    hide = [
        (str(a.port), "PORT"),
        (f'"{a.database}"', "DATABASE"),
        (r"(Backend PID|PID) .*|.*microseconds.*|\w{3} \w{3} .*every.*", ""),
    ]
    out = [done.stdout, done.stderr]
    for pattern, instead in hide:
        out = [re.sub(pattern, instead, o) for o in out]
    return [done.returncode, *[o.split("\n") for o in out]]


@pytest.mark.client(
    "psql", "the \\d family, \\sf, \\sv, \\l: seventy describing commands (those that show sizes: that they work)"
)
def test_describing(here: Place) -> None:
    known = [d for d in DESCRIBING if here.server.major >= 16 or not d.startswith("\\drg")]
    # sizes, and with them what is on disk of hidden columns, are masked: they are left out of the comparison
    sized = {"\\d+", "\\dt+ port.*", "\\dv+", "\\di+ port.*", "\\dPt+"}
    marked = "\n".join(f"\\echo == {d}\n{d}" for d in known if d not in sized)
    through, direct = (_sections(psql(here, a, marked)) for a in (here.through(), here.direct()))
    assert {k: (through.get(k), v) for k, v in direct.items() if through.get(k) != v} == {}
    # these must work; what they say of tables without hidden columns is the same
    code, _, err = psql(here, here.through(), "\n".join(sized))
    assert (code, err) == (0, [""])


def _sections(done: list[Any]) -> dict[str, list[str]]:
    """What each command printed; what went to stderr is at the end."""
    found: dict[str, list[str]] = {"stderr": done[2]}
    name = ""
    for line in done[1]:
        if line.startswith("== "):
            name = line
        found.setdefault(name, []).append(line)
    return found


@pytest.mark.client(
    "psql",
    "a script: variables, \\gset, \\gdesc, \\gexec, \\crosstabview, \\bind, \\watch, FETCH_COUNT, ON_ERROR_ROLLBACK",
)
def test_script(here: Place) -> None:
    later = "SELECT 'again' \\watch i=0.1 c=2\n" if here.server.major >= 17 else ""  # without a count it has no end
    here.agree(lambda a: psql(here, a, SCRIPT + later))


@pytest.mark.client("psql", "\\copy and COPY in and out, to files and pipes")
def test_copy(here: Place, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("note_id,title\n" + "".join(f'{i},"row, {i}"\n' for i in range(25)))
    script = rf"""
\copy (SELECT * FROM people ORDER BY person_id LIMIT 4) TO STDOUT WITH CSV HEADER
\copy people (person_id, name, standing) TO STDOUT
\copy people TO '{tmp_path}/out.tsv'
\copy tickets TO PROGRAM 'sort | tail -n 3'
COPY (SELECT 1, 'two') TO STDOUT;
BEGIN;
\copy notes (note_id, title) FROM '{tmp_path}/in.csv' WITH (FORMAT csv, HEADER)
SELECT count(*), min(title) FROM notes;
COPY notes (note_id, title) FROM STDIN;
991	typed in
992	\N
\.
ROLLBACK;
BEGIN;
COPY people (person_id, name) FROM STDIN;
991	typed in
\.
SELECT * FROM people WHERE person_id > 990;
ROLLBACK;
\copy nothing_here TO STDOUT
"""

    def work(a: Access) -> Any:
        return psql(here, a, script), (tmp_path / "out.tsv").read_text()

    here.agree(work)


@pytest.mark.client("psql", "modes: csv, html, unaligned, -1, several -c, ON_ERROR_STOP, VERBOSITY")
def test_modes(here: Place) -> None:
    sql = "SELECT person_id, name, homeland FROM people ORDER BY 1 LIMIT 3"

    def work(a: Access) -> Any:
        return [
            [psql(here, a, "", *o, "-c", sql) for o in (["--csv"], ["-H"], ["-At"], ["-x"])],
            psql(here, a, "SELECT 1;\nSELECT nope;\nSELECT 2;\n", "-v", "ON_ERROR_STOP=1"),
            psql(
                here,
                a,
                "INSERT INTO notes (title) VALUES ('x');\nSELECT 1/0;\n",
                "-1",
                "-v",
                "ON_ERROR_STOP=1",
                "-f",
                "-",
            ),
            psql(here, a, "", "-c", "SELECT count(*) FROM notes; SELECT 2", "-c", r"\echo done"),
            [
                psql(here, a, "SELECT * FROM nothing;\nINSERT INTO wards VALUES (1);\n", "-v", f"VERBOSITY={v}")
                for v in ("sqlstate", "terse")
            ],
        ]

    here.agree(work)


@pytest.mark.client("psql", "a refusal is an error with detail and hint; the session goes on")
def test_refusal(here: Place) -> None:
    script = "SELECT name FROM people WHERE homeland = 'Land 1';\n\\echo :SQLSTATE\nSELECT 'goes on';\n"
    code, out, err = psql(here, here.through(), script, "-At")
    assert (code, out) == (0, ["42501", "goes on", ""])
    assert "people.homeland is protected" in err[0]
    assert any(line.startswith("HINT:") for line in err)


@pytest.mark.slow
@pytest.mark.client("psql", "tab completion of tables, columns, schemas, functions, settings")
def test_completion(here: Place) -> None:
    if (
        b"readline"
        not in subprocess.run(["ldd", here.server.binaries / "psql"], capture_output=True, check=False).stdout
    ):
        pytest.skip("this psql has no readline")

    def work(a: Access) -> Any:
        keys = [
            *(
                "SELECT 'got ' || name FROM peo\t WHERE perso\t= 3;\n",
                "SELECT 'got ' || vess\tFROM port.ber\t WHERE berth\t= 2;\n",
            ),
            *(
                "SET search_p\tTO po\t;\n",
                "SHOW search_p\t;\n",
                "RESET search_p\t;\n",
                "SELECT 'got ' || open_tick\t7);\n",
            ),
            *(
                "\\d wa\t\n",
                "SELECT 'got ' || titl\tFROM not\t;\n",
                "DROP TABLE sta\t\t\t\x15",
                "UPDATE peo\tSET home\t\t\x15",
            ),
            *("SELECT 'got end';\n", "\\q\n"),
        ]
        return [line for line in _typed(here, a, keys) if "got " in line or "Ward" in line or "port" in line]

    assert any("got Person 3" in line for line in here.agree(work))


def _typed(place: Place, a: Access, keys: list[str]) -> list[str]:
    """What psql shows to someone who types that, each line when the one before has been dealt with."""
    main, child = pty.openpty()
    env = {**os.environ, **a.environment(), "TERM": "dumb", "PAGER": "cat", "LC_ALL": "C", "INPUTRC": "/dev/null"}
    command = [place.server.binaries / "psql", "-X", "-q", "-At", "-v", "PROMPT1=> ", "-v", "PROMPT2=+ "]
    process = subprocess.Popen(command, stdin=child, stdout=child, stderr=child, env=env, start_new_session=True)
    os.close(child)
    seen = b""
    try:
        for line in keys:
            for part in re.findall(r"[^\t]+|\t", line):
                os.write(main, part.encode())
                seen += _quiet(main)
        process.wait(10)
    finally:
        process.kill()
        process.wait()
        os.close(main)
    return [line.strip() for line in seen.decode(errors="replace").replace("\r", "\n").split("\n")]


def _quiet(main: int) -> bytes:
    """What is shown until nothing more comes for a while."""
    got = b""
    until = time.monotonic() + 5
    while time.monotonic() < until and select.select([main], [], [], 0.25)[0]:
        try:
            got += os.read(main, 65536)
        except OSError:
            break
    return got
