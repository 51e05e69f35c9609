"""Logging in and out, one's own account, and how one likes to read: the routes for them.

Knows passwords, codes, sessions and how often somebody may try. Must not know what is behind. Invariants: a session's
secret is new at each login; a wrong name, password or code looks the same; who logs in or fails to is logged.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import structlog
from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from redactor.audit.entry import deed
from redactor.console import credentials
from redactor.console.guard import (
    LONGEST_SECONDS,
    Anyone,
    Fields,
    cookie_name,
    local_path,
    site_of,
)
from redactor.console.pages import THEMES, go, render, since_epoch
from redactor.console.people import MAY, Permission, Person, Role
from redactor.console.site import Site
from redactor.console.words import LANGUAGES
from redactor.errors import LogUnavailable
from redactor.store.accounts import Session, Token, digest_of

router = APIRouter()
logger = structlog.get_logger("redactor.console")

TRIES = 5
"""Failed logins of one name, or four times as many from one address, in `WINDOW` seconds."""

WINDOW = 300.0
TOKEN_DAYS = 90


@dataclass(slots=True)
class Patience:
    """Counts failures by key within a window; forgets the oldest keys when there are very many."""

    failures: OrderedDict[str, list[float]] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)

    def worn(self, key: str, allowed: int, now: float) -> bool:
        """Whether there have been too many failures of that key."""
        with self.lock:
            recent = [t for t in self.failures.get(key, ()) if t > now - WINDOW]
            return len(recent) >= allowed

    def fail(self, key: str, now: float) -> None:
        """Count one."""
        with self.lock:
            kept = [t for t in self.failures.pop(key, ()) if t > now - WINDOW]
            self.failures[key] = [*kept, now]
            while len(self.failures) > 10_000:
                self.failures.popitem(last=False)

    def forgive(self, key: str) -> None:
        """Forget the failures of a key."""
        with self.lock:
            self.failures.pop(key, None)


def patience_of(request: Request) -> Patience:
    """The application's one count of failures."""
    patience = request.app.state.patience
    assert isinstance(patience, Patience)
    return patience


def address_of(request: Request) -> str:
    """Where the request comes from, as the connection says."""
    return request.client.host if request.client else ""


@router.get("/alive", include_in_schema=False)
def alive() -> Response:
    """For a load balancer."""
    return PlainTextResponse("alive")


@router.get("/login", name="login", include_in_schema=False)
def login_page(request: Request, then: str = "/") -> Response:
    """The form; who is logged in already is sent on."""
    if request.state.person is not None:
        return go(local_path(then))
    return _form(request, then)


def _form(request: Request, then: str, wrong: str = "", name: str = "", status: int = 200) -> Response:
    sign_in = site_of(request).config.reception.sign_in
    provider = sign_in.provider if sign_in is not None else ""
    return render(request, "login.html", status, then=local_path(then), wrong=wrong, name=name, provider=provider)


@router.post("/login", include_in_schema=False)
def log_in(request: Request, fields: Fields) -> Response:
    """Check name, password and code; begin a session."""
    site, patience, now = site_of(request), patience_of(request), time.monotonic()
    name, then = fields.get("name", "").strip()[:200], fields.get("then", "/")
    whose, whence = f"name {name}", f"address {address_of(request)}"
    if patience.worn(whose, TRIES, now) or patience.worn(whence, 4 * TRIES, now):
        return _form(request, then, "Too many tries. Wait five minutes.", name, 429)
    account = site.accounts.find(name)
    good = credentials.password_holds(account.password if account else "", fields.get("password", ""))
    step = None
    if account is not None and account.totp:
        step = credentials.totp_step(account.totp, fields.get("code", ""), site.clock())
        good = good and step is not None and site.accounts.use_step(name, step)
    if account is None or account.disabled or not good:
        patience.fail(whose, now)
        patience.fail(whence, now)
        logger.warning("console login refused", address=address_of(request))
        return _form(request, then, "Name, password or code is wrong.", name, 403)
    patience.forgive(whose)
    return begin_session(request, site, name, account.roles, "password", then)


