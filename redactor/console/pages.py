"""How a page is drawn: templates, the words of its reader's language, and the pieces that every page has.

Knows Jinja. Must not know what any page is about. Invariants: everything that is put into a page is escaped unless a
template's own markup; no page has a script or a style of its own (the guard's headers forbid both).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse, RedirectResponse, Response

from redactor.console.guard import site_of
from redactor.console.people import Permission, Person
from redactor.console.words import LANGUAGES, preferred, say

THEMES = ("auto", "light", "dark")


@dataclass(frozen=True, slots=True)
class Link:
    """An entry of the navigation, for those who have the permission."""

    path: str
    text: str
    permission: Permission


NAVIGATION: list[Link] = [
    Link("/", "Refused queries", Permission.READ_LOG),
    Link("/access", "Who can see what", Permission.SEE_ACCESS),
    Link("/catalog", "Catalog review", Permission.SEE_CATALOG),
    Link("/orders", "Orders", Permission.SEE_ORDERS),
    Link("/health", "Health", Permission.SEE_HEALTH),
]
"""Shown where a route of that path is there."""


@cache
def environment() -> Environment:
    """The templates. A name that a template does not get is an error, not an empty place."""
    made = Environment(
        loader=PackageLoader("redactor.console"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "moment": moment,
        "count": lambda n: f"{n:,}",
        "clock": lambda at: since_epoch(at)[:16],
        "iso": lambda at: since_epoch(at)[:16].replace(" ", "T"),
        "tick": tick,
        "_word": lambda text, say: say(text),
    }
    return made


def moment(text: object) -> str:
    """A time of the log (RFC 3339) for people: to the second, UTC."""
    return str(text)[:19].replace("T", " ")


def since_epoch(seconds: float) -> str:
    """A time as `moment` gives it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def tick(at: float, step: int) -> str:
    """A time below a chart with steps of so many seconds."""
    text = since_epoch(at)
    return text[5:16] if step < 86400 else text[:10] if step < 30 * 86400 else text[:7]


@cache
def static_digest(name: str) -> str:
    """Eight characters that change when the file does, so that it may be cached for ever."""
    return hashlib.sha256(files("redactor.console").joinpath("static", name).read_bytes()).hexdigest()[:8]


def language_of(request: Request) -> str:
    """The reader's language: as they chose, else as their browser says."""
    chosen = request.cookies.get("language", "")
    return chosen if chosen in LANGUAGES else preferred(request.headers.get("accept-language", ""))


def words_of(request: Request) -> Callable[..., str]:
    """`_` for handlers: the sentence in the reader's language."""
    language = language_of(request)
    return lambda text, **values: say(language, text, **values)


def render(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """The page that a template makes of the values. It gets `_`, `person`, `csrf`, `navigation`, `path` besides."""
    person: Person | None = getattr(request.state, "person", None)
    theme = request.cookies.get("theme", "auto")
    there = request.app.state.paths
    shown = [link for link in NAVIGATION if link.path in there and person is not None and person.may(link.permission)]
    site = site_of(request)
    common = {
        "_": words_of(request),
        "language": language_of(request),
        "languages": LANGUAGES,
        "theme": theme if theme in THEMES else "auto",
        "themes": THEMES,
        "person": person,
        "may": lambda name: person is not None and person.may(Permission[name]),
        "csrf": person.csrf if person else "",
        "navigation": shown,
        "path": request.url.path,
        "here": _here(request),
        "static": lambda name: f"/static/{name}?{static_digest(name)}",
        "installation": ", ".join(site.config.databases),
        "banners": [text for banner in request.app.state.banners for text in banner(request)],
    }
    return HTMLResponse(environment().get_template(template).render(**{**common, **values}), status)


def _here(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def go(path: str) -> Response:
    """After a form: on to a page (303, so that reloading sends nothing again)."""
    return RedirectResponse(path, 303)
