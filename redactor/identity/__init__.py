"""Signed identities: tokens (JWT) of configured providers, checked against the keys that these publish.

Knows tokens, keys and where keys are read; must not know sessions, policies or SQL. `Providers` is all that others
need. Invariant: nobody is anybody by a token whose signature, issuer, audience and times have not all been checked.
"""

from redactor.identity.providers import Providers
from redactor.identity.tokens import TokenRefused

__all__ = ["Providers", "TokenRefused"]
