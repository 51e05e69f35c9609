"""Forwarding entries: as lines into a file, as messages to syslog, as requests over HTTP.

Knows sockets, TLS and files. Must not know the log's store. Invariant: what is sent is made from an entry's clear part
alone; whole events only, in order.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import SplitResult

from redactor.audit.formats import Format, Leaf
from redactor.audit.formats.syslog import framed, message
from redactor.store.files import extend
from redactor.store.outlets import http
from redactor.store.outlets.outlet import Undelivered

TIMEOUT = 15.0
DATAGRAM_LIMIT = 60_000


class Syslog:
    """A syslog server: RFC 5424 messages over UDP (RFC 5426), TCP with octets counted (RFC 6587), TLS (RFC 5425)."""

    def __init__(self, transport: str, server: str, port: int, ca: str | None = None) -> None:
        """`transport`: udp, tcp or tls; `ca`: a PEM file, instead of the system's authorities."""
        self.host = socket.gethostname()
        self.process = os.getpid()
        self._transport, self._server, self._port, self._ca = transport, server, port, ca

    def send(self, messages: Sequence[str]) -> None:
        """Send them. Undelivered where the server cannot be reached; syslog itself acknowledges nothing."""
        try:
            if self._transport == "udp":
                self._datagrams(messages)
                return
            with (
                socket.create_connection((self._server, self._port), TIMEOUT) as plain,
                contextlib.ExitStack() as stack,
            ):
                connection = plain
                if self._transport == "tls":
                    context = ssl.create_default_context(cafile=self._ca)
                    connection = stack.enter_context(context.wrap_socket(plain, server_hostname=self._server))
                connection.sendall(b"".join(framed(m) for m in messages))
                # Wait until the other side has read to the end and closes: the nearest thing to an acknowledgement.
                connection.shutdown(socket.SHUT_WR)
                with contextlib.suppress(TimeoutError):
                    connection.settimeout(1.0)
                    while connection.recv(4096):
                        pass
        except OSError as e:
            raise Undelivered(f"syslog {self._server}:{self._port}: {e.strerror or e}") from None

    def _datagrams(self, messages: Sequence[str]) -> None:
        family, kind, protocol, _, address = socket.getaddrinfo(self._server, self._port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as s:
            s.settimeout(TIMEOUT)
            for text in messages:
                s.sendto(text.encode()[:DATAGRAM_LIMIT], address)


class SyslogEvents:
    """Entries as syslog messages that hold an event of some format."""

    def __init__(self, stream: Syslog, form: Format) -> None:
        self._stream, self._form = stream, form

    def forward(self, leaves: Sequence[Leaf]) -> None:
        """As `Forwarder.forward`."""
        host, process = self._stream.host, self._stream.process
        self._stream.send([message(leaf, self._form.event(leaf), host, process) for leaf in leaves])


class Lines:
    """Entries appended to a file. A file that was moved away (by a rotation, say) is begun anew."""

    def __init__(self, path: Path, form: Format) -> None:
        self._path, self._form = path, form

    def forward(self, leaves: Sequence[Leaf]) -> None:
        """As `Forwarder.forward`: on disk when it returns."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o640)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                before = os.fstat(fd).st_size
                extend(fd, before, (self._form.head if not before else b"") + self._form.bundle(leaves))
            finally:
                os.close(fd)
        except OSError as e:
            raise Undelivered(f"{self._path}: {e.strerror or e}") from None


class Posts:
    """Entries as HTTP requests: OTLP/HTTP, or any collector that takes lines."""

    def __init__(
        self, url: SplitResult, path: str, form: Format, authorization: str = "", ca: str | None = None
    ) -> None:
        """`path`: with its query, encoded."""
        self._url, self._path, self._form, self._ca = url, path, form, ca
        self._authorization = authorization

    def forward(self, leaves: Sequence[Leaf]) -> None:
        """As `Forwarder.forward`: delivered when the answer's status is 2xx."""
        headers = {"Content-Type": self._form.content_type, "Host": http.authority(self._url)}
        if self._authorization:
            headers["Authorization"] = self._authorization
        answer = http.request("POST", self._url, self._path, headers, self._form.bundle(leaves), self._ca)
        if not 200 <= answer.status < 300:
            raise Undelivered(f"status {answer.status}")
