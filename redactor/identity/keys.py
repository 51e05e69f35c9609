"""A provider's public keys: read from a file or fetched from where it publishes them.

Knows JWKS documents (RFC 7517) and their places; knows no token. Invariant: what cannot be read leaves nothing
half-read, and raises `KeysUnavailable`; only public keys for signatures are kept.
"""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path
from typing import IO, Any

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from redactor.errors import RedactorError

_LONGEST = 1 << 20
_KINDS = ("RSA", "EC", "OKP")


class KeysUnavailable(RedactorError):
    """A provider's keys cannot be had; the message says why."""

    sqlstate = "58000"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Keys come from where the configuration says, and nowhere else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


def read(place: Path | str, patience: float = 10.0) -> KeySet:
    """The keys at a path or URL; blocks for `patience` seconds at most per step. Raises KeysUnavailable."""
    return understood(_file(place) if isinstance(place, Path) else _fetched(place, patience), str(place))


def _file(path: Path) -> bytes:
    try:
        with path.open("rb") as f:
            return f.read(_LONGEST + 1)
    except OSError as e:
        raise KeysUnavailable(f"{path}: {e.strerror or e.__class__.__name__}") from e


def _fetched(url: str, patience: float) -> bytes:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=context))
    request = urllib.request.Request(url, headers={"Accept": "application/json", "User-Agent": "redactor"})
    try:
        with opener.open(request, timeout=patience) as answer:
            content: bytes = answer.read(_LONGEST + 1)
            return content
    except (OSError, ValueError, urllib.error.URLError) as e:
        raise KeysUnavailable(f"{url}: {e}") from e


def understood(content: bytes, where: str) -> KeySet:
    """The keys in a JWKS document. Raises KeysUnavailable."""
    if len(content) > _LONGEST:
        raise KeysUnavailable(f"{where}: longer than {_LONGEST} bytes")
    try:
        document: Any = json.loads(content)
        given = [k for k in document["keys"] if k.get("kty") in _KINDS and k.get("use", "sig") == "sig"]
        public = [
            {name: v for name, v in k.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "oth")} for k in given
        ]
        if not public:
            raise KeysUnavailable(f"{where}: there is no public key for signatures in it")
        return KeySet.import_key_set({"keys": public})
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as e:
        raise KeysUnavailable(f"{where}: not a JWKS document ({e.__class__.__name__})") from e
