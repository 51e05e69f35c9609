"""OAUTHBEARER, the server's side: a token in a SASL message (RFC 7628; PostgreSQL docs, 54.3.2).

Knows the message and the error that is given for a bad token; must not know whether a token is good.
"""

from __future__ import annotations

import json
import re

MECHANISM = "OAUTHBEARER"
DISMISSAL = b"\x01"
"""What a client answers to `failure`; only then may the exchange be ended."""

_BEARER = re.compile(rb"bearer +([A-Za-z0-9._~+/=-]+)", re.I)


class Malformed(Exception):
    """A message that is not OAUTHBEARER's."""


def token_of(message: bytes) -> str:
    """The token in the client's first message; empty where it only asks where to get one. Raises Malformed."""
    if not message.endswith(b"\x01\x01"):
        raise Malformed("the message is cut off")
    header, *pairs = message[:-2].split(b"\x01")
    flag, *rest = header.split(b",")
    if flag not in (b"n", b"y") or len(rest) != 2 or rest[1]:
        raise Malformed("channel binding is not supported by this mechanism")
    if rest[0]:
        raise Malformed("an authorization identity is not supported")
    found: bytes | None = None
    for pair in pairs:
        key, equals, value = pair.partition(b"=")
        if not equals or not key.isalpha():
            raise Malformed("a key without a value")
        if key == b"auth":
            if found is not None:
                raise Malformed("two keys auth")
            found = value
    if found is None:
        raise Malformed("there is no key auth")
    if not found:
        return ""
    bearer = _BEARER.fullmatch(found)
    if bearer is None:
        raise Malformed("that is no bearer token")
    return bearer[1].decode()


def failure(issuer: str) -> bytes:
    """What a client is told whose token is not good: where to get one."""
    place = issuer.rstrip("/") + "/.well-known/openid-configuration"
    return json.dumps({"status": "invalid_token", "openid-configuration": place, "scope": "openid"}).encode()
