"""Stories of a session, as text: what each side sends, and below it every effect, in order.

    client  Q SELECT 1
      server  Q SELECT 1
    server  T 0.0 | C SELECT 1 | Z I
      client  T 0.0 | C SELECT 1 | Z I

A line that starts at the margin is what happens; an indented one is an effect of it. `play` runs what happens and
writes the whole story again: a test compares the two. Messages are written by their kinds, parted by ` | `:

    client's: Q text · P name: text · B name (of the unnamed portal) · B portal=name · D S:name · D P:portal
              E portal · C S:name · S · H · X · F · d text · c · f
    server's: T oid.attnum,... · D value · C tag · Z I · E sqlstate message · S name=value · 1 2 3 n t s I G H c V

Effects besides `server` and `client`: `record`, `refresh`, `outdate`, `catch up`, `close`. Decision ids are
written `s-1`, `s-2` ..., whatever else is in them.
"""

from __future__ import annotations

import difflib
import struct
import textwrap

from redactor.effects import CatchUp, Close, Effect, Outdate, Record, Refresh, StartTLS, ToClient, ToServer
from redactor.wire.pg import Edition, Limits, Place, Session
from redactor.wire.pg.framing import frame
from redactor.wire.pg.messages import error_fields, origins
from tests.wire.judges import WordJudge

LOGIN_BODY = b"user\0clerk\0database\0city\0\0"
WELCOME = (
    frame(b"R", b"\0\0\0\0")
    + frame(b"S", b"client_encoding\0UTF8\0")
    + frame(b"S", b'search_path\0"$user", public\0')
    + frame(b"Z", b"I")
)


def startup(body: bytes = LOGIN_BODY) -> bytes:
    return struct.pack(">II", len(body) + 8, 3 << 16) + body


class Desk:
    """A session with a judge that can be exchanged. `edition`: whether the place has one, which is then turned."""

    def __init__(
        self,
        judge: WordJudge | None = None,
        login: str = "clerk",
        limits: Limits | None = None,
        edition: bool = True,
    ) -> None:
        self.edition = Edition() if edition else None
        self.judge = judge or WordJudge()
        self.login = login
        self.settled = True
        place = Place(
            "city",
            "city_upstream",
            lambda: self.judge,
            lambda login: frozenset(),
            settled=lambda: self.settled,
            edition=self.edition,
        )
        self.session = Session("s", {"city": place}.get, "10.0.0.1", False, limits)

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name in ("judge", "settled") and self.edition is not None:
            self.edition.turn()

    def log_in(self) -> Desk:
        self.session.client_data(startup(LOGIN_BODY.replace(b"clerk", self.login.encode())), 0.0)
        self.session.server_data(WELCOME, 0.0)
        assert self.session.ready
        return self


def client_message(written: str) -> bytes:
    kind, _, rest = written.partition(" ")
    body: bytes
    match kind:
        case "Q":
            body = rest.encode() + b"\0"
        case "P":
            name, _, text = rest.partition(": ")
            body = name.rstrip(":").encode() + b"\0" + text.encode() + b"\0\0\0"
        case "B":
            portal, _, name = rest.rpartition("=")
            body = portal.encode() + b"\0" + name.encode() + b"\0\0\0\0\0\0\0"
        case "D" | "C":
            body = rest[0].encode() + rest[2:].encode() + b"\0"
        case "E":
            body = rest.encode() + b"\0\0\0\0\0"
        case "F":
            body = b"\0\0\0\x01\0\0\0\0\0\0"
        case "d" | "f":
            body = rest.encode()
        case "S" | "H" | "X" | "c":
            body = b""
        case _:
            raise ValueError(written)
    return frame(kind.encode(), body)


def server_message(written: str) -> bytes:
    kind, _, rest = written.partition(" ")
    body: bytes
    match kind:
        case "T":
            columns = [c.split(".") for c in rest.split(",")]
            body = struct.pack(">H", len(columns)) + b"".join(
                b"x\0" + struct.pack(">IhIhiH", int(o), int(n), 23, 4, -1, 0) for o, n in columns
            )
        case "D":
            body = struct.pack(">HI", 1, len(rest)) + rest.encode()
        case "C":
            body = rest.encode() + b"\0"
        case "Z":
            body = rest.encode()
        case "E":
            sqlstate, _, message = rest.partition(" ")
            severity = "FATAL" if sqlstate.startswith("57P") else "ERROR"
            body = f"S{severity}\0V{severity}\0C{sqlstate}\0M{message}\0\0".encode()
        case "S":
            name, _, value = rest.partition("=")
            body = f"{name}\0{value}\0".encode()
        case "t":
            body = b"\0\0"
        case "G" | "H":
            body = b"\0\0\0"
        case "V":
            body = b"\xff\xff\xff\xff"
        case "d":
            body = rest.encode()
        case "N":
            body = b"SNOTICE\0VNOTICE\0C00000\0M" + rest.encode() + b"\0\0"
        case "A":
            body = b"\0\0\0\x01" + rest.encode() + b"\0\0"
        case _:
            body = b""
    return frame(kind.encode(), body)


