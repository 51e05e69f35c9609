"""Servers that outlets are tested against: an object store that checks signatures, syslog, an HTTP collector."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from redactor.store.outlets.http import Credentials, sign_v4

WHO = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1")


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[ThreadingHTTPServer]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Bucket:
    """An object store's contents, and how it answers."""

    objects: dict[str, bytes] = field(default_factory=dict)
    down: bool = False
    refused: int = 0


@contextmanager
def object_store(bucket: Bucket) -> Iterator[int]:
    """Speaks the part of S3 that is used, verifying each signature as the service would; gives the port."""

    class Answers(BaseHTTPRequestHandler):
        def _verified(self, body: bytes) -> bool:
            given = self.headers["authorization"]
            names = given.split("SignedHeaders=")[1].split(",")[0].split(";")
            headers = {n: self.headers[n] for n in names if n not in ("x-amz-content-sha256", "x-amz-date")}
            expected = sign_v4(self.command, self.path, headers, body, WHO, self.headers["x-amz-date"])
            whole = self.headers["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()
            return "host" in names and whole and given == expected["authorization"]

        def _answer(self, status: int, body: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if bucket.down:
                self._answer(503)
            elif not self._verified(body):
                bucket.refused += 1
                self._answer(403)
            elif self.path in bucket.objects:
                self._answer(412)
            else:
                bucket.objects[self.path] = body
                self._answer(200)

        def do_GET(self) -> None:
            there = bucket.objects.get(self.path)
            self._answer(403 if not self._verified(b"") else 404 if there is None else 200, there or b"")

        def log_message(self, *_: object) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Answers)) as server:
        yield server.server_port


@dataclass
class Collector:
    """What an HTTP collector was sent: (path, headers, body); `status` is its next answers'."""

    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    status: int = 200


@contextmanager
def collector(into: Collector) -> Iterator[int]:
    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if into.status == 200:
                into.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(into.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Answers)) as server:
        yield server.server_port


@contextmanager
def syslog_server(messages: list[str], certificate: Path | None = None, port: int = 0) -> Iterator[int]:
    """Takes octet-counted messages over TCP, or TLS with a certificate; gives the port."""
    listening = socket.create_server(("127.0.0.1", port))
    listening.settimeout(0.05)
    stop = threading.Event()
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = listening.accept()
            except TimeoutError:
                continue
            connection.settimeout(5)
            try:
                with context.wrap_socket(connection, server_side=True) if context else connection as c:
                    data = b""
                    while piece := c.recv(65536):
                        data += piece
            except OSError:
                continue
            while data:
                length, _, data = data.partition(b" ")
                messages.append(data[: int(length)].decode())
                data = data[int(length) :]

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        stop.set()
        thread.join()
        listening.close()
