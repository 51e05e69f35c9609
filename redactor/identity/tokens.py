"""One token and one set of keys: whom does it name?

Knows JSON Web Tokens (RFC 7519, with the advice of RFC 8725), by joserfc; the time is an argument. Must not know where
keys come from. Invariant: a refusal's words hold nothing of the token but names of claims and of its key.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from joserfc import jwt
from joserfc.errors import (
    BadSignatureError,
    ExpiredTokenError,
    InvalidClaimError,
    InvalidKeyIdError,
    JoseError,
    MissingClaimError,
    UnsupportedAlgorithmError,
)
from joserfc.jwk import KeySet

from redactor.config import Provider
from redactor.model import Identity

LONGEST = 16_000
"""Characters of a token that is looked at."""
_CLAIMS = 500
_SHOWN = 200


class TokenRefused(Exception):
    """A token that names nobody, and why. `unknown_key`: newer keys may change that. `expired`: it did, once."""

    def __init__(self, why: str, *, unknown_key: bool = False, expired: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.unknown_key = unknown_key
        self.expired = expired


def check(token: str, provider: Provider, keys: KeySet, now: float) -> Identity:
    """Whom the token names, at `now` (seconds since the epoch, UTC). Raises TokenRefused."""
    if len(token) > LONGEST:
        raise TokenRefused(f"the token is longer than {LONGEST} characters")
    try:
        found = jwt.decode(token, keys, algorithms=list(provider.algorithms))
    except UnsupportedAlgorithmError:
        raise TokenRefused("the token is signed in a way that is not accepted") from None
    except InvalidKeyIdError:
        raise TokenRefused(f"provider {provider.name} has no such key", unknown_key=True) from None
    except BadSignatureError:
        # a provider that publishes one key without a name may have replaced it
        raise TokenRefused("the token's signature is wrong", unknown_key=True) from None
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        raise TokenRefused("that is not a signed token") from None
    if str(found.header.get("typ", "JWT")).lower() not in ("jwt", "at+jwt", "application/at+jwt"):
        raise TokenRefused("the token is of another kind")
    claims = found.claims
    needed = jwt.JWTClaimsRegistry(
        now=math.floor(now),
        leeway=provider.leeway,
        iss={"essential": True, "value": provider.issuer},
        aud={"essential": True, "values": list(provider.audience)},
        exp={"essential": True},
    )
    try:
        needed.validate(claims)
    except ExpiredTokenError:
        raise TokenRefused("the token has expired", expired=True) from None
    except MissingClaimError as e:
        raise TokenRefused(f"the token does not say its {e.description or 'claims'}"[:_SHOWN]) from None
    except InvalidClaimError as e:
        raise TokenRefused(_wrong(str(e.claim))) from None
    except (JoseError, ValueError, TypeError):
        raise TokenRefused("the token's claims are not as they should be") from None
    subject = claims.get(provider.subject)
    if not isinstance(subject, str) or not subject:
        raise TokenRefused(f"the token does not name anybody under {provider.subject}")
    said = frozenset(_flat(claims))
    return Identity(provider.name, _plain(subject), said, float(claims["exp"]) + provider.leeway)


def _wrong(claim: str) -> str:
    match claim:
        case "iss":
            return "the token is of another issuer"
        case "aud":
            return "the token is meant for another audience"
        case "nbf" | "iat":
            return "the token is not valid yet"
        case _:
            return f"the token's claim {_plain(claim)} is not as it should be"


def _flat(claims: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(dotted path, value) of all that claims say in text, numbers and booleans."""
    waiting: list[tuple[str, Any]] = list(claims.items())
    count = 0
    while waiting:
        path, value = waiting.pop()
        count += 1
        if count > _CLAIMS:
            raise TokenRefused("the token says too much")
        match value:
            case str():
                yield path, value
            case bool():
                yield path, str(value).lower()
            case int():
                yield path, str(value)
            case list():
                waiting += [(path, v) for v in value if not isinstance(v, list)]
            case dict():
                waiting += [(f"{path}.{k}", v) for k, v in value.items()]
            case _:
                pass


def _plain(text: str) -> str:
    """A name that may stand in a log, a statement and an error: of a length, and without what has a meaning there."""
    return "".join(c if c.isalnum() or c in "._@:/-+|" else "?" for c in text)[:_SHOWN]
