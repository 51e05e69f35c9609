"""A client that costs almost nothing: it logs in by libpq, then speaks on the bare socket."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

_READY = b"Z\x00\x00\x00\x05I"
_BUFFER = 1 << 18


def frame(kind: bytes, body: bytes = b"") -> bytes:
    """A message."""
    return kind + struct.pack(">I", len(body) + 4) + body


def query(text: str) -> bytes:
    """A simple Query."""
    return frame(b"Q", text.encode() + b"\0")


def extended(text: str, binary: bool) -> bytes:
    """Parse, Bind, Execute, Sync of the unnamed statement; results as text or binary."""
    formats = struct.pack(">HH", 1, 1) if binary else struct.pack(">H", 0)
    bind = b"\0\0" + struct.pack(">HH", 0, 0) + formats
    return frame(b"P", b"\0" + text.encode() + b"\0\0\0") + frame(b"B", bind) + frame(b"E", b"\0" * 5) + frame(b"S")


@contextmanager
def connected(port: int, login: str = "ordinary") -> Iterator[socket.socket]:
    """A socket whose session has logged in and is idle."""
    url = f"postgresql://{login}:{login}@127.0.0.1:{port}/bench"
    with psycopg.connect(url) as connection, socket.socket(fileno=os.dup(connection.fileno())) as s:
        s.setblocking(True)
        yield s
        s.setblocking(False)


def read_all(s: socket.socket, buffer: bytearray | None = None) -> int:
    """Reads until the server is ready again; how many bytes that were."""
    into = memoryview(buffer if buffer is not None else bytearray(_BUFFER))
    size, tail = 0, b""
    while True:
        n = s.recv_into(into)
        if not n:
            raise ConnectionError("the connection was closed")
        size += n
        tail = (tail + bytes(into[max(0, n - 6) : n]))[-6:]
        if tail == _READY:
            return size
