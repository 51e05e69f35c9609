"""Plays one probe on one database and returns all that the requester saw of it.

Knows the steps of corpus.py and nothing of a second database. Sessions are opened when first named and closed at the
end, whatever happens. What is never the same twice (process ids, decision ids, times) is written the same here, and
only here: see `same`.
"""

from __future__ import annotations

import contextlib
import json
import re
import struct
import time
from dataclasses import dataclass, field
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.noninterference import city
from tests.noninterference.client import (
    ENDS,
    SYNC,
    Client,
    Lost,
    Seen,
    Silence,
    bind,
    decode,
    encode,
    execute,
    message,
    parse,
    string,
    text,
)
from tests.noninterference.corpus import Probe

BLANKED = (
    (re.compile(r"\bcity_[abc]\b"), "<db>"),
    (re.compile(r"\bpg_(toast_)?temp_\d+"), r"pg_\1temp_N"),
    (re.compile(r"\b([Dd]ecision) [0-9A-Za-z-]{6,}"), r"\1 <id>"),
    (re.compile(r"((?:Planning|Execution) Time\"?: |time=)[0-9.]+(\.\.[0-9.]+)?"), r"\1<x>"),
    (re.compile(r"(?<=process )\d+"), "<pid>"),
    (re.compile(r"\b(user|system|elapsed): [0-9.]+ s"), r"\1: <x> s"),
    (re.compile(r"\b(read rate|write rate): [0-9.]+ MB/s"), r"\1: <x> MB/s"),
    (re.compile(r"((?:removable cutoff|new relfrozenxid|new relminmxid): )[0-9]+"), r"\1<xid>"),
    (re.compile(r"which (is|was) [0-9]+ (M?XIDs)"), r"which \1 <n> \2"),
    (re.compile(r"\bio [0-9]+( +\|op )"), r"io <n>\1"),
)


@dataclass(slots=True)
class Played:
    """What was seen, step by step. `fault`: "" or how it broke (`crash: ...`, `hang: ...`)."""

    seen: list[Any] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    fault: str = ""

    def errors(self) -> list[dict[str, str]]:
        """The errors among what was seen."""
        return [m[1] for step in self.seen for m in step if m[0] == "E"]


@dataclass(frozen=True, slots=True)
class Target:
    """A database as a requester reaches it. `dsn`: without a user; `admin`: the superuser's, straight to it; `side`:
    whose secrets it holds, a or b."""

    dsn: str
    admin: str
    side: str
    newest: int = 0
    """The highest OID of the relations that were built: those above it are a probe's own, and not the same twice."""

    @property
    def database(self) -> str:
        return str(conninfo_to_dict(self.dsn).get("dbname"))

    def _oid(self, type_name: str) -> str:
        with contextlib.closing(Client(make_conninfo(self.admin, user="postgres"), 10)) as admin:
            return str(next(m[1][0] for m in admin.query(f"SELECT '{type_name}'::regtype::oid::int") if m[0] == "D"))

    def fill(self, statement: str) -> str:
        """A probe's text with its placeholders replaced."""
        if "{{" not in statement:
            return statement
        to = conninfo_to_dict(self.admin)
        statement = statement.replace("{{db}}", self.database).replace(
            "{{server}}", f"host={to.get('host')} port={to.get('port')} dbname={to.get('dbname')}"
        )
        statement = statement.replace("{{host}}", str(to.get("host"))).replace("{{port}}", str(to.get("port")))
        statement = re.sub(r'"\{\{oid:(\w+)\}\}"', lambda m: self._oid(m[1]), statement)
        return re.sub(r"\{\{secret:(\w+)\.(\d+)\}\}", lambda m: city.secret(self.side, m[1], int(m[2])), statement)


def same(seen: Any, newest: int) -> Any:
    """What was seen, with what differs between any two runs blanked. `newest`: see Target."""
    for m in (m for step in seen for m in step if m[0] == "T"):
        for column in m[1]:
            for k in (1, 3):  # the OIDs of table and type
                column[k] = "new" if column[k] > newest > 0 else column[k]
    out = json.dumps(seen, ensure_ascii=False)
    for pattern, instead in BLANKED:
        out = pattern.sub(instead, out)
    return json.loads(out)


def play(probe: Probe, target: Target, timeout: float = 10) -> Played:
    """Plays a probe. Never raises for what the server or the proxy does."""
    played = Played()
    stage = _Stage(probe, target, timeout, played)
    try:
        for step in probe.steps:
            filled = json.loads(target.fill(json.dumps(step)))
            stage.step({"sql": filled} if isinstance(filled, str) else filled)
        stage.finish()
    except Silence:
        played.fault = f"hang: no answer within {timeout:g} s"
    finally:
        for client in stage.clients.values():
            client.close()
    played.seen = same(played.seen, target.newest)
    return played


