"""A million rows through each way: SELECT as text and binary, COPY out, COPY in; taking turns.

Seconds from sending to the last byte, as one client sees them that looks into nothing; and how much the proxy's
memory grew meanwhile, at its highest. The table has no hidden column, so that all ways ask the database for the same;
one kind asks for a table that has, which redactor reads in an order and the others as it lies.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable

from benchmarks.client import connected, extended, frame, query, read_all
from benchmarks.machine import processor_seconds, resident
from benchmarks.place import Place, empty_history
from benchmarks.relay import Way

_SELECT = "SELECT aid, bid, abalance FROM open_accounts"
_ORDERED = "SELECT aid, bid, abalance FROM pgbench_accounts"
"""Is sent with an order: in which one rows lie tells of a hidden column whose length varies."""
_COPY_IN = "COPY pgbench_history (tid, bid, aid, delta) FROM STDIN"


class Peak:
    """The highest resident memory of a process while the body runs."""

    def __init__(self, pid: int | None) -> None:
        self._pid = pid
        self._ended = threading.Event()
        self.before = self.highest = resident(pid) if pid else 0
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while self._pid and not self._ended.wait(0.02):
            self.highest = max(self.highest, resident(self._pid))

    @property
    def grown(self) -> float:
        """MB."""
        return (self.highest - self.before) / 1e6


def selecting(way: Way, sent: bytes) -> tuple[float, int]:
    """Seconds, bytes."""
    with connected(way.port) as s:
        began = time.perf_counter()
        s.sendall(sent)
        size = read_all(s)
        return time.perf_counter() - began, size


def copying_in(way: Way, rows: int) -> tuple[float, int]:
    """Seconds, bytes."""
    chunk = frame(b"d", b"1\t1\t12345\t-500\n") * 1000
    with connected(way.port) as s:
        began = time.perf_counter()
        s.sendall(query(_COPY_IN))
        if s.recv(1000)[:1] != b"G":
            raise ConnectionError("COPY was not begun")
        for _ in range(rows // 1000):
            s.sendall(chunk)
        s.sendall(frame(b"c"))
        read_all(s)
        return time.perf_counter() - began, len(chunk) * (rows // 1000)


def measure(place: Place, among: list[Way], quick: bool) -> list[dict[str, object]]:
    """One row for each kind and way."""
    rounds = 1 if quick else 5
    limit = " LIMIT 100000" if quick else ""
    rows = 100_000 if quick else 1_000_000
    kinds: dict[str, Callable[[Way], tuple[float, int]]] = {
        "SELECT, text": lambda w: selecting(w, query(_SELECT + limit)),
        "SELECT, text, sent with an order": lambda w: selecting(w, query(_ORDERED + limit)),
        "SELECT, binary": lambda w: selecting(w, extended(_SELECT + limit, binary=True)),
        "COPY TO": lambda w: selecting(w, query(f"COPY ({_SELECT}{limit}) TO STDOUT")),
        "COPY FROM": lambda w: copying_in(w, rows),
    }
    found: dict[tuple[str, str], list[tuple[float, float, float, int]]] = {}
    for _ in range(rounds):
        for kind, work in kinds.items():
            for way in among:
                before = processor_seconds(way.pid) if way.pid else 0.0
                with Peak(way.pid) as peak:
                    took, size = work(way)
                used = processor_seconds(way.pid) - before if way.pid else 0.0
                if kind == "COPY FROM":
                    empty_history(place)
                found.setdefault((kind, way.name), []).append((took, used, peak.grown, size))
    direct = {kind: statistics.median(v[0] for v in found[kind, "direct"]) for kind in kinds}
    return [
        {
            "what": kind,
            "way": name,
            "seconds": round(statistics.median(v[0] for v in values), 3),
            "MB a second": round(values[0][3] / statistics.median(v[0] for v in values) / 1e6, 1),
            "throughput, direct = 1": round(direct[kind] / statistics.median(v[0] for v in values), 3),
            "proxy CPU seconds": round(statistics.median(v[1] for v in values), 2),
            "memory grown MB": round(max(v[2] for v in values), 1),
            "rows": rows,
        }
        for (kind, name), values in found.items()
    ]
