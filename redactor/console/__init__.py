"""The console: the pages and the API of auditors, stewards, operators and counsel.

Knows its routers, each a module of its own, and puts them together. Must not know the proxy: it runs in a process of
its own and reads the store. Invariant: every route but the public ones names the permission that it needs; one that
does not keeps the console from starting.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from redactor import __version__
from redactor.console import access, api, catalog, decision, entrance, health, orders, provider, refusals
from redactor.console.guard import Gate, SignIn, guarded, is_api, unguarded
from redactor.console.pages import render
from redactor.console.site import Files, Site
from redactor.errors import ConfigurationError, LogUnavailable, RedactorError

__all__ = ["Files", "Site", "create"]

ROUTERS: list[APIRouter] = [
    entrance.router,
    provider.router,
    refusals.router,
    decision.router,
    access.router,
    catalog.router,
    orders.router,
    health.router,
    api.router,
]
"""What is served, in order."""

BANNERS: list[Callable[[Request], list[str]]] = [orders.banner]
"""What is told at the head of every page: each gives sentences, in the reader's language, or none."""

PUBLIC = frozenset({"/login", "/login/provider", "/login/callback", "/preferences", "/alive"})
"""The routes that need nobody."""


def create(site: Site) -> FastAPI:
    """The application for one site."""
    app = FastAPI(
        title="redactor",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        responses=api.FAILURES,
        dependencies=[Depends(guarded)],
    )
    app.state.site = site
    app.state.banners = BANNERS
    app.state.patience = entrance.Patience()
    app.state.departures = provider.Departures()
    for router in ROUTERS:
        app.include_router(router)
    routes = [route for router in ROUTERS for route in router.routes]
    app.state.paths = frozenset(getattr(route, "path", "") for route in routes)
    if left := unguarded(routes, PUBLIC):
        raise RuntimeError(f"routes that need no permission: {left}")
    app.mount("/static", StaticFiles(directory=str(files(__name__).joinpath("static"))), name="static")
    app.add_exception_handler(SignIn, _sign_in)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(RedactorError, _said)
    app.add_exception_handler(Exception, _bug)
    app.add_middleware(Gate, site=site)
    return app


def _sign_in(request: Request, e: Exception) -> Response:
    assert isinstance(e, SignIn)
    return RedirectResponse(f"/login?{urlencode({'then': e.then})}", 303)


def _answer(request: Request, status: int, what: str, headers: dict[str, str] | None = None) -> Response:
    if is_api(request):
        return JSONResponse({"error": what}, status, headers)
    answer = render(request, "error.html", status, what=what, status_code=status)
    for name, value in (headers or {}).items():
        answer.headers[name] = value
    return answer


def _http(request: Request, e: Exception) -> Response:
    assert isinstance(e, HTTPException)
    what = "There is no such page." if e.status_code == 404 and e.detail == "Not Found" else str(e.detail)
    return _answer(request, e.status_code, what, dict(e.headers or {}))


def _invalid(request: Request, e: Exception) -> Response:
    assert isinstance(e, RequestValidationError)
    first = e.errors()[0] if e.errors() else {"loc": (), "msg": "the request cannot be read"}
    return _answer(request, 422, f"{'.'.join(str(x) for x in first['loc'][1:])}: {first['msg']}")


def _said(request: Request, e: Exception) -> Response:
    assert isinstance(e, RedactorError)
    status = 503 if isinstance(e, LogUnavailable | ConfigurationError) else 500
    return _answer(request, status, e.public)


def _bug(request: Request, e: Exception) -> Response:
    return _answer(request, 500, "Something went wrong here; the operator's log says what.")
