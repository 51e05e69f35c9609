"""What is measured: an embedded PostgreSQL with the reference schema and pgbench's tables, redactor's files for it."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from redactor.demo.cluster import Cluster, free_port, running

HERE = Path(__file__).parent

CATALOG = """\
database: bench
relations:
  public.residents: {columns: {id: {}, name: {}, city: {}, ssn: {tags: [document.ssn]}}}
  public.addresses: {columns: {resident_id: {}, street: {}}}
  public.service_requests: {columns: {resident_id: {}, created_at: {}, status: {}}}
  public.permits: {columns: {owner_id: {}, kind: {}}}
  public.open_accounts: {columns: {aid: {}, bid: {}, abalance: {}}}
  public.pgbench_accounts: {columns: {aid: {}, bid: {}, abalance: {}, filler: {tags: [document.ssn]}}}
  public.pgbench_branches: {columns: {bid: {}, bbalance: {}, filler: {}}}
  public.pgbench_tellers: {columns: {tid: {}, bid: {}, tbalance: {}, filler: {}}}
  public.pgbench_history: {columns: {tid: {}, bid: {}, aid: {}, delta: {}, mtime: {}, filler: {}}}
"""

OPEN = "CREATE TABLE open_accounts AS SELECT aid, bid, abalance FROM pgbench_accounts ORDER BY aid"
"""A table in which nothing is hidden, so that what asks for it is sent as it is."""

POLICY = """\
name: benchmark
roles:
  approved: {users: [approved]}
rules:
  - {id: documents, tags: [document], approved: [approved], otherwise: mask, because: measured}
"""

CONFIGURATION = """\
listen: 127.0.0.1:{port}
databases:
  bench: {{upstream: "{upstream}", catalog: catalog.yaml}}
policy: policy.yaml
store: sqlite:///store/redactor.db
"""


def reference_texts() -> tuple[str, ...]:
    """The three statements of reference.sql."""
    text = re.sub(r"--.*", "", (HERE / "reference.sql").read_text())
    return tuple(s.strip() for s in text.split(";") if s.strip() and not s.strip().startswith("CREATE"))


@dataclass(frozen=True, slots=True)
class Place:
    """`configuration` is redactor.yaml; redactor is to listen on `port`, the database is `cluster`."""

    cluster: Cluster
    directory: Path
    configuration: Path
    port: int


@contextmanager
def made(scale: int = 5) -> Iterator[Place]:
    """The servers and files; gone at the end. `scale` is pgbench's: 100,000 accounts each."""
    directory = Path(tempfile.mkdtemp(prefix="redactor-bench-"))
    directory.chmod(0o755)
    try:
        (directory / "postgresql").mkdir()
        (directory / "store").mkdir()
        with running(directory / "postgresql") as cluster:
            asyncio.run(_create(cluster))
            url = cluster.url("postgres", cluster.password, "bench")
            pgbench = [cluster.binaries / "pgbench", "-i", "-q", "-s", str(scale), url]
            subprocess.run(pgbench, check=True, capture_output=True)
            asyncio.run(_administer(cluster, "GRANT INSERT ON pgbench_history TO ordinary"))
            asyncio.run(_administer(cluster, OPEN))
            port = free_port()
            (directory / "catalog.yaml").write_text(CATALOG)
            (directory / "policy.yaml").write_text(POLICY)
            configuration = directory / "redactor.yaml"
            upstream = cluster.url("redactor", "redactor", "bench")
            configuration.write_text(CONFIGURATION.format(port=port, upstream=upstream))
            yield Place(cluster, directory, configuration, port)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def _administer(cluster: Cluster, statement: str) -> None:
    bench = await asyncpg.connect(cluster.url("postgres", cluster.password, "bench"))
    await bench.execute(statement)
    await bench.close()


def empty_history(place: Place) -> None:
    """Throws away what was copied in."""
    asyncio.run(_administer(place.cluster, "TRUNCATE pgbench_history"))


async def _create(cluster: Cluster) -> None:
    admin = await asyncpg.connect(cluster.url("postgres", cluster.password, "postgres"))
    await admin.execute("CREATE DATABASE bench")
    await admin.execute("CREATE ROLE redactor LOGIN PASSWORD 'redactor'")
    for login in ("ordinary", "approved"):
        await admin.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{login}' IN ROLE pg_read_all_data")
    await admin.close()
    bench = await asyncpg.connect(cluster.url("postgres", cluster.password, "bench"))
    tables = re.findall(r"CREATE TABLE[^;]+;", (HERE / "reference.sql").read_text())
    await bench.execute("\n".join(tables))
    await bench.close()
