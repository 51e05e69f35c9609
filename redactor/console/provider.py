"""Logging in by an identity provider: OpenID Connect's authorization code flow with PKCE (RFC 7636).

Knows the provider's two endpoints and what a token says of roles; `redactor.identity` checks the token itself. Must not
know pages. Invariants: a code is taken only from the browser that was sent for it, once, and within ten minutes; the
token has to hold the nonce that was sent along; somebody without a role here gets no session.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import urllib.request
from collections import OrderedDict
from dataclasses import dataclass, field
from email.message import Message
from threading import Lock
from typing import IO, Any
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from redactor.console.credentials import new_secret
from redactor.console.entrance import address_of, begin_session, patience_of
from redactor.console.guard import local_path, site_of
from redactor.console.pages import render
from redactor.console.site import Site
from redactor.identity import TokenRefused
from redactor.model import Identity
from redactor.reception import SignIn

router = APIRouter()
logger = structlog.get_logger("redactor.console")

AWAY_SECONDS = 600.0
MOST_AWAY = 5000
LARGEST = 1 << 20
COOKIE = "redactor-away"


@dataclass(frozen=True, slots=True)
class Departure:
    """Somebody who was sent to the provider. `left`: by the monotonic clock."""

    state: str
    nonce: str
    verifier: str
    then: str
    left: float


@dataclass(slots=True)
class Departures:
    """Who is at the provider, by the secret in their browser's cookie."""

    away: OrderedDict[str, Departure] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)

    def leave(self, then: str, now: float) -> tuple[str, Departure]:
        """A new departure, and the cookie's secret."""
        secret = new_secret()
        departure = Departure(new_secret(), new_secret(), new_secret() + new_secret(), then, now)
        with self.lock:
            self.away[secret] = departure
            while len(self.away) > MOST_AWAY:
                self.away.popitem(last=False)
        return secret, departure

    def arrive(self, secret: str, state: str, now: float) -> Departure | None:
        """The departure, which is over with this; None where it is not theirs, or too long ago."""
        with self.lock:
            departure = self.away.pop(secret, None)
        if departure is None or now - departure.left > AWAY_SECONDS:
            return None
        return departure if hmac.compare_digest(departure.state.encode(), state.encode()) else None


def _departures(request: Request) -> Departures:
    found = request.app.state.departures
    assert isinstance(found, Departures)
    return found


def _sign_in(site: Site) -> SignIn:
    if site.config.reception.sign_in is None or site.providers is None:
        raise HTTPException(404, "There is no such page.")
    return site.config.reception.sign_in


@router.get("/login/provider", include_in_schema=False)
def depart(request: Request, then: str = "/") -> Response:
    """On to the provider."""
    site = site_of(request)
    there = _sign_in(site)
    secret, departure = _departures(request).leave(local_path(then), time.monotonic())
    challenge = base64.urlsafe_b64encode(hashlib.sha256(departure.verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": there.client,
        "redirect_uri": f"{site.url}/login/callback",
        "scope": "openid profile",
        "state": departure.state,
        "nonce": departure.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    sign = "&" if "?" in there.authorize else "?"
    answer = RedirectResponse(f"{there.authorize}{sign}{urlencode(asked)}", 303)
    answer.set_cookie(
        COOKIE, secret, max_age=int(AWAY_SECONDS), path="/login", secure=site.secure, httponly=True, samesite="lax"
    )
    return answer


@router.get("/login/callback", include_in_schema=False)
async def arrive(request: Request, state: str = "", code: str = "", error: str = "") -> Response:
    """Back from the provider: the code becomes a token, and that a session."""
    site = site_of(request)
    there = _sign_in(site)
    departure = _departures(request).arrive(request.cookies.get(COOKIE, ""), state, time.monotonic())
    if departure is None or error or not code:
        return _turned_away(request, "The provider's answer does not belong to this browser, or came too late.")
    try:
        token = await run_in_threadpool(exchange, there, code, departure.verifier, f"{site.url}/login/callback")
        assert site.providers is not None
        identity = await site.providers.check(there.provider, token, site.clock())
    except (TokenRefused, OSError, ValueError) as e:
        why = e.why if isinstance(e, TokenRefused) else type(e).__name__
        logger.warning("console login by a provider failed", provider=there.provider, why=why)
        return _turned_away(request, "The provider did not confirm who you are.")
    if ("nonce", departure.nonce) not in identity.claims:
        return _turned_away(request, "The provider's answer does not belong to this browser, or came too late.")
    roles = roles_of(there, identity)
    if not roles:
        return _turned_away(request, "The provider knows you, but you have no role here.")
    answer = await run_in_threadpool(begin_session, request, site, str(identity), roles, there.provider, departure.then)
    answer.delete_cookie(COOKIE, path="/login", secure=site.secure, httponly=True)
    return answer


def _turned_away(request: Request, why: str) -> Response:
    patience_of(request).fail(f"address {address_of(request)}", time.monotonic())
    return render(request, "error.html", 403, what=why, status_code=403)


def roles_of(there: SignIn, identity: Identity) -> frozenset[str]:
    """The console's roles of somebody, by what their token says."""
    said = {value for path, value in identity.claims if path == there.claim}
    return frozenset(role for role, values in there.roles.items() if not said.isdisjoint(values))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A code and a secret go where the configuration says, and nowhere else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


def exchange(there: SignIn, code: str, verifier: str, back: str) -> str:
    """The id token for a code. Blocking; OSError or ValueError where there is none."""
    given = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": back,
        "client_id": there.client,
        "code_verifier": verifier,
    }
    if there.secret is not None:
        given["client_secret"] = there.secret
    request = urllib.request.Request(
        there.token, urlencode(given).encode(), {"Accept": "application/json", "User-Agent": "redactor"}
    )
    opener = urllib.request.build_opener(_NoRedirect)
    with opener.open(request, timeout=10) as answer:
        document: Any = json.loads(answer.read(LARGEST))
    token = document.get("id_token") if isinstance(document, dict) else None
    if not isinstance(token, str):
        raise ValueError("the provider gave no id token")
    return token
