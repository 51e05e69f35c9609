"""An issuer of tokens for the tests: its keys, its JWKS file, tokens with any claims."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from redactor.config import Provider

ISSUER = "https://login.city.test"
AUDIENCE = "redactor"


@dataclass
class Issuer:
    """Signs with the newest of its keys; the JWKS file has those that are `published`."""

    directory: Path
    keys: list[ECKey] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.turn()

    @property
    def file(self) -> Path:
        return self.directory / "jwks.json"

    def turn(self, publish: bool = True, keep: int = 2) -> None:
        """A new key."""
        self.keys.append(ECKey.generate_key("P-256", {"kid": f"key-{len(self.keys)}", "use": "sig"}))
        del self.keys[:-keep]
        if publish:
            self.publish()

    def publish(self) -> None:
        self.file.write_text(json.dumps({"keys": [k.as_dict(private=False) for k in self.keys]}))

    def provider(self, **changes: Any) -> Provider:
        given: dict[str, Any] = {
            "name": "city",
            "issuer": ISSUER,
            "audience": (AUDIENCE,),
            "keys": self.file,
            "algorithms": ("ES256",),
            "login": "logins",
        }
        return Provider(**(given | changes))

    def token(self, subject: str = "anna", header: dict[str, Any] | None = None, **changes: Any) -> str:
        """A token that is good for an hour, unless claims say otherwise; None leaves one out."""
        now = time.time()
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": int(now), "exp": int(now) + 3600} | changes
        shown = {"alg": "ES256", "kid": self.keys[-1].kid, "typ": "JWT"} | (header or {})
        kept = {k: v for k, v in claims.items() if v is not None}
        return jwt.encode(shown, kept, self.keys[-1], algorithms=["ES256"])
