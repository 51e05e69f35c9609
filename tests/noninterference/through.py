"""redactor in front of the cities, as its users run it: `redactor serve` in a process of its own.

Knows the command line and the files that it reads; nothing of what is inside.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from tests import servers
from tests.noninterference import city


def configure(pair: city.Pair, directory: Path, port: int) -> Path:
    """Writes redactor.yaml and what it names into a directory; the catalog is that of the server's version."""
    catalog = (city.HERE / "catalog.yaml").read_text()
    head, functions = catalog.split("functions:\n")
    extras = [("extra18.yaml", pair.major >= 18), ("extra_contrib.yaml", "hstore" in pair.offers)]
    for name, there in extras:
        if there:
            head += (city.HERE / name).read_text().split("relations:\n")[1]
    server = conninfo_to_dict(pair.server)
    databases = ""
    for name in ("city_a", "city_b"):
        (directory / f"{name}.yaml").write_text(
            f"{head}functions:\n{functions}".replace("database: city", f"database: {name}")
        )
        upstream = f"postgresql://redactor:redactor-pw@{server['host']}:{server['port']}/{name}"
        databases += f"  {name}: {{upstream: '{upstream}', catalog: {name}.yaml}}\n"
    shutil.copy(city.HERE / "policy.yaml", directory / "policy.yaml")
    file = directory / "redactor.yaml"
    file.write_text(
        f"listen: 127.0.0.1:{port}\ndatabases:\n{databases}policy: policy.yaml\nstore: sqlite:///{directory}/redactor.db\n"
    )
    return file


@contextmanager
def redactor(pair: city.Pair, directory: Path) -> Iterator[str]:
    """A running proxy; gives its DSN without a database."""
    port = servers.free_port()
    file = configure(pair, directory, port)
    with (directory / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "redactor", "serve", "-c", str(file)], stdout=log, stderr=log, cwd=directory
        )
    try:
        until = time.monotonic() + 180
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"redactor did not start: {(directory / 'serve.log').read_text()}") from None
                time.sleep(0.05)
        yield f"postgresql://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
