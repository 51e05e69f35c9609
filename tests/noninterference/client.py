"""A client that shows all that a server says: every message, every field, in order.

Knows the wire protocol (PostgreSQL docs, chapter 54) from the frontend's side, and how to be wrong on purpose. Knows
nothing of probes. What it returns is plain JSON: a list of `[kind, content]`, one for each message received.
"""

from __future__ import annotations

import hashlib
import socket
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from psycopg.conninfo import conninfo_to_dict
from scramp import ScramClient

Seen = list[list[Any]]
ENDS = "Z"


class Lost(Exception):
    """The other side has closed the connection."""


class Silence(Exception):
    """Nothing came within the time."""


def text(data: bytes) -> str:
    """Bytes as text; what is no UTF-8 stays visible as escapes."""
    return data.decode("utf-8", "backslashreplace")


def string(value: str | bytes) -> bytes:
    """A null-terminated string of the protocol."""
    return (value if isinstance(value, bytes) else value.encode()) + b"\0"


def message(kind: str, payload: bytes = b"", off_by: int = 0) -> bytes:
    """A message; `off_by` makes its length field lie."""
    return kind.encode() + struct.pack("!I", (len(payload) + 4 + off_by) & 0xFFFFFFFF) + payload


def startup(parameters: Mapping[str, str], protocol: int = 196608) -> bytes:
    """A StartupMessage."""
    body = struct.pack("!I", protocol) + b"".join(string(k) + string(v) for k, v in parameters.items()) + b"\0"
    return struct.pack("!I", len(body) + 4) + body


def parse(name: str, sql: str, types: Sequence[int] = ()) -> bytes:
    return message("P", string(name) + string(sql) + struct.pack(f"!H{len(types)}I", len(types), *types))


def bind(
    portal: str, name: str, params: Sequence[str | None] = (), results: Sequence[int] = (), formats: Sequence[int] = ()
) -> bytes:
    """`params` are texts (None: NULL; `hex:...` gives bytes); `results` and `formats`: 0 text, 1 binary."""
    out = string(portal) + string(name) + struct.pack(f"!H{len(formats)}H", len(formats), *formats)
    out += struct.pack("!H", len(params))
    for p in params:
        if p is None:
            out += struct.pack("!i", -1)
        else:
            data = bytes.fromhex(p[4:]) if p.startswith("hex:") else p.encode()
            out += struct.pack("!I", len(data)) + data
    return message("B", out + struct.pack(f"!H{len(results)}H", len(results), *results))


def execute(portal: str, limit: int = 0) -> bytes:
    return message("E", string(portal) + struct.pack("!I", limit))


SYNC = message("S")


def encode(frame: Sequence[Any], lookup: Callable[[str], int]) -> bytes:
    """The bytes of one frame as a probe writes it down: `["Q", sql]`, `["P", name, sql, [oids]]`, `["B", portal, name,
    [params], [result formats]]`, `["D"|"C", "S"|"P", name]`, `["E", portal, limit]`, `["F", function, [args]]`,
    `["d", text]`, `["f", text]`, `["msg", kind, text, off_by]`, `["hex", bytes]`, `["startup", {..}, protocol]`,
    or a kind alone."""
    match frame:
        case ["Q", sql]:
            return message("Q", string(sql))
        case ["P", name, sql, *types]:
            return parse(name, sql, *types)
        case ["B", portal, name, *more]:
            return bind(portal, name, *more)
        case [("D" | "C") as kind, what, name]:
            return message(kind, what.encode() + string(name))
        case ["E", portal, *limit]:
            return execute(portal, *limit)
        case ["F", function, args]:
            out = struct.pack("!IHH", function if isinstance(function, int) else lookup(function), 0, len(args))
            for a in args:
                out += struct.pack("!i", -1) if a is None else struct.pack("!I", len(a.encode())) + a.encode()
            return message("F", out + struct.pack("!H", 0))
        case ["d", data]:
            return message("d", data.encode())
        case ["f", why]:
            return message("f", string(why))
        case ["msg", kind, payload, *off_by]:
            return message(kind, payload.encode("latin-1"), *off_by)
        case ["hex", digits]:
            return bytes.fromhex(digits)
        case ["startup", parameters, *protocol]:
            return startup(parameters, *protocol)
        case [("S" | "H" | "X" | "c") as kind]:
            return message(kind)
        case _:
            raise ValueError(f"no such frame: {frame}")


