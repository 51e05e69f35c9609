"""Refused and rewritten statements through the whole proxy, each durable in the log before its answer.

So many clients, each sending the next statement when the one before is answered. The disk matters: the row `fdatasync`
is what it takes for one kilobyte without redactor, one at a time, in the same directory and run.
"""

from __future__ import annotations

import os
import selectors
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.client import connected, query
from benchmarks.machine import processor_seconds, quantile
from benchmarks.place import Place
from benchmarks.relay import Way

_REFUSED = "SELECT count(*) FROM pgbench_accounts WHERE filler = 'x{n}'"
_REWRITTEN = "SELECT abalance, filler FROM pgbench_accounts WHERE aid = {n}"


def driven(way: Way, text: str, clients: int, seconds: float) -> tuple[list[float], float]:
    """Each answer's wait in seconds, in order of size; and for how long there were answers."""
    with ExitStack() as stack, selectors.DefaultSelector() as ready:
        sent: dict[int, float] = {}
        sockets = [stack.enter_context(connected(way.port)) for _ in range(clients)]
        for number, s in enumerate(sockets):
            ready.register(s, selectors.EVENT_READ)
            sent[s.fileno()] = time.perf_counter()
            s.sendall(query(text.format(n=number)))
        waits: list[float] = []
        number, began = clients, time.perf_counter()
        end, owed = began + seconds, clients
        while owed:
            for key, _ in ready.select():
                s = key.fileobj
                got = s.recv(65536)  # type: ignore[union-attr]
                if not got:
                    raise ConnectionError("the connection was closed")
                if got[-6:-1] != b"Z\0\0\0\x05":
                    continue
                now = time.perf_counter()
                waits.append(now - sent[key.fd])
                if now >= end:
                    owed -= 1
                    continue
                number += 1
                sent[key.fd] = now
                s.sendall(query(text.format(n=number % 900_000)))  # type: ignore[union-attr]
        return sorted(waits), time.perf_counter() - began


def bare(directory: Path, seconds: float) -> dict[str, object]:
    """The floor: one kilobyte and fdatasync, one after the other."""
    waits: list[float] = []
    fd = os.open(directory / "bare", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            os.write(fd, bytes(1024))
            os.fdatasync(fd)
            waits.append(time.perf_counter() - began)
    finally:
        os.close(fd)
    waits.sort()
    return _row("fdatasync of 1 kB, alone", 1, len(waits) / seconds, waits, 0.0)


def _row(what: str, clients: int, rate: float, waits: list[float], cpu: float) -> dict[str, object]:
    return {
        "what": what,
        "clients": clients,
        "a second": round(rate),
        "p50 ms": round(quantile(waits, 0.5) * 1e3, 2),
        "p99 ms": round(quantile(waits, 0.99) * 1e3, 2),
        "proxy CPU us each": round(cpu, 1),
    }


def measure(place: Place, among: list[Way], quick: bool) -> list[dict[str, object]]:
    """One row for each number of clients and kind of statement."""
    way = next(w for w in among if w.name == "redactor")
    assert way.pid is not None
    seconds = 1.0 if quick else 5.0
    rows = [bare(place.directory / "store", seconds)]
    for what, text in (("refused", _REFUSED), ("rewritten", _REWRITTEN)):
        for clients in (8, 32, 48):
            before = processor_seconds(way.pid)
            waits, took = driven(way, text, clients, seconds)
            used = processor_seconds(way.pid) - before
            rows.append(_row(what, clients, len(waits) / took, waits, used / len(waits) * 1e6))
    return rows
