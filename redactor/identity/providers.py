"""All configured providers with their newest keys, and what is remembered of tokens that were checked.

Knows when keys are read again: now and then, and when a token names one that is not known. Must not know sessions.
Invariants: without keys no token is believed; keys that cannot be read again leave the old ones in force; a token
with an unknown key makes a provider be asked at most once in a while, however many such tokens come.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from joserfc.jwk import KeySet

from redactor.config import Provider
from redactor.identity import keys, tokens
from redactor.identity.tokens import TokenRefused
from redactor.model import Identity

REMEMBERED = 4096
"""Tokens whose answer is remembered, so that a token in every statement costs a digest and not a signature."""
_AGAIN = 10.0
"""Seconds from one reading of keys for an unknown one to the next."""

Report = Callable[[str, Mapping[str, str]], None]


@dataclass(slots=True)
class _Ring:
    """One provider's keys. `asked`: when they were last asked for, by the loop's clock."""

    provider: Provider
    keys: KeySet | None = None
    asked: float = float("-inf")
    known: OrderedDict[bytes, Identity] = field(default_factory=OrderedDict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    reading: asyncio.Task[None] | None = None


def _silent(event: str, more: Mapping[str, str]) -> None:
    del event, more


class Providers:
    """The providers of a configuration. `report(event, details)` is told of keys that cannot be read."""

    def __init__(self, providers: Mapping[str, Provider], report: Report = _silent) -> None:
        self._rings = {name: _Ring(p) for name, p in providers.items()}
        self._report = report

    def __contains__(self, name: object) -> bool:
        return name in self._rings

    @property
    def all(self) -> Mapping[str, Provider]:
        """Their settings, by name."""
        return {name: ring.provider for name, ring in self._rings.items()}

    # -------------------------------------------------------------- tokens

    def identify(self, token: str, among: frozenset[str], now: float) -> Identity:
        """Whom a token of one of these providers names, by the keys that are known now. Raises TokenRefused.

        `now`: seconds since the epoch, UTC. An unknown key is asked for in the background: the next try may succeed.
        """
        refused: TokenRefused | None = None
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        for name in sorted(among & self._rings.keys()):
            ring = self._rings[name]
            try:
                return self._checked(ring, token, digest, now)
            except TokenRefused as e:
                if e.unknown_key:
                    self._ask(ring)
                # what was refused for its content says more than what was refused for its key
                if refused is None or (refused.unknown_key and not e.unknown_key):
                    refused = e
        raise refused or TokenRefused("no provider of tokens is configured for this login")

    async def check(self, name: str, token: str, now: float) -> Identity:
        """Whom a token of that provider names; waits for newer keys where the token's is not known."""
        ring = self._rings[name]
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        try:
            return self._checked(ring, token, digest, now)
        except TokenRefused as e:
            if not e.unknown_key or not self._due(ring):
                raise
        await self._read(ring)
        return self._checked(ring, token, digest, now)

    def _checked(self, ring: _Ring, token: str, digest: bytes, now: float) -> Identity:
        known = ring.known.get(digest)
        if known is not None and now < known.expires:
            ring.known.move_to_end(digest)
            return known
        if ring.keys is None:
            raise TokenRefused(f"the keys of provider {ring.provider.name} are not available", unknown_key=True)
        found = tokens.check(token, ring.provider, ring.keys, now)
        ring.known[digest] = found
        if len(ring.known) > REMEMBERED:
            ring.known.popitem(last=False)
        return found

    # -------------------------------------------------------------- keys

    async def refresh(self) -> None:
        """Reads all providers' keys; what fails is reported."""
        await asyncio.gather(*(self._read(ring) for ring in self._rings.values()))

    async def watch(self) -> None:
        """Reads each provider's keys again as often as it is configured; until cancelled."""
        await asyncio.gather(*(self._watch(ring) for ring in self._rings.values()))

    async def _watch(self, ring: _Ring) -> None:
        while True:
            await asyncio.sleep(ring.provider.refresh)
            await self._read(ring)

    def _due(self, ring: _Ring) -> bool:
        return asyncio.get_running_loop().time() - ring.asked >= _AGAIN

    def _ask(self, ring: _Ring) -> None:
        if self._due(ring) and (ring.reading is None or ring.reading.done()):
            ring.reading = asyncio.get_running_loop().create_task(self._read(ring))

    async def _read(self, ring: _Ring) -> None:
        async with ring.lock:
            ring.asked = asyncio.get_running_loop().time()
            try:
                fresh = await asyncio.to_thread(keys.read, ring.provider.keys)
            except keys.KeysUnavailable as e:
                self._report(
                    "keys of an identity provider cannot be read", {"provider": ring.provider.name, "why": e.public}
                )
                return
            if ring.keys is None or fresh.as_dict() != ring.keys.as_dict():
                ring.keys = fresh
                # what an older key had signed is not believed any longer
                ring.known.clear()
