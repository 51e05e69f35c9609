"""What the console's pages stand on: the log, the accounts, the files, the judges, the clock; handed in from outside.

Knows the parts' types. Must not make any of them, nor know HTTP. Invariant: pages read and write through this and
nothing else, so a test can give them any world.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlsplit

from redactor.audit.entry import Closed, Draft
from redactor.config import Config
from redactor.console.register import Register
from redactor.engine import Engine
from redactor.identity import Providers
from redactor.policy import Policy
from redactor.review import Review
from redactor.store import Health, Reader
from redactor.store.accounts import Accounts
from redactor.store.orders import Desk


@dataclass(frozen=True, slots=True)
class Files:
    """The policy, the reviewed catalogs by database, and what known tags mean: as the files say now."""

    policy: Policy
    reviews: Mapping[str, Review]
    meanings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Site:
    """One installation's console. All calls block; make them from a thread.

    `files` raises ConfigurationError where they cannot be used. `judge`: a database's newest, None while its catalog
    cannot be read. `note` returns when the entry is durable (LogUnavailable where it cannot be). `clock`: seconds
    since 1970, UTC. `reload`: ask the proxy to read its files anew; False where there is none to ask. `url`: how
    browsers reach the pages, such as https://console.city.example.
    """

    config: Config
    url: str
    reader: Callable[[], Reader]
    register: Register
    accounts: Accounts
    files: Callable[[], Files]
    judge: Callable[[str], Engine | None]
    desk: Desk
    note: Callable[[Closed | Draft], None]
    health: Callable[[], Health]
    clock: Callable[[], float]
    reload: Callable[[], bool] = lambda: False
    providers: Providers | None = None

    @property
    def secure(self) -> bool:
        """Whether browsers come by https."""
        return self.url.startswith("https://")

    @property
    def origin(self) -> str:
        """What a browser calls the console's origin."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"
