"""A witness: what it has cosigned, on disk; and its answers over HTTP (C2SP tlog-witness, add-checkpoint).

Knows files, the clock and http.server. Must not know the log's store: it is to run on another machine, under another
person. Invariant: the newest cosigned checkpoint of a log is on disk for good before its cosignature is given away, so
that no two histories of one log are ever cosigned, whatever is killed and when.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from redactor.audit.checkpoint import check
from redactor.audit.verifier import Checkpoint, PublicKey, read_checkpoint
from redactor.audit.witness import Cosigner, Refused, consider
from redactor.store.files import replace

REQUEST_LIMIT = 64 << 10


class Witness:
    """A witness of some logs. Its directory has the newest cosigned checkpoint of each, `<SHA-256 of origin>.txt`."""

    def __init__(
        self,
        directory: Path,
        cosigner: Cosigner,
        logs: Mapping[str, Sequence[PublicKey]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`logs`: the keys of each log, by its origin. OSError where the directory cannot be made."""
        self._directory = directory
        self._cosigner = cosigner
        self._logs = logs
        self._clock = clock
        self._lock = threading.Lock()
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def add_checkpoint(self, request: bytes) -> str:
        """The cosignature line for a request's checkpoint; Refused says why there is none, OSError what failed."""
        fd = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with self._lock:
                fcntl.flock(fd, fcntl.LOCK_EX)
                latest = {o: c for o in self._logs if (c := self._latest(o)) is not None}
                checkpoint, note = consider(request, self._logs, latest)
                line = self._cosigner.cosign(note, int(self._clock()))
                replace(self._file(checkpoint.origin), (note + line).encode(), 0o644)
                return line
        finally:
            os.close(fd)

    def checkpoint(self, origin: str) -> str | None:
        """The newest checkpoint of a log that was cosigned, with its signatures."""
        try:
            return self._file(origin).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def checkpoint_of(self, digest: str) -> str | None:
        """As `checkpoint`, of the log whose origin has that SHA-256 (hex)."""
        return next((self.checkpoint(o) for o in self._logs if self._file(o).stem == digest), None)

    def _file(self, origin: str) -> Path:
        return self._directory / f"{hashlib.sha256(origin.encode()).hexdigest()}.txt"

    def _latest(self, origin: str) -> Checkpoint | None:
        note = self.checkpoint(origin)
        return None if note is None else read_checkpoint(note, self._logs[origin], check)


def server(witness: Witness, host: str, port: int) -> ThreadingHTTPServer:
    """A server that answers for the witness: POST /add-checkpoint, GET /<SHA-256 of origin>/checkpoint.

    No authentication: a request without the log's own signature is refused. OSError where the port is taken.
    """

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_POST(self) -> None:
            try:
                length = int(self.headers.get("Content-Length", ""))
            except ValueError:
                length = -1
            if self.path != "/add-checkpoint" or not 0 <= length <= REQUEST_LIMIT:
                self.close_connection = True  # what follows has not been read
                self._answer(404 if length >= 0 else 400, "no such request\n")
                return
            try:
                self._answer(200, witness.add_checkpoint(self.rfile.read(length)))
            except Refused as e:
                self._answer(e.status, e.body, "text/x.tlog.size" if e.status == 409 else "text/plain")
            except OSError as e:
                self._answer(500, f"the witness cannot keep what it signs: {e.strerror}\n")

        def do_GET(self) -> None:
            digest, _, rest = self.path.removeprefix("/").partition("/")
            note = witness.checkpoint_of(digest) if rest == "checkpoint" else None
            self._answer(404 if note is None else 200, note or "nothing cosigned\n")

        def _answer(self, status: int, body: str, kind: str = "text/plain") -> None:
            data = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind == "text/plain" else kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return ThreadingHTTPServer((host, port), Answers)