def begin_session(request: Request, site: Site, name: str, roles: frozenset[str], how: str, then: str) -> Response:
    """A new session, and on to where they wanted to go. An old one of the same browser ends.

    That somebody logged in is in the log before their session begins. LogUnavailable where it cannot be.
    """
    site.note(deed(site.clock(), name, roles, "logged in", {"address": address_of(request), "how": how}))
    old = request.cookies.get(cookie_name(site))
    if old:
        site.accounts.end(digest_of(old))
    secret, now = credentials.new_secret(), int(site.clock())
    session = Session(digest_of(secret), name, roles, how, credentials.new_secret(), now, now)
    site.accounts.begin(session, older=now - LONGEST_SECONDS)
    answer = go(local_path(then))
    _set_cookie(answer, site, cookie_name(site), secret, strict=how == "password", http_only=True)
    return answer


def _set_cookie(
    answer: Response, site: Site, name: str, value: str, *, strict: bool, http_only: bool, **more: Any
) -> None:
    answer.set_cookie(
        name, value, secure=site.secure, httponly=http_only, samesite="strict" if strict else "lax", path="/", **more
    )


@router.post("/logout", include_in_schema=False)
def log_out(request: Request, person: Anyone) -> Response:
    """End the session, here and in the store."""
    site = site_of(request)
    site.accounts.end(digest_of(request.cookies.get(cookie_name(site), "")))
    answer = go("/login")
    answer.delete_cookie(cookie_name(site), path="/", secure=site.secure, httponly=True)
    return answer


@router.post("/preferences", include_in_schema=False)
def prefer(request: Request, fields: Fields) -> Response:
    """Language and light or dark, in cookies of their own."""
    answer = go(local_path(fields.get("then", "/")))
    for name, known in (("language", tuple(LANGUAGES)), ("theme", THEMES)):
        if (value := fields.get(name)) in known:
            _set_cookie(answer, site_of(request), name, str(value), strict=False, http_only=True, max_age=365 * 86400)
    return answer


@router.get("/account", include_in_schema=False)
def account_page(request: Request, person: Anyone) -> Response:
    """One's roles, what they permit, and one's tokens for programs."""
    return _account(request, person)


def _account(request: Request, person: Person, secret: str = "") -> Response:
    site = site_of(request)
    tokens = [
        {"label": t.label, "digest": t.digest, "made": since_epoch(t.made), "ends": since_epoch(t.ends)}
        for t in site.accounts.tokens_of(person.name)
    ]
    table = [(p.value, [p in MAY[r] for r in Role]) for p in Permission]
    return render(
        request,
        "account.html",
        roles=[r.value for r in Role],
        table=table,
        tokens=tokens,
        secret=secret,
        days=TOKEN_DAYS,
    )


@router.post("/account/tokens", include_in_schema=False)
def issue_token(request: Request, fields: Fields, person: Anyone) -> Response:
    """Make a token; it is shown this once."""
    site = site_of(request)
    if site.accounts.find(person.name) is None:
        raise LogUnavailable("tokens are for local accounts: an identity provider's people have its own")
    secret, now = f"rdc_{credentials.new_secret()}", int(site.clock())
    label = fields.get("label", "").strip()[:100] or "token"
    site.note(deed(now, person.name, person.role_names, "made a token", {"label": label}))
    site.accounts.issue(Token(digest_of(secret), person.name, label, now, now + TOKEN_DAYS * 86400))
    return _account(request, person, secret)


@router.post("/account/tokens/withdraw", include_in_schema=False)
def withdraw_token(request: Request, fields: Fields, person: Anyone) -> Response:
    """End one of one's tokens."""
    site_of(request).accounts.withdraw(person.name, fields.get("digest", ""))
    return go("/account")
