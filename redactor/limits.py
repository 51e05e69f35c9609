"""`limits:` and `workers:` of redactor.yaml: how much the proxy takes on before it says no.

Knows numbers. Must not know who enforces them. Invariant: a bound that is not given is None, or the built-in one, and
no bound is so low that an ordinary login could not end well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, PlainValidator

from redactor.yamlfile import Form, wrong

LARGEST_STATEMENT = 4 * 1024 * 1024
LARGEST_MESSAGE = 0x3FFFFFFF
LOGIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on clients. None: only the built-in bounds of the part that it is about.

    `connections`: clients at once, all workers together; `connections_per_login`: of one login. `statement_bytes`: the
    longest statement; `message_bytes`: the longest message of a client. Seconds: `login_timeout`, from connecting
    until queries may be sent; `idle_timeout`, in which a client neither says anything nor waits for an answer.
    """

    connections: int | None = None
    connections_per_login: int | None = None
    statement_bytes: int | None = None
    message_bytes: int | None = None
    login_timeout: float = LOGIN_SECONDS
    idle_timeout: float | None = None


class LimitsForm(Form):
    connections: int | None = Field(default=None, ge=1, description="clients at once")
    connections_per_login: int | None = Field(default=None, ge=1, description="clients at once with one login")
    statement_bytes: int | None = Field(
        default=None, ge=1024, le=LARGEST_STATEMENT, description="the longest statement; longer ones are refused"
    )
    message_bytes: int | None = Field(
        default=None, ge=64 * 1024, le=LARGEST_MESSAGE, description="a client's longest message; a longer one ends it"
    )
    login_timeout: float = Field(default=LOGIN_SECONDS, ge=1, le=3600, description="seconds that a login may take")
    idle_timeout: float | None = Field(
        default=None, ge=1, description="seconds after which a client that does nothing is let go; none: never"
    )

    def limits(self) -> Limits:
        """The bounds, as everybody else reads them."""
        return Limits(
            self.connections,
            self.connections_per_login,
            self.statement_bytes,
            self.message_bytes,
            self.login_timeout,
            self.idle_timeout,
        )


def _workers(value: object) -> int:
    if value == "auto":
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 256:
        raise wrong(f"`workers` is `{value}`", "1 to 256, or auto")
    return value


Workers = Annotated[int, PlainValidator(_workers, json_schema_input_type=int | Literal["auto"])]
"""How many processes; 0: one for each processor."""
