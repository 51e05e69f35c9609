"""What survives a restart: the journal on disk, the database that it is drained into, keys, and reading them back.

Knows files, threads, SQLAlchemy and asyncio. Must not know policies or the wire. Invariant: `Log.append` returns only
when the entry is on disk for good, and every such entry is in the log exactly once, whatever is killed and when.
"""

from redactor.store.log import Health, Log
from redactor.store.reading import Reader, Selection, Stored

__all__ = ["Health", "Log", "Reader", "Selection", "Stored"]
