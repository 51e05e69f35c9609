"""Makes redactor/sql/builtins/{pg_proc,pg_class,pg_settings}.tsv: what PostgreSQL itself has, from servers of each
major version: functions, system relations with their columns, settings.

    python tools/read_builtins.py BINDIR [BINDIR ...]

Each BINDIR holds initdb and postgres of one major version (13 to 18). A throw-away cluster is made of each and asked
in single-user mode; nothing listens. The results are merged, one line a name, tab-separated:

    pg_proc      name  first version  last version  volatilities of its overloads  kinds  argument counts  callable
    pg_class     schema.name  first version  last version  columns
    pg_settings  name  first version  last version  context

`callable` is no if every overload takes or gives a pseudo-type such as internal or trigger: no statement can call it.
Only facts. What they mean is in functions.toml, relations.toml and settings.toml, written and reviewed by hand.
"""

from __future__ import annotations

import os
import pwd
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

OUT = Path(__file__).parent.parent / "redactor" / "sql" / "builtins"
UNCALLABLE = "internal trigger event_trigger language_handler index_am_handler table_am_handler fdw_handler tsm_handler"
QUERIES = {
    "pg_proc": (
        "SELECT proname, string_agg(DISTINCT provolatile::text, ''), string_agg(DISTINCT prokind::text, ''),"
        " string_agg(DISTINCT (pronargs - pronargdefaults) || '-' || CASE WHEN provariadic <> 0 THEN '*'"
        " ELSE pronargs::text END, ','), CASE WHEN bool_and('internal'::regtype = ANY (proargtypes)"
        f" OR prorettype = ANY ('{{{','.join(UNCALLABLE.split())}}}'::regtype[])) THEN 'no' ELSE 'yes' END"
        " FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND oid < 16384 GROUP BY proname"
    ),
    "pg_class": (
        "SELECT c.relnamespace::regnamespace || '.' || c.relname, string_agg(a.attname, ' ' ORDER BY a.attnum)"
        " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 WHERE c.relkind IN ('r', 'v')"
        " AND c.oid < 16384 AND c.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"
        " GROUP BY 1"
    ),
    "pg_settings": "SELECT lower(name), context FROM pg_settings",
}


def facts_of(binaries: Path) -> tuple[int, dict[str, list[list[str]]]]:
    """The major version, and for each query its rows."""
    said = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"(\d+)\.\d+", said)
    assert match is not None, said
    with tempfile.TemporaryDirectory(prefix="pg-builtins-") as directory:
        user: dict[str, object] = {}
        if os.geteuid() == 0:
            entry = pwd.getpwnam("postgres" if any(e.pw_name == "postgres" for e in pwd.getpwall()) else "nobody")
            os.chown(directory, entry.pw_uid, entry.pw_gid)
            user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        data = f"{directory}/data"
        initdb = [binaries / "initdb", "-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C", "-N"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=directory, **user)  # type: ignore[call-overload]
        asked = subprocess.run(
            [binaries / "postgres", "--single", "-D", data, "-j", "postgres"],
            input="".join(f"COPY ({query}) TO '{directory}/{name}';\n\n" for name, query in QUERIES.items()),
            text=True,
            capture_output=True,
            cwd=directory,
            **user,  # type: ignore[call-overload]
        )
        if not all(Path(directory, name).exists() for name in QUERIES):
            raise SystemExit(f"{binaries}: {asked.stderr}")
        rows = {n: [x.split("\t") for x in Path(directory, n).read_text().splitlines()] for n in QUERIES}
        return int(match[1]), rows


def merged(name: str, facts: list[list[str]]) -> list[str]:
    """One name's facts in all versions, made one."""
    match name:
        case "pg_proc":
            volatility, kinds = ("".join(sorted({c for f in facts for c in f[i]})) for i in (0, 1))
            counts = ",".join(sorted({c for f in facts for c in f[2].split(",")}))
            return [volatility, kinds, counts, "yes" if any(f[3] == "yes" for f in facts) else "no"]
        case "pg_class":
            return [" ".join(dict.fromkeys(c for f in facts for c in f[0].split()))]
        case _:
            return facts[-1]


def main(directories: list[str]) -> None:
    seen: defaultdict[str, defaultdict[str, dict[int, list[str]]]] = defaultdict(lambda: defaultdict(dict))
    versions = set()
    for directory in directories:
        version, found = facts_of(Path(directory))
        versions.add(version)
        print(version, {name: len(rows) for name, rows in found.items()}, file=sys.stderr)
        for query, rows in found.items():
            for name, *facts in rows:
                seen[query][name][version] = facts
    assert versions == set(range(min(versions), max(versions) + 1)), f"a version is missing: {sorted(versions)}"
    for query, names in seen.items():
        with (OUT / f"{query}.tsv").open("w") as out:
            out.write(f"# PostgreSQL {min(versions)} to {max(versions)}; made by tools/read_builtins.py\n")
            for name, by_version in sorted(names.items()):
                present = sorted(by_version)
                assert present == list(range(present[0], present[-1] + 1)), f"{name} went and came back: {present}"
                facts = merged(query, [by_version[v] for v in present])
                out.write("\t".join([name, str(present[0]), str(present[-1]), *facts]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
