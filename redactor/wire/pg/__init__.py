"""PostgreSQL's frontend/backend protocol 3 (PostgreSQL docs, chapter 54), sans-IO.

`Session` is all that a shell needs. Inside: `framing` (where a message ends), `messages` (how one is read and
written), `encodings` (how its text is read), `login` (until the first ReadyForQuery),
`admission` (logins that are checked here, by `scram` or `oauth`), `conversation` (what both
directions share), `requests` (client to server), `replies` (server to client), `passage` (the short way of most
bytes past both).
"""

from redactor.wire.pg.admission import Channel, Entrance
from redactor.wire.pg.place import Edition, Limits, Place
from redactor.wire.pg.scram import Secret
from redactor.wire.pg.session import Session

__all__ = ["Channel", "Edition", "Entrance", "Limits", "Place", "Secret", "Session"]
