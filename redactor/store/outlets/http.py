"""HTTP to an outlet: one request, one answer; and AWS Signature Version 4 over it.

Knows http.client, TLS and the signature's steps (AWS General Reference, Signature Version 4; Amazon S3 API Reference,
"Signature Calculations for the Authorization Header"). Must not follow redirects, nor retry. Invariant: credentials go
into headers only, never into a URL or an error's text.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import ssl
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, quote

from redactor.store.outlets.outlet import Undelivered

TIMEOUT = 15.0
ANSWER_LIMIT = 1 << 20


class Answer(NamedTuple):
    """A response. `body`: at most ANSWER_LIMIT bytes."""

    status: int
    body: bytes


def request(
    method: str, url: SplitResult, path: str, headers: Mapping[str, str], body: bytes = b"", ca: str | None = None
) -> Answer:
    """Ask. `path`: with its query, encoded. Undelivered where there is no answer."""
    host, port = url.hostname or "", url.port
    connection: http.client.HTTPConnection
    try:
        if url.scheme.endswith("https"):
            context = ssl.create_default_context(cafile=ca)
            connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=context)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return Answer(response.status, response.read(ANSWER_LIMIT))
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as e:
        raise Undelivered(f"no answer: {e.__class__.__name__}: {e}") from None


def authority(url: SplitResult) -> str:
    """The Host header's value."""
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname or ""
    usual = 443 if url.scheme.endswith("https") else 80
    return host if url.port in (None, usual) else f"{host}:{url.port}"


def basic(user: str, password: str) -> str:
    """The Authorization header's value (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Credentials(NamedTuple):
    """What S3 requests are signed with."""

    key: str
    secret: str
    region: str

    def __repr__(self) -> str:
        return f"Credentials({self.key})"


def sign_v4(
    method: str, path: str, headers: Mapping[str, str], payload: bytes, who: Credentials, moment: str
) -> dict[str, str]:
    """The headers to send with an S3 request, the signature among them.

    `path`: encoded, without a query; `headers`: `host` and whatever else is to be signed; `moment`: as
    20130524T000000Z.
    """
    digest = hashlib.sha256(payload).hexdigest()
    signed = {k.lower(): v for k, v in headers.items()} | {"x-amz-content-sha256": digest, "x-amz-date": moment}
    names = ";".join(sorted(signed))
    lines = "".join(f"{k}:{signed[k].strip()}\n" for k in sorted(signed))
    canonical = f"{method}\n{path}\n\n{lines}\n{names}\n{digest}"
    scope = f"{moment[:8]}/{who.region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = b"AWS4" + who.secret.encode()
    for part in (moment[:8], who.region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    authorization = f"AWS4-HMAC-SHA256 Credential={who.key}/{scope},SignedHeaders={names},Signature={signature}"
    return signed | {"authorization": authorization}


def encoded(path: str) -> str:
    """A path as S3 signs it: each byte that is not unreserved (RFC 3986 2.3) or a slash, percent-encoded."""
    return quote(path, safe="/~")
