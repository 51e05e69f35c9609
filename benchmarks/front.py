"""TLS with the client, and two workers: pgbench, prepared, another parameter each time, through PgBouncer and redactor.

Each way is a service of its own, on ports of its own; they take turns. The upstream side is without TLS, as elsewhere.
TLS takes a pgbench that speaks it; where there is none, those rows are left out.
"""

from __future__ import annotations

import datetime
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks import relay
from benchmarks.machine import processor_seconds, resident
from benchmarks.place import CATALOG, CONFIGURATION, POLICY, Place
from redactor.demo.cluster import free_port
from redactor.demo.run import serving


@dataclass(frozen=True, slots=True)
class Front:
    """A way, and how clients speak to it."""

    what: str
    way: relay.Way
    sslmode: str


def certify(directory: Path) -> tuple[Path, Path]:
    """A certificate for `localhost` that is signed by itself, and its key, as files that anybody here may read."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    files = directory / "front.crt", directory / "front.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption()))
    return files


@contextmanager
def served(place: Place, name: str, more: str) -> Iterator[relay.Way]:
    """`redactor serve` with more in its configuration."""
    directory, port = place.directory / name, free_port()
    (directory / "store").mkdir(parents=True)
    (directory / "catalog.yaml").write_text(CATALOG)
    (directory / "policy.yaml").write_text(POLICY)
    upstream = place.cluster.url("redactor", "redactor", "bench")
    (directory / "redactor.yaml").write_text(CONFIGURATION.format(port=port, upstream=upstream) + more)
    with serving(directory, port) as process:
        yield relay.Way("redactor", port, process.pid)


@contextmanager
def fronts(place: Place) -> Iterator[list[Front]]:
    """All of them, ready."""
    certificate, key = certify(place.directory)
    tls = f"tls: {{certificate: {certificate}, key: {key}}}\n"
    shown = f"client_tls_sslmode = allow\nclient_tls_cert_file = {certificate}\nclient_tls_key_file = {key}\n"
    with ExitStack() as stack:
        found = []
        bouncer = stack.enter_context(relay.bouncing(place, more=shown))
        if bouncer is not None:
            way = relay.Way("pgbouncer", *bouncer)
            found += [Front("one process", way, "disable"), Front("one process, TLS", way, "require")]
        one = stack.enter_context(served(place, "front-tls", tls))
        two = stack.enter_context(served(place, "front-workers", "workers: 2\n"))
        found += [Front("one process, TLS", one, "require"), Front("two workers", two, "disable")]
        yield [f for f in found if f.sslmode == "disable" or relay.with_tls() is not None]


def settle(front: Front, seconds: float = 20.0) -> None:
    """Waits until a service that has been started does nothing any more: a second worker starts behind the first."""
    assert front.way.pid is not None
    until = time.monotonic() + seconds
    used = processor_seconds(front.way.pid)
    while time.monotonic() < until:
        time.sleep(1.0)
        before, used = used, processor_seconds(front.way.pid)
        if used - before < 0.05:
            return


def measure(place: Place, quick: bool) -> list[dict[str, object]]:
    """One row for each way: medians over the rounds. `memory grown`: from before the first round to after the last."""
    rounds, seconds = (1, 1) if quick else (3, 3)
    script = place.directory / "front.sql"
    script.write_text(relay.ALLOWED)
    with fronts(place) as among:
        taken: list[list[tuple[float, float]]] = [[] for _ in among]
        for front in among:
            settle(front)
            relay.pgbench(place, front.way.port, script, "prepared", 8, 1, sslmode=front.sslmode)
        before = [resident(f.way.pid or 0) for f in among]
        for _ in range(rounds):
            for front, found in zip(among, taken, strict=True):
                assert front.way.pid is not None
                used = processor_seconds(front.way.pid)
                tps = relay.pgbench(place, front.way.port, script, "prepared", 8, seconds, sslmode=front.sslmode)
                found.append((tps, (processor_seconds(front.way.pid) - used) / (tps * seconds) * 1e6))
        grown = [resident(f.way.pid or 0) - b for f, b in zip(among, before, strict=True)]
    return [
        {
            "what": front.what,
            "way": front.way.name,
            "tps": round(statistics.median(t for t, _ in found)),
            "proxy CPU us": round(statistics.median(u for _, u in found), 1),
            "memory grown MB": round(more / 1e6, 1),
        }
        for front, found, more in zip(among, taken, grown, strict=True)
    ]
