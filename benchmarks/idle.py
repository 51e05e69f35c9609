"""A thousand clients that do nothing: the proxy's memory for each.

With a real server there would be a thousand PostgreSQL processes, too, so this one is a pretence: it lets `ordinary` in
and is then silent. Whoever else comes (redactor itself, for the catalog) is passed on to the real one.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from benchmarks.client import frame
from benchmarks.machine import resident
from benchmarks.place import Place
from benchmarks.relay import bouncing
from redactor.demo.cluster import free_port
from redactor.demo.run import serving

_STATUS = {
    "server_version": "18.0",
    "server_encoding": "UTF8",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "integer_datetimes": "on",
    "DateStyle": "ISO, MDY",
    "TimeZone": "UTC",
    "search_path": '"$user", public',
}


class _Pretence:
    def __init__(self, real: int) -> None:
        self._real = real
        self._last = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            start = await self._start(reader, writer)
            if start is None:
                return
            if b"user\0ordinary\0" not in start:
                await self._pass_on(start, reader, writer)
                return
            self._last += 1
            said = b"".join(frame(b"S", f"{k}\0{v}\0".encode()) for k, v in _STATUS.items())
            key = frame(b"K", struct.pack(">II", self._last, self._last))
            writer.write(frame(b"R", bytes(4)) + said + key + frame(b"Z", b"I"))
            while data := await reader.read(65536):
                # settings and resets before it is idle: all of them succeed
                for _ in range(data.count(b"Q\0")):
                    writer.write(frame(b"C", b"SET\0") + frame(b"Z", b"I"))
        writer.close()

    async def _start(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
        while True:
            head = await reader.readexactly(8)
            length, code = struct.unpack(">II", head)
            if code >> 16 == 3:
                return head + await reader.readexactly(length - 8)
            if code not in (80877103, 80877104):
                return None
            writer.write(b"N")

    async def _pass_on(self, start: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._real)
        there_writer.write(start)

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                while data := await source.read(65536):
                    target.write(data)
            target.close()

        await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))


@contextmanager
def pretending(real: int, port: int) -> Iterator[None]:
    """The server that only lets in, at `port`; the real one is at `real`."""
    loop = asyncio.new_event_loop()
    pretence = _Pretence(real)
    server = loop.run_until_complete(asyncio.start_server(pretence.serve, "127.0.0.1", port, backlog=1000))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def measure(place: Place, quick: bool) -> list[dict[str, object]]:
    """One row for each proxy."""
    clients = 100 if quick else 1000
    port, listening = free_port(), free_port()
    directory = place.directory / "idle"
    shutil.copytree(
        place.directory, directory, ignore=shutil.ignore_patterns("postgresql", "store", "pgbouncer*", "idle")
    )
    (directory / "store").mkdir()
    configuration = directory / "redactor.yaml"
    text = configuration.read_text().replace(f":{place.cluster.port}/", f":{port}/")
    configuration.write_text(text.replace(f":{place.port}\n", f":{listening}\n"))
    rows: list[dict[str, object]] = []
    with pretending(place.cluster.port, port), serving(directory, listening) as process, bouncing(place, port) as other:
        proxies = [("redactor", listening, process.pid)]
        if other is not None:
            proxies.append(("pgbouncer", *other))
        for name, at, pid in proxies:
            url = f"postgresql://ordinary:ordinary@127.0.0.1:{at}/bench"
            with psycopg.connect(url):
                before = resident(pid)
            with contextlib.ExitStack() as stack:
                for _ in range(clients):
                    stack.enter_context(psycopg.connect(url))
                grown = resident(pid) - before
            row = {"way": name, "clients": clients, "memory before MB": round(before / 1e6, 1)}
            rows.append(row | {"kB for each client": round(grown / clients / 1e3, 1)})
    return rows
