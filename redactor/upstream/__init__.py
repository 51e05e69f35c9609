"""The real database, as redactor itself sees it: a connection of its own, and the catalog read through it.

Knows asyncpg and pg_catalog. Knows nothing of requesters, policies or statements. Nothing here ever reads a row of a
user's table.
"""

from redactor.upstream.connection import connect
from redactor.upstream.fingerprint import fingerprint
from redactor.upstream.introspect import locked, read_catalog
from redactor.upstream.notice import TRIGGER, listen

__all__ = ["TRIGGER", "connect", "fingerprint", "listen", "locked", "read_catalog"]
