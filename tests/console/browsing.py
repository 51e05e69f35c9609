"""A real browser on a real console: Chromium without a window, uvicorn on a port, the town's engine and many decisions.

Knows Playwright. The browser is Debian's `chromium`, or what CHROMIUM names; tests are skipped by name where there is
none. `Pages` is what a test gets: one person's window.
"""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from redactor.decision import Allow, Entry, Redact, Refuse, Verdict
from redactor.engine import Engine
from redactor.model import Requester
from tests.console.place import PASSWORD, Place, place
from tests.servers import free_port

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

STATEMENTS = (
    "SELECT full_name, status FROM residents WHERE resident_id = 7",
    "SELECT full_name FROM residents WHERE alien_number = 'A123456789'",
    "SELECT district, count(*) FROM residents GROUP BY district ORDER BY 2 DESC",
    "SELECT r.full_name, v.language FROM residents r JOIN visits v USING (resident_id) WHERE r.district = 3",
    "SELECT full_name, phone FROM residents ORDER BY full_name LIMIT 20",
    "SELECT count(*) FROM residents WHERE status IN ('none', 'pending')",
    "SELECT s.service FROM housing.refugee_services s JOIN residents r USING (resident_id)",
    "SELECT notes FROM files WHERE resident_id = 12",
    "UPDATE residents SET phone = '555-0100' WHERE status = 'visa'",
    "SELECT full_name, arrived FROM residents WHERE district = 2",
)
PEOPLE = ("clerk", "clerk", "clerk", "builder", "mendez", "o'connor")


def browser_path() -> str | None:
    """Where a Chromium is."""
    named = os.environ.get("CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def decided(engine: Engine, count: int, until: float, days: float = 14) -> Iterator[Entry]:
    """What the log would remember of so many statements of people in the last days, in order."""
    chance = random.Random(7)
    times = sorted(until - days * 86400 * chance.random() ** 1.6 for _ in range(count))
    for i, at in enumerate(times):
        login, text = chance.choice(PEOPLE), chance.choice(STATEMENTS)
        who = Requester(
            login, "town", frozenset({"town_staff"}), f"10.20.0.{chance.randrange(3, 30)}", "psql", "scram-sha-256"
        )
        context = engine.begin(who, {}, None)
        decision = engine.decide(who, context, text)  # type: ignore[arg-type]
        match decision:
            case Allow():
                verdict, rules, problem, outcome = Verdict.ALLOWED, decision.rules, None, "sent"
            case Redact():
                verdict, rules, problem, outcome = Verdict.REDACTED, decision.rules, None, "sent"
            case Refuse():
                verdict, rules, problem, outcome = Verdict.REFUSED, decision.rules, decision.problem, "refused"
        columns = decision.footprint.columns
        name = f"{chance.getrandbits(32):08x}-{i:x}-1"
        yield Entry(at, name, verdict, who, rules, columns, decision.shape, text, engine.snapshot, outcome, problem)


@dataclass
class Served:
    """A console on a port."""

    url: str
    place: Place


@contextmanager
def served(directory: Path, engine: Engine, count: int = 120) -> Iterator[Served]:
    """The console of the town, with that many decisions in its log."""
    port, now = free_port(), time.time()
    with place(directory, url=f"http://127.0.0.1:{port}", clock=time.time) as made:
        made.judges["town"] = engine
        made.append(*decided(engine, count, now))
        server = uvicorn.Server(
            uvicorn.Config(made.app, port=port, log_config=None, access_log=False, lifespan="off", ws="none")
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        try:
            yield Served(f"http://127.0.0.1:{port}", made)
        finally:
            server.should_exit = True
            thread.join(10)


class Pages:
    """One person's window. What the page's console says, or an error in a script, is kept in `said`."""

    def __init__(self, browser: Any, served: Served, who: str | None, **options: Any) -> None:
        self.served = served
        self._context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        self._context.set_default_timeout(20_000)
        self.page = self._context.new_page()
        self.said: list[str] = []
        self.page.on("console", lambda m: self.said.append(m.text))
        self.page.on("pageerror", lambda e: self.said.append(str(e)))
        if who is not None:
            self.go("/login")
            self.page.fill("#name", who)
            self.page.fill("#password", PASSWORD)
            self.page.click("button.main")

    def go(self, path: str) -> Any:
        self.page.goto(self.served.url + path)
        return self.page

    def faults(self) -> list[str]:
        """What axe finds on the page as it is: rule and first element."""
        found = self.page.evaluate(
            "async ([source, rules]) => { if (!window.axe) { const f = new Function(source); f.call(window); }"
            " const r = await window.axe.run(document, {runOnly: rules});"
            " return r.violations.map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.target.join(' ')).join()); }",
            [AXE.read_text(), RULES],
        )
        return [str(f) for f in found]

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def close(self) -> None:
        self._context.close()