class _Stage:
    """The sessions of one probe while it is played."""

    def __init__(self, probe: Probe, target: Target, timeout: float, played: Played) -> None:
        self.probe, self.target, self.timeout, self.played = probe, target, timeout, played
        self.clients: dict[str, Client] = {}
        self.gone: set[str] = set()

    def client(self, step: dict[str, Any], seen: Seen) -> Client | None:
        name = step.get("on", "main")
        if name in self.gone:
            return None
        if name not in self.clients:
            if name == "admin":
                dsn = self.target.admin
            else:
                dsn = make_conninfo(self.target.dsn, user=step.get("user", self.probe.as_))
            start = {k: self.target.fill(v) for k, v in (step.get("start") or self.probe.start).items()}
            if name == "admin":
                start = {}
            try:
                self.clients[name] = Client(dsn, self.timeout, start, step.get("login", True))
            except Lost:
                self.gone.add(name)
                seen.append(["refused", self._why(dsn, start)])
                return None
            if self.probe.wrap and name == "main":
                self.clients[name].query("BEGIN")
        return self.clients[name]

    def _why(self, dsn: str, start: dict[str, str]) -> Any:
        c = Client(dsn, self.timeout, login=False)
        try:
            info = conninfo_to_dict(dsn)
            given = {"user": str(info.get("user")), "database": str(info.get("dbname")), "client_encoding": "UTF8"}
            c.sock.sendall(encode(["startup", given | start], lambda _: 0))
            with contextlib.suppress(Lost):
                c.log_in()
            return c.greeting
        finally:
            c.close()

    def step(self, step: dict[str, Any]) -> None:
        quiet = step.get("on") == "admin" or step.get("quiet", False)
        seen: Seen = []
        begun = time.monotonic()
        wrapped = self.probe.wrap and step.get("on", "main") == "main"
        try:
            client = self.client(step, seen)
            if client is not None:
                if wrapped:
                    client.query("SAVEPOINT probe")
                self._do(client, step, seen)
                if wrapped and client.status == "E":
                    client.query("ROLLBACK TO SAVEPOINT probe")
        except Lost:
            self._lost(step, seen)
        if not quiet:
            self.played.seen.append(seen)
            self.played.seconds.append(time.monotonic() - begun)
        elif any(m[0] == "E" for m in seen) and not step.get("may_fail"):
            raise AssertionError(f"{self.probe.id}: a step of someone else failed: {seen}")

    def _lost(self, step: dict[str, Any], seen: Seen) -> None:
        name = step.get("on", "main")
        self.clients.pop(name).sock.close()
        self.gone.add(name)
        said = any(m[0] == "E" and m[1].get("S") in ("FATAL", "PANIC") for m in seen)
        asked = any(f[0] in ("X", "half_close") for f in step.get("frames", ()))
        seen.append(["closed", None])
        if not said and not asked and step.get("login", True):
            self.played.fault = "crash: the connection ended without a word"

    def _do(self, client: Client, step: dict[str, Any], seen: Seen) -> None:
        params, results = step.get("params", ()), step.get("results", ())
        match step:
            case {"sql": sql}:
                client.send(message("Q", string(sql)))
                client.read(seen, copy=step.get("copy"))
            case {"ask": sql}:
                data = parse("", sql, step.get("types", ())) + bind("", "", params, results, step.get("formats", ()))
                client.send(data + message("D", b"P\0") + execute("", step.get("limit", 0)) + SYNC)
                client.read(seen, copy=step.get("copy"))
            case {"parse": sql}:
                name = step["name"]
                client.send(parse(name, sql, step.get("types", ())) + message("D", b"S" + string(name)) + SYNC)
                client.read(seen)
            case {"run": name}:
                client.send(bind("", name, params, results) + message("D", b"P\0") + execute("") + SYNC)
                client.read(seen, copy=step.get("copy"))
            case {"frames": frames}:
                self._frames(client, frames, seen, step.get("expect", ""))
            case {"pause": seconds}:
                self._listen(client, seconds, seen)
            case _:
                raise ValueError(f"{self.probe.id}: no such step: {step}")

    @staticmethod
    def _listen(client: Client, seconds: float, seen: Seen) -> None:
        until = time.monotonic() + seconds
        try:
            while True:
                kind, p = client.take(until)
                seen.append([kind, decode(kind, p)])
        except Silence:
            pass

    def _frames(self, client: Client, frames: list[list[Any]], seen: Seen, expect: str) -> None:
        """Sends what is between two reads in one piece; what is sent last is read to ReadyForQuery."""
        pending, open_end = b"", True

        def lookup(function: str) -> int:
            with contextlib.closing(Client(make_conninfo(self.target.admin, user="postgres"), self.timeout)) as admin:
                rows = [m for m in admin.query(f"SELECT '{function}'::regprocedure::oid") if m[0] == "D"]
            return int(rows[0][1][0])

        def flush() -> None:
            nonlocal pending
            data, pending = pending, b""
            if data:
                client.send(data)

        for f in frames:
            match f:
                case ["read", *kinds]:
                    flush()
                    open_end = False
                    client.read(seen, *(kinds or [ENDS]), answers=False)
                case ["read_for", seconds]:
                    flush()
                    open_end = False
                    self._listen(client, seconds, seen)
                case ["pause", seconds]:
                    flush()
                    time.sleep(seconds)
                case ["drip", n]:
                    data, pending = pending, b""
                    for i in range(0, len(data), n):
                        client.send(data[i : i + n])
                case ["log_in"]:
                    flush()
                    try:
                        client.log_in()
                    finally:
                        seen.extend(client.greeting)
                case ["half_close"]:
                    flush()
                    with contextlib.suppress(OSError):
                        client.sock.shutdown(1)
                case ["byte"]:
                    flush()
                    client._fill(1, time.monotonic() + self.timeout)
                    seen.append(["byte", text(bytes(client.buffer[:1]))])
                    del client.buffer[:1]
                case ["cancel_key", delta]:
                    pending += struct.pack("!IIII", 16, 80877102, delta, delta)
                case _:
                    open_end = f[0] != "X"
                    pending += encode(f, lookup)
        flush()
        if open_end:
            client.read(seen, answers=False)

    def finish(self) -> None:
        """Rolls a wrapped probe back."""
        main = self.clients.get("main")
        if self.probe.wrap and main is not None:
            with contextlib.suppress(Lost):
                main.query("ROLLBACK")
