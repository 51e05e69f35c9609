"""How many clients there may be at once, in all and of one login.

Knows clients' ids and logins. Must not know sockets. Invariant: who has entered counts until they leave, whatever
happens between; who was turned away does not count.
"""

from __future__ import annotations

from collections import Counter

from redactor.model import Problem


class Room:
    """Who is in. `most`, `most_of_each`: None for as many as come."""

    def __init__(self, most: int | None = None, most_of_each: int | None = None) -> None:
        self._most = most
        self._most_of_each = most_of_each
        self._logins: dict[str, str] = {}
        self._of_each: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._logins)

    def enter(self, id: str, login: str) -> Problem | None:
        """Lets a client in, or says why not (SQLSTATE 53300, as PostgreSQL has it)."""
        if self._most is not None and len(self._logins) >= self._most:
            hint = f"The proxy takes {self._most} (limits: connections)."
            return Problem("53300", "sorry, too many clients already", "", hint)
        if self._most_of_each is not None and self._of_each[login] >= self._most_of_each:
            hint = f"The proxy takes {self._most_of_each} of one login (limits: connections_per_login)."
            return Problem("53300", f'too many connections for role "{login}"', "", hint)
        self._logins[id] = login
        self._of_each[login] += 1
        return None

    def leave(self, id: str) -> None:
        """A client has gone; nothing happens where it had not entered."""
        login = self._logins.pop(id, None)
        if login is not None:
            self._of_each[login] -= 1
            if not self._of_each[login]:
                del self._of_each[login]


class Alone:
    """The neighbours of a process that has none."""

    def __init__(self, room: Room) -> None:
        self._room = room

    async def enter(self, id: str, login: str) -> Problem | None:
        """As `Room.enter`."""
        return self._room.enter(id, login)

    def leave(self, id: str) -> None:
        """As `Room.leave`."""
        self._room.leave(id)

    async def cancel(self, key: bytes) -> None:
        """No other process has a session of that key."""
        del key
