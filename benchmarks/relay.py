"""pgbench through redactor, and direct, and through PgBouncer where it is installed; taking turns.

Transactions a second as pgbench says them; the proxy's processor time for each, from /proc.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.machine import processor_seconds
from benchmarks.place import Place
from redactor.demo.cluster import die_with_parent, free_port
from redactor.demo.run import serving

ALLOWED = "\\set aid random(1, 100000 * :scale)\nSELECT abalance FROM pgbench_accounts WHERE aid = :aid;\n"
REWRITTEN = "\\set aid random(1, 100000 * :scale)\nSELECT abalance, filler FROM pgbench_accounts WHERE aid = :aid;\n"
SCALE = 5


@contextmanager
def bouncing(place: Place) -> Iterator[tuple[int, int] | None]:
    """PgBouncer in session mode in front of the database: (port, pid); None where it is not installed."""
    program = shutil.which("pgbouncer")
    if program is None:
        yield None
        return
    port = free_port()
    directory = place.directory / "pgbouncer"
    directory.mkdir()
    directory.chmod(0o777)
    (directory / "users.txt").write_text('"ordinary" "ordinary"\n')
    (directory / "pgbouncer.ini").write_text(
        f"[databases]\nbench = host=127.0.0.1 port={place.cluster.port} dbname=bench\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = scram-sha-256\n"
        f"auth_file = {directory}/users.txt\npool_mode = session\nunix_socket_dir =\nmax_client_conn = 200\n"
        f"default_pool_size = 64\n"
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


def pgbench(place: Place, port: int, script: Path, mode: str, clients: int, seconds: int) -> float:
    """Transactions a second."""
    command: list[str | Path] = [place.cluster.binaries / "pgbench", "-n", "-M", mode, "-c", str(clients), "-j", "2"]
    command += ["-T", str(seconds), "-D", f"scale={SCALE}", "-f", script]
    command.append(f"postgresql://ordinary:ordinary@127.0.0.1:{port}/bench")
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if done.returncode or found is None:
        raise RuntimeError(f"pgbench failed: {done.stdout}\n{done.stderr}")
    return float(found.group(1))


def measure(place: Place, quick: bool) -> list[dict[str, object]]:
    """One row for each way, mode and statement: medians over the rounds."""
    rounds, seconds, clients = (1, 2, 8) if quick else (5, 5, 8)
    scripts = {"allowed": place.directory / "allowed.sql", "rewritten": place.directory / "rewritten.sql"}
    scripts["allowed"].write_text(ALLOWED)
    scripts["rewritten"].write_text(REWRITTEN)
    with serving(place.directory, place.port) as process, bouncing(place) as bouncer:
        ways: list[tuple[str, int, int | None]] = [("direct", place.cluster.port, None)]
        if bouncer is not None:
            ways.append(("pgbouncer", *bouncer))
        ways.append(("redactor", place.port, process.pid))
        found: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
        for _ in range(rounds):
            for mode in ("simple", "prepared"):
                for statement, script in scripts.items():
                    for name, port, pid in ways:
                        before = processor_seconds(pid) if pid else 0.0
                        tps = pgbench(place, port, script, mode, clients, seconds)
                        used = (processor_seconds(pid) - before) / (tps * seconds) * 1e6 if pid else 0.0
                        found.setdefault((name, mode, statement), []).append((tps, used))
    return [
        {
            "way": name,
            "mode": mode,
            "statement": statement,
            "tps": round(statistics.median(t for t, _ in values)),
            "proxy_cpu_us": round(statistics.median(u for _, u in values), 1),
            "rounds": len(values),
        }
        for (name, mode, statement), values in found.items()
    ]
