"""A console on a log of its own, in a directory: what the console's tests stand in.

Everything is real but the catalogs, which are read from no database: `judges` may be filled by a test.
"""

from __future__ import annotations

import asyncio
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from redactor import config, policy, review
from redactor.audit.entry import Closed, Draft
from redactor.console import Files, Site, create, credentials
from redactor.console.register import Register
from redactor.decision import Entry
from redactor.engine import Engine
from redactor.store import Log, Reader
from redactor.store.accounts import Account, Accounts, Session, digest_of
from redactor.store.database import Database
from redactor.store.orders import Desk

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette would have another client than httpx
    from starlette.testclient import TestClient

PASSWORD = "correct horse battery"
credentials._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)  # a second each is for life
HASH = credentials.hash_password(PASSWORD)
ROLES = ("auditor", "steward", "operator", "counsel")

FILES = Path(__file__).parent.parent / "fixtures" / "town"


@dataclass
class Place:
    """`client(name)` is a browser in which that person is logged in; each role has a person of its name."""

    directory: Path
    site: Site
    app: Any
    log: Log
    loop: asyncio.AbstractEventLoop
    judges: dict[str, Engine]
    now: list[float]
    clients: list[TestClient] = field(default_factory=list)

    def browser(self) -> TestClient:
        made = TestClient(self.app, base_url="http://127.0.0.1:8080", follow_redirects=False)
        made.headers["origin"] = "http://127.0.0.1:8080"
        self.clients.append(made)
        return made

    def client(self, name: str) -> TestClient:
        """A browser with a session that was begun without the form: checking a password takes its time."""
        made, secret, now = self.browser(), credentials.new_secret(), int(self.now[0])
        account = self.site.accounts.find(name)
        assert account is not None
        session = Session(digest_of(secret), name, account.roles, "password", credentials.new_secret(), now, now)
        self.site.accounts.begin(session, 0)
        made.cookies.set("redactor", secret, domain="127.0.0.1", path="/")
        return made

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def append(self, *entries: Entry) -> None:
        """Entries, durable and signed."""

        async def work() -> None:
            await asyncio.gather(*[self.log.append(e) for e in entries])

        self.run(work())
        self.flush()

    def flush(self) -> None:
        self.run(self.log.flush())
        self.site.register.follow(self.site.reader())

    def leaves(self) -> list[dict[str, Any]]:
        """All entries as the store has them, after a flush."""
        self.flush()
        return [e.value for e in self.site.reader().select(newest=False)]

    def deeds(self) -> list[dict[str, Any]]:
        return [v for v in self.leaves() if v["kind"] == "deed"]


def csrf(text: str) -> str:
    """The token in a page's forms."""
    found = re.search(r'name="csrf" value="([^"]+)"', text)
    assert found is not None
    return found.group(1)


@contextmanager
def place(directory: Path, **changes: Any) -> Iterator[Place]:
    """A console whose policy and catalog are the town's."""
    for name in ("policy.yaml", "catalog.yaml"):
        (directory / name).write_text((FILES / name).read_text())
    (directory / "redactor.yaml").write_text(
        "databases: {town: {upstream: 'postgresql://redactor@127.0.0.1:1/town', catalog: catalog.yaml}}\n"
        "policy: policy.yaml\nstore: sqlite:///redactor.db\nconsole: 127.0.0.1:8080\n"
    )
    settings = config.load(directory / "redactor.yaml", {})
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    log: Log = run(Log.open(settings.store, settings.log.directory))
    database = Database(settings.store)
    accounts = Accounts(database)
    for role in ROLES:
        accounts.add(Account(role, frozenset({role}), HASH, made="2026-01-01T00:00:00.000000Z"))
    reader = Reader(settings.store, settings.log.directory)
    judges: dict[str, Engine] = {}
    now = [1_780_100_000.0]

    def files() -> Files:
        return Files(
            policy.parse((directory / "policy.yaml").read_text(), "policy.yaml"),
            {"town": review.parse((directory / "catalog.yaml").read_text(), "catalog.yaml")},
        )

    def note(closed: Closed | Draft) -> None:
        run(log.note(closed))

    given: dict[str, Any] = {
        "config": settings,
        "url": "http://127.0.0.1:8080",
        "reader": lambda: reader,
        "register": Register(directory / "console" / "register.db"),
        "accounts": accounts,
        "desk": Desk(database, note, changes.get("clock", lambda: now[0])),
        "files": files,
        "judge": judges.get,
        "note": note,
        "health": log.health,
        "clock": lambda: now[0],
    }
    site = Site(**(given | changes))
    made = Place(directory, site, create(site), log, loop, judges, now)
    try:
        yield made
    finally:
        for client in made.clients:
            client.close()
        reader.close()
        database.close()
        run(log.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
