"""pgbench through redactor, and direct, and through PgBouncer where it is installed; taking turns.

Transactions a second as pgbench says them; the proxy's processor time for each, from /proc; one client's latency, from
pgbench's own log of every transaction.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import processor_seconds, quantile
from benchmarks.place import Place
from redactor.demo.cluster import die_with_parent, free_port
from redactor.demo.run import serving

_ONE = "FROM pgbench_accounts WHERE aid = :aid;\n"
ALLOWED = f"\\set aid random(1, 100000 * :scale)\nSELECT abalance {_ONE}"
REWRITTEN = f"\\set aid random(1, 100000 * :scale)\nSELECT abalance, filler {_ONE}"
SAME = "SELECT abalance FROM pgbench_accounts WHERE aid = 7;\n"
SCALE = 10
"""pgbench's: a million accounts."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to the database: where to connect, and the proxy's process; None: there is none."""

    name: str
    port: int
    pid: int | None


@contextmanager
def ways(place: Place) -> Iterator[list[Way]]:
    """All ways that there are: direct, PgBouncer where it is installed, redactor."""
    with ExitStack() as stack:
        process = stack.enter_context(serving(place.directory, place.port))
        bouncer = stack.enter_context(bouncing(place))
        found = [Way("direct", place.cluster.port, None)]
        if bouncer is not None:
            found.append(Way("pgbouncer", *bouncer))
        yield [*found, Way("redactor", place.port, process.pid)]


@contextmanager
def bouncing(place: Place, upstream: int | None = None, more: str = "") -> Iterator[tuple[int, int] | None]:
    """PgBouncer in session mode in front of the database (or of a port): (port, pid); None: it is not installed.

    `more`: lines of its configuration.
    """
    program = shutil.which("pgbouncer")
    if program is None:
        yield None
        return
    port = free_port()
    directory = place.directory / f"pgbouncer-{port}"
    directory.mkdir()
    directory.chmod(0o777)
    (directory / "users.txt").write_text('"ordinary" "ordinary"\n')
    (directory / "pgbouncer.ini").write_text(
        f"[databases]\nbench = host=127.0.0.1 port={upstream or place.cluster.port} dbname=bench\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = scram-sha-256\n"
        f"auth_file = {directory}/users.txt\npool_mode = session\nunix_socket_dir =\nmax_client_conn = 2000\n"
        f"default_pool_size = 2000\nserver_lifetime = 86400\n{more}"
    )
    command = [program, "-q", str(directory / "pgbouncer.ini")]
    if os.geteuid() == 0:
        command[1:1] = ["-u", "nobody"]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent
    )
    try:
        time.sleep(0.5)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def with_tls() -> Path | None:
    """A pgbench that speaks TLS, which the embedded one does not: Debian's, where it is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))
    return found[-1] if found else None


def pgbench(
    place: Place,
    port: int,
    script: Path,
    mode: str,
    clients: int,
    seconds: int,
    log: str = "",
    sslmode: str = "disable",
) -> float:
    """Transactions a second. `log`: where files with every transaction's time are to begin."""
    program = place.cluster.binaries / "pgbench" if sslmode == "disable" else with_tls()
    command: list[str | Path] = [program or "pgbench", "-n", "-M", mode, "-c", str(clients)]
    command += ["-j", str(min(2, clients)), "-T", str(seconds), "-D", f"scale={SCALE}", "-f", script]
    if log:
        command += ["-l", f"--log-prefix={log}"]
    command.append(f"postgresql://ordinary:ordinary@127.0.0.1:{port}/bench?sslmode={sslmode}")
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if done.returncode or found is None:
        raise RuntimeError(f"pgbench failed: {done.stdout}\n{done.stderr}")
    return float(found.group(1))


def measure(place: Place, among: list[Way], quick: bool) -> list[dict[str, object]]:
    """One row for each mode, statement and way: medians over the rounds."""
    rounds, seconds, clients = (1, 1, 8) if quick else (5, 3, 8)
    cases = [("simple", "the same text"), ("simple", "allowed"), ("prepared", "allowed"), ("prepared", "rewritten")]
    texts = {"the same text": SAME, "allowed": ALLOWED, "rewritten": REWRITTEN}
    found: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for _ in range(rounds):
        for mode, statement in cases:
            script = place.directory / "script.sql"
            script.write_text(texts[statement])
            for way in among:
                before = processor_seconds(way.pid) if way.pid else 0.0
                tps = pgbench(place, way.port, script, mode, clients, seconds)
                used = (processor_seconds(way.pid) - before) / (tps * seconds) * 1e6 if way.pid else 0.0
                found.setdefault((mode, statement, way.name), []).append((tps, used))
    rows = [
        {
            "mode": mode,
            "statement": statement,
            "way": name,
            "tps": round(statistics.median(t for t, _ in values)),
            "proxy CPU us": round(statistics.median(u for _, u in values), 1),
        }
        for (mode, statement, name), values in found.items()
    ]
    return compared(rows, ("mode", "statement"), {"tps": "tps, PgBouncer = 1", "proxy CPU us": "CPU, PgBouncer = 1"})


def latency(place: Place, among: list[Way], quick: bool) -> list[dict[str, object]]:
    """One client, prepared: quantiles of every transaction of all rounds, and what a proxy adds to the direct way."""
    rounds, seconds = (1, 1) if quick else (5, 3)
    script = place.directory / "latency.sql"
    script.write_text(ALLOWED)
    taken: dict[str, list[float]] = {way.name: [] for way in among}
    for _ in range(rounds):
        for way in among:
            with tempfile.TemporaryDirectory() as where:
                pgbench(place, way.port, script, "prepared", 1, seconds, f"{where}/log")
                for file in Path(where).iterdir():
                    taken[way.name] += [float(line.split(maxsplit=3)[2]) for line in file.read_text().splitlines()]
    rows: list[dict[str, object]] = []
    direct = sorted(taken["direct"])
    for name, values in taken.items():
        values.sort()
        row: dict[str, object] = {"way": name, "transactions": len(values)}
        for label, q in (("p50", 0.5), ("p99", 0.99)):
            row[f"{label} us"] = quantile(values, q)
            row[f"{label} added us"] = quantile(values, q) - quantile(direct, q)
        rows.append(row)
    return compared(rows, (), {"p50 added us": "p50 added, PgBouncer = 1", "p99 added us": "p99 added, PgBouncer = 1"})


def compared(rows: list[dict[str, object]], alike: tuple[str, ...], columns: dict[str, str]) -> list[dict[str, object]]:
    """The rows with figures as multiples of PgBouncer's in the row that is alike; nothing where there is none."""
    of_others = {tuple(r[k] for k in alike): r for r in rows if r["way"] == "pgbouncer"}
    for row in rows:
        other = of_others.get(tuple(row[k] for k in alike))
        for column, name in columns.items():
            mine, theirs = row[column], other[column] if other else 0
            assert isinstance(mine, int | float)
            assert isinstance(theirs, int | float)
            row[name] = round(mine / theirs, 2) if theirs > 0 and mine else ""
    return rows
