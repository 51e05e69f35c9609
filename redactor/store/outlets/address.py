"""An outlet from its URL, as redactor.yaml has it (`log: {publish: [...], forward: [...]}`; docs/log.md lists them).

Knows which schemes there are and their options. Must not connect. Invariant: an option that is not known is an error,
so that nothing is left out silently; `shown` has no login, password, token or query.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from redactor.audit.formats import FORMATS, JSON, Format
from redactor.audit.verifier import Unverifiable
from redactor.audit.witness import WitnessKey
from redactor.errors import ConfigurationError, Fault
from redactor.store.outlets import http
from redactor.store.outlets.outlet import Consistency, Forwarder, Publisher
from redactor.store.outlets.publishers import S3, Announcement, File, Git, SecondDatabase, Witnessed
from redactor.store.outlets.streams import Lines, Posts, Syslog, SyslogEvents

SYSLOG_PORTS = {"udp": 514, "tcp": 601, "tls": 6514}
_FORMATS = {**FORMATS, "json": JSON}


def shown(url: str) -> str:
    """The URL as it may be shown."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return url.partition("?")[0].rpartition("@")[2]
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


def identity(url: str) -> str:
    """What an outlet's state is kept under: the same while only credentials change."""
    query = [p for p in url.partition("?")[2].split("&") if not p.startswith("bearer=")]
    return hashlib.sha256(f"{shown(url)}?{'&'.join(query)}".encode()).hexdigest()[:16]


class _Url:
    """A URL taken apart; what is left of its options at the end is a fault."""

    def __init__(self, url: str, key: str) -> None:
        self.text, self.key = url, key
        try:
            self.parts = urlsplit(url)
            self.port = self.parts.port
        except ValueError:
            raise self.fault("it is not a URL", "such as file:///mnt/worm/checkpoints.txt") from None
        # Not parse_qsl: a key's plus signs and slashes are to stay as they are.
        pairs = [p.partition("=") for p in self.parts.query.split("&") if p]
        self.options = {k: unquote(v) for k, _, v in pairs}

    def fault(self, what: str, instead: str) -> ConfigurationError:
        return ConfigurationError([Fault(f"log: {self.key}", 0, 0, f"`{shown(self.text)}`: {what}", instead)])

    def take(self, name: str, otherwise: str | None = None) -> str | None:
        return self.options.pop(name, otherwise)

    def need(self, name: str, instead: str) -> str:
        found = self.options.pop(name, "")
        if not found:
            raise self.fault(f"its option `{name}` is missing", instead)
        return found

    def end(self) -> None:
        if self.options:
            raise self.fault(f"the option `{next(iter(self.options))}` is not known here", "docs/log.md lists them")

    def host(self) -> str:
        if not self.parts.hostname:
            raise self.fault("it names no host", "")
        return self.parts.hostname

    def file(self) -> Path:
        if self.parts.netloc or not self.parts.path.startswith("/"):
            raise self.fault("it is not an absolute path", "file:///path, with three slashes")
        return Path(unquote(self.parts.path))

    def format(self, otherwise: str) -> Format:
        name = self.take("format", otherwise) or otherwise
        if name not in _FORMATS:
            raise self.fault(f"there is no format `{name}`", ", ".join(_FORMATS))
        return _FORMATS[name]


def publisher(url: str, state: Path, consistency: Consistency) -> Publisher:
    """What publishes checkpoints at that URL. `state`: a directory for what it must keep. ConfigurationError."""
    u = _Url(url, "publish")
    made = _publisher(u, state, consistency)
    u.end()
    return made


def _publisher(u: _Url, state: Path, consistency: Consistency) -> Publisher:
    scheme = u.parts.scheme
    match scheme.partition("+"):
        case ("file", "", ""):
            return File(u.file())
        case ("sqlite" | "postgresql" | "postgres", _, _):
            u.options.clear()  # they are the driver's
            return SecondDatabase(u.text)
        case ("s3", "", ""):
            endpoint = urlsplit(u.need("endpoint", "endpoint=https://s3.us-west-2.amazonaws.com"))
            if endpoint.scheme not in ("http", "https") or not endpoint.hostname or endpoint.path.strip("/"):
                raise u.fault("its endpoint is not http(s)://host", "endpoint=https://s3.us-west-2.amazonaws.com")
            who = http.Credentials(
                unquote(u.parts.username or ""),
                unquote(u.parts.password or ""),
                u.take("region", "us-east-1") or "us-east-1",
            )
            if not who.key or not who.secret:
                raise u.fault("it has no credentials", "s3://${S3_KEY}:${S3_SECRET}@bucket/prefix?endpoint=...")
            bucket = (u.parts.netloc.rpartition("@")[2]).partition(":")[0]
            return S3(endpoint, bucket, u.parts.path, who, u.take("ca"))
        case ("syslog", "+", transport) if transport in SYSLOG_PORTS:
            return Announcement(_syslog(u, transport))
        case ("git", "+", _):
            repository = u.text.removeprefix("git+").partition("?")[0]
            branch = u.take("branch", "checkpoints") or "checkpoints"
            name = "".join(c if c.isalnum() else "-" for c in shown(u.text))[-80:]
            return Git(repository, branch, state / f"{name}.git")
        case ("witness", "+", "http" | "https"):
            u.host()
            try:
                key = WitnessKey.read(u.need("key", "key=name+12345678+base64, which the witness prints"))
            except Unverifiable as e:
                raise u.fault(str(e), "key=name+12345678+base64, which the witness prints") from None
            return Witnessed(_bare(u.parts), key, consistency, u.take("ca"))
    raise u.fault(
        f"checkpoints cannot be published by `{scheme}`",
        "file, s3, git+ssh, git+https, git+file, postgresql, sqlite, syslog+tls, witness+https",
    )


def _syslog(u: _Url, transport: str) -> Syslog:
    return Syslog(transport, u.host(), u.port or SYSLOG_PORTS[transport], u.take("ca"))


def _bare(parts: SplitResult) -> SplitResult:
    return parts._replace(scheme=parts.scheme.rpartition("+")[2], query="", fragment="")


def forwarder(url: str) -> Forwarder:
    """What forwards entries to that URL. ConfigurationError."""
    u = _Url(url, "forward")
    made = _forwarder(u)
    u.end()
    return made


def _forwarder(u: _Url) -> Forwarder:
    match u.parts.scheme.partition("+"):
        case ("file", "", ""):
            return Lines(u.file(), u.format("json"))
        case ("syslog", "+", transport) if transport in SYSLOG_PORTS:
            return SyslogEvents(_syslog(u, transport), u.format("cef"))
        case ("http" | "https", "", ""):
            u.host()
            form, ca, bearer = u.format("otlp"), u.take("ca"), u.take("bearer")
            authorization = f"Bearer {bearer}" if bearer else ""
            if u.parts.username:
                authorization = http.basic(unquote(u.parts.username), unquote(u.parts.password or ""))
            return Posts(_bare(u.parts), u.parts.path or "/", form, authorization, ca)
    raise u.fault(f"entries cannot be forwarded by `{u.parts.scheme}`", "file, syslog+udp, -tcp or -tls, http, https")