def decode(kind: str, p: bytes) -> Any:
    """What a backend message says, as JSON. Keys of cancel requests are left out: they are never the same."""
    match kind:
        case "E" | "N":
            return {chr(f[0]): text(f[1:]) for f in p.split(b"\0") if f}
        case "T":
            columns, at = [], 2
            for _ in range(struct.unpack_from("!H", p)[0]):
                end = p.index(b"\0", at)
                table, number, kind_of, size, modifier, fmt = struct.unpack_from("!IhIhih", p, end + 1)
                columns.append([text(p[at:end]), table, number, kind_of, size, modifier, fmt])
                at = end + 19
            return columns
        case "D":
            values: list[str | None] = []
            at = 2
            for _ in range(struct.unpack_from("!H", p)[0]):
                (n,) = struct.unpack_from("!i", p, at)
                at += 4
                values.append(None if n < 0 else text(p[at : at + n]))
                at += max(n, 0)
            return values
        case "V":
            (n,) = struct.unpack_from("!i", p)
            return None if n < 0 else text(p[4:])
        case "t":
            return list(struct.unpack_from(f"!{struct.unpack_from('!H', p)[0]}I", p, 2))
        case "A":
            return [text(x) for x in p[4:].split(b"\0")[:2]]
        case "S":
            return [text(x) for x in p.split(b"\0")[:2]]
        case "K":
            return "key"
        case _:
            return text(p.rstrip(b"\0"))


class Client:
    """One connection. Every wait ends: at `timeout` seconds with `Silence`."""

    def __init__(self, dsn: str, timeout: float = 10, parameters: Mapping[str, str] | None = None, login: bool = True):
        info = conninfo_to_dict(dsn)
        self.user = str(info.get("user") or "")
        self.password = str(info.get("password") or "")
        self.timeout = timeout
        self.buffer = bytearray()
        self.status = "I"
        self.greeting: Seen = []
        host, port = str(info.get("host") or "127.0.0.1"), int(str(info.get("port") or 5432))
        if host.startswith("/"):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(timeout)
            self.sock.connect(f"{host}/.s.PGSQL.{port}")
        else:
            self.sock = socket.create_connection((host, port), timeout)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if login:
            try:
                given = {"user": self.user, "database": str(info.get("dbname") or ""), "client_encoding": "UTF8"}
                self.sock.sendall(startup(given | dict(parameters or {})))
                self.log_in()
            except BaseException:
                self.close()
                raise

    def log_in(self) -> None:
        """Answers what the server asks until it is ready; `greeting` is all that it said. Raises Lost if refused."""
        scram: ScramClient | None = None
        until = time.monotonic() + self.timeout
        while True:
            kind, p = self.take(until)
            if kind != "R":
                self.greeting.append([kind, decode(kind, p)])
                if kind == "E":
                    raise Lost
                if kind == "Z":
                    return
                continue
            match struct.unpack_from("!I", p)[0]:
                case 3:
                    self.sock.sendall(message("p", string(self.password)))
                case 5:
                    inner = hashlib.md5((self.password + self.user).encode()).hexdigest().encode()
                    self.sock.sendall(message("p", string(b"md5" + hashlib.md5(inner + p[4:8]).hexdigest().encode())))
                case 10:
                    scram = ScramClient(["SCRAM-SHA-256"], self.user, self.password)
                    first = scram.get_client_first().encode()
                    self.sock.sendall(message("p", string("SCRAM-SHA-256") + struct.pack("!I", len(first)) + first))
                case 11:
                    assert scram is not None
                    scram.set_server_first(p[4:].decode())
                    self.sock.sendall(message("p", scram.get_client_final().encode()))

    def take(self, until: float) -> tuple[str, bytes]:
        """The next message."""
        self._fill(5, until)
        (n,) = struct.unpack_from("!I", self.buffer, 1)
        self._fill(n + 1, until)
        kind, p = chr(self.buffer[0]), bytes(self.buffer[5 : n + 1])
        del self.buffer[: n + 1]
        if kind == "Z":
            self.status = chr(p[0])
        return kind, p

    def _fill(self, n: int, until: float) -> None:
        while len(self.buffer) < n:
            left = until - time.monotonic()
            if left <= 0:
                raise Silence
            self.sock.settimeout(left)
            try:
                got = self.sock.recv(1 << 18)
            except TimeoutError:
                raise Silence from None
            except OSError as e:
                raise Lost from e
            if not got:
                raise Lost
            self.buffer += got

    def send(self, data: bytes) -> None:
        """Sends; that the other side is gone shows when its last words have been read."""
        try:
            self.sock.settimeout(self.timeout)
            self.sock.sendall(data)
        except TimeoutError:
            raise Silence from None
        except OSError:
            pass

    def read(self, seen: Seen, ends: str = ENDS, times: int = 1, copy: str | None = None, answers: bool = True) -> None:
        """Reads messages into `seen` until one of the kinds `ends` has come `times` times.

        COPY FROM STDIN is given `copy`, or CopyFail; unless the caller `answers` not.
        """
        until = time.monotonic() + self.timeout
        while times:
            kind, p = self.take(until)
            seen.append([kind, decode(kind, p)])
            if kind == "G" and answers:
                self.send(
                    message("f", string("nothing to copy"))
                    if copy is None
                    else message("d", copy.encode()) + message("c")
                )
            times -= kind in ends

    def query(self, sql: str, copy: str | None = None) -> Seen:
        """A simple query."""
        seen: Seen = []
        self.send(message("Q", string(sql)))
        self.read(seen, copy=copy)
        return seen

    def close(self) -> None:
        """Ends the session as a client in a hurry does."""
        try:
            self.sock.settimeout(1)
            self.sock.sendall(message("X"))
        except OSError:
            pass
        self.sock.close()