def frames(data: bytes) -> list[tuple[str, bytes]]:
    found = []
    while data:
        size = struct.unpack_from(">I", data, 1)[0] + 1
        found.append((chr(data[0]), data[5:size]))
        data = data[size:]
    return found


def written_to_server(data: bytes) -> str:
    said = []
    for kind, body in frames(data):
        match kind:
            case "Q":
                said.append(f"Q {body[:-1].decode()}")
            case "P":
                name, text, _ = body.split(b"\0", 2)
                said.append(f"P {name.decode()}: {text.decode()}")
            case "B":
                portal, name, _ = body.split(b"\0", 2)
                said.append(f"B {portal.decode()}={name.decode()}" if portal else f"B {name.decode()}".rstrip())
            case "D" | "C":
                said.append(f"{kind} {chr(body[0])}:{body[1:-1].decode()}")
            case "E":
                said.append(f"E {body[:-5].decode()}".rstrip())
            case "d" | "f":
                said.append(f"{kind} {body.decode()}".rstrip())
            case _:
                said.append(kind)
    return " | ".join(said)


def written_to_client(data: bytes) -> str:
    said = []
    for kind, body in frames(data):
        match kind:
            case "T":
                said.append("T " + ",".join(f"{o}.{n}" for o, n in origins(body)))
            case "D":
                said.append(f"D {body[6:].decode()}")
            case "C":
                said.append(f"C {body[:-1].decode()}")
            case "Z":
                said.append(f"Z {body.decode()}")
            case "E":
                fields = error_fields(body)
                said.append(f"E {fields[ord('C')].decode()} {fields[ord('M')].decode()}")
            case "S":
                name, value, _ = body.split(b"\0")
                said.append(f"S {name.decode()}={value.decode()}")
            case "N":
                said.append(f"N {error_fields(body)[ord('M')].decode()}")
            case "d":
                said.append(f"d {body.decode()}")
            case _:
                said.append(kind)
    return " | ".join(said)


def merged(effects: list[Effect]) -> list[Effect]:
    """The same effects, adjacent ones to the same side in one."""
    out: list[Effect] = []
    for e in effects:
        last = out[-1] if out else None
        if isinstance(e, ToServer) and isinstance(last, ToServer):
            out[-1] = ToServer(bytes(last.data) + bytes(e.data))
        elif isinstance(e, ToClient) and isinstance(last, ToClient):
            out[-1] = ToClient(bytes(last.data) + bytes(e.data))
        elif isinstance(e, ToServer):
            out.append(ToServer(bytes(e.data)))
        elif isinstance(e, ToClient):
            out.append(ToClient(bytes(e.data)))
        else:
            out.append(e)
    return out


def told(effects: list[Effect]) -> list[str]:
    lines = []
    for e in merged(effects):
        match e:
            case ToServer(data):
                lines.append("server  " + written_to_server(bytes(data)))
            case ToClient(data):
                lines.append("client  " + written_to_client(bytes(data)))
            case Record(entry):
                lines.append(f"record  {entry.decision} {entry.verdict.value} {entry.outcome}: {entry.text}")
            case Refresh():
                lines.append("refresh")
            case Outdate():
                lines.append("outdate")
            case CatchUp():
                lines.append("catch up")
            case Close(reason):
                lines.append(f"close  {reason}")
            case StartTLS():
                lines.append("start tls")
    return ["  " + line.rstrip() for line in lines]


def play(story: str, desk: Desk | None = None) -> None:
    """Runs the story's happenings and asserts that the effects are those of the story."""
    story = textwrap.dedent(story).strip("\n")
    session = (desk or Desk().log_in()).session
    lines: list[str] = []
    ids: dict[str, str] = {}
    for line in story.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            lines.append(line)
            continue
        if line.startswith(" "):
            continue
        lines.append(line)
        who, _, what = line.partition("  ")
        for short, real in ids.items():
            what = what.replace(short, real)
        match who:
            case "client":
                effects = session.client_data(b"".join(client_message(m) for m in what.split(" | ")), 1.0)
            case "server":
                effects = session.server_data(b"".join(server_message(m) for m in what.split(" | ")), 1.0)
            case "client left":
                effects = session.client_closed()
            case "client ended":
                effects = session.client_ended(1.0)
            case "server left":
                effects = session.server_closed()
            case "refreshed":
                effects = session.refreshed(1.0)
            case _:
                raise ValueError(line)
        for e in effects:
            if isinstance(e, Record):
                ids["s-" + e.entry.decision.rpartition("-")[2]] = e.entry.decision
        for said in told(effects):
            for short, real in ids.items():
                said = said.replace(real, short)
            lines.append(said)
    wanted = story.splitlines()
    assert lines == wanted, "\n".join(difflib.ndiff(wanted, lines))
