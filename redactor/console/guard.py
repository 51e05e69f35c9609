"""What stands before every page: hosts, headers, sizes, origins, sessions, permissions, forms.

Knows HTTP and sessions. Must not know what any page shows. Invariants: a route that names no permission is not served
(`create` refuses to start with one, the few public ones apart); nothing is changed by a request that does not come
from the console's own pages, or from a program with a token.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import parse_qs, quote, urlsplit

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from redactor.console.people import Permission, Person, roles_named
from redactor.console.site import Site
from redactor.store.accounts import digest_of

LARGEST = 1 << 20
"""Bytes of a request's body."""

IDLE_SECONDS = 30 * 60
LONGEST_SECONDS = 12 * 3600

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class Gate:
    """ASGI: turns away other hosts and what is too large, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._secure = site.secure
        host = urlsplit(site.url).hostname or ""
        self._hosts = {host, "127.0.0.1", "localhost", "::1"} if not site.secure else {host}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, size = Headers(scope=scope), 0

        async def bounded() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > LARGEST:
                raise HTTPException(413, "The request is too large.")
            return message

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    answer.setdefault(name, value)
                kept = scope["path"].startswith("/static/") and scope.get("query_string")
                answer.setdefault("cache-control", "max-age=31536000, immutable" if kept else "no-store")
                if self._secure:
                    answer.setdefault("strict-transport-security", "max-age=31536000")
            await send(message)

        named = urlsplit(f"//{headers.get('host', '')}").hostname if _is_host(headers.get("host", "")) else None
        if named not in self._hosts:
            await PlainTextResponse("This console is known by another name.", 421)(scope, receive, dressed)
            return
        await self._app(scope, bounded, dressed)


def _is_host(text: str) -> bool:
    try:
        return bool(urlsplit(f"//{text}").hostname)
    except ValueError:
        return False


class SignIn(Exception):
    """A page that needs somebody who is logged in; `then`: where to go afterwards."""

    def __init__(self, then: str) -> None:
        super().__init__(then)
        self.then = then


def site_of(request: Request) -> Site:
    """The site that the request's application was made for."""
    site = request.app.state.site
    assert isinstance(site, Site)
    return site


def cookie_name(site: Site) -> str:
    """The session cookie's name: bound to the host where browsers come by https (RFC 6265bis, 4.1.3)."""
    return "__Host-redactor" if site.secure else "redactor"


def is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/")


def _by_cookie(site: Site, secret: str) -> Person | None:
    now = int(site.clock())
    session = site.accounts.session(digest_of(secret))
    if session is None:
        return None
    if now - session.seen > IDLE_SECONDS or now - session.made > LONGEST_SECONDS:
        site.accounts.end(session.digest)
        return None
    if now - session.seen > 60:
        site.accounts.touch(session.digest, now)
    return Person(session.person, roles_named(session.roles), session.how, session.csrf)


def _by_token(site: Site, secret: str) -> Person | None:
    found = site.accounts.token(digest_of(secret))
    if found is None or found[0].ends <= site.clock():
        return None
    return Person(found[1].name, roles_named(found[1].roles), "token")


def identify(request: Request) -> Person | None:
    """Who asks: by a token (API only), or by the session's cookie; None: nobody. Blocking."""
    site = site_of(request)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme:
        return _by_token(site, token.strip()) if scheme.lower() == "bearer" and is_api(request) else None
    cookie = request.cookies.get(cookie_name(site))
    return _by_cookie(site, cookie) if cookie else None


async def guarded(request: Request) -> None:
    """Runs before every route: finds out who asks, and that a change is asked for by the console's own pages."""
    site = site_of(request)
    person = await run_in_threadpool(identify, request)
    request.state.person = person
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    if person is not None and person.how == "token":
        return
    if not from_here(request, site):
        raise HTTPException(403, "This request does not come from the console's own pages.")
    if person is not None:
        given = request.headers.get("x-csrf-token") or (await fields_of(request)).get("csrf", "")
        if not hmac.compare_digest(given.encode(), person.csrf.encode()):
            raise HTTPException(403, "The page was of another session. Go back, load it again, and try once more.")


def from_here(request: Request, site: Site) -> bool:
    """Whether a browser says that the request comes from the console's own pages."""
    origin = request.headers.get("origin")
    if origin is not None and origin != "null":
        own = {site.origin} if site.secure else {site.origin, f"http://{request.headers.get('host', '')}"}
        return origin in own
    return request.headers.get("sec-fetch-site") == "same-origin"


async def fields_of(request: Request) -> Mapping[str, str]:
    """A form's fields (application/x-www-form-urlencoded); of those given more than once, all, a line each."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        return {}
    try:
        given = parse_qs((await request.body()).decode(), keep_blank_values=True, max_num_fields=2000)
    except ValueError:
        raise HTTPException(400, "The form cannot be read.") from None
    return {name: "\n".join(values) for name, values in given.items()}


Fields = Annotated[Mapping[str, str], Depends(fields_of)]
"""A handler's parameter: the form's fields. That it came from the console's own page has been checked by then."""


class Need:
    """A dependency: somebody with that permission. `any_person`: whoever is logged in."""

    def __init__(self, permission: Permission | None) -> None:
        self.permission = permission

    def __call__(self, request: Request) -> Person:
        person: Person | None = request.state.person
        if person is None:
            if is_api(request):
                raise HTTPException(401, "Log in, or send a token.", {"WWW-Authenticate": "Bearer"})
            query = f"?{request.url.query}" if request.url.query else ""
            raise SignIn(f"{request.url.path}{query}" if request.method == "GET" else "/")
        if self.permission is not None and not person.may(self.permission):
            raise HTTPException(403, f"None of your roles may {self.permission.value}.")
        return person


Anyone = Annotated[Person, Depends(Need(None))]
"""A handler's parameter: whoever is logged in. Others are `Annotated[Person, Depends(Need(Permission.X))]`."""


def unguarded(routes: Sequence[BaseRoute], public: frozenset[str]) -> list[str]:
    """The paths of routes that neither need somebody nor are among the public ones; what is no plain route is, too."""
    return [
        getattr(r, "path", repr(r))
        for r in routes
        if not isinstance(r, APIRoute) or (r.path not in public and not _has_need(r.dependant))
    ]


def _has_need(dependant: Any) -> bool:
    return isinstance(dependant.call, Need) or any(_has_need(d) for d in dependant.dependencies)


def local_path(then: str) -> str:
    """Where to go after logging in: a path of this console, whatever was asked for."""
    parts = urlsplit(then)
    if parts.scheme or parts.netloc or not then.startswith("/") or then.startswith(("//", "/\\")) or "\\" in then:
        return "/"
    return quote(then, safe="/?&=%:,.+-_~")
