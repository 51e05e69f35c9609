"""Passwords (Argon2id, RFC 9106), one-time codes (TOTP, RFC 6238), and secrets that are handed out.

Knows no accounts. Invariant: comparing takes as long for what is wrong as for what is right, and for a person who
does not exist as for one who does.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from urllib.parse import quote, urlencode

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

SHORTEST = 12
"""Characters of a password that a person chooses."""

LONGEST = 1024
PERIOD = 30
DIGITS = 6

_hasher = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
"""64 MiB and three passes: RFC 9106's second recommendation, for one core."""

_NOBODY = _hasher.hash("nobody has this password")


def hash_password(password: str) -> str:
    """What is kept of a password."""
    return _hasher.hash(password)


def password_holds(kept: str, password: str) -> bool:
    """Whether it is the password. `kept` empty: nobody's, and it takes as long."""
    try:
        return _hasher.verify(kept or _NOBODY, password[:LONGEST]) and bool(kept)
    except (Argon2Error, InvalidHashError):
        return False


def new_totp() -> str:
    """A secret for one-time codes, in base32 (160 bits)."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def totp_uri(secret: str, person: str, place: str) -> str:
    """What an authenticator app reads."""
    label = quote(f"redactor {place}:{person}")
    return f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': f'redactor {place}'})}"


def totp_code(secret: str, step: int) -> str:
    """The code of a time step (RFC 6238, SHA-1, six digits)."""
    digest = hmac.digest(base64.b32decode(secret), step.to_bytes(8, "big"), hashlib.sha1)
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at : at + 4], 'big') & 0x7FFFFFFF) % 10**DIGITS:0{DIGITS}}"


def totp_step(secret: str, code: str, now: float) -> int | None:
    """The time step whose code this is: the present one or a neighbour; None where it is none of theirs."""
    found = None
    for step in range(int(now) // PERIOD - 1, int(now) // PERIOD + 2):
        if hmac.compare_digest(totp_code(secret, step).encode(), code.strip().replace(" ", "").encode()):
            found = step
    return found


def new_secret() -> str:
    """256 bits for a cookie or a token."""
    return secrets.token_urlsafe(32)
