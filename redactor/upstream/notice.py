"""Being told of DDL at once, where a superuser has set up an event trigger; else the catalog is looked at in turn.

Knows the channel and the trigger. The trigger fires for whoever changes a definition, and PostgreSQL delivers the
notice when the change is committed (PostgreSQL docs, NOTIFY), so that nothing is looked at too early.
"""

from __future__ import annotations

from collections.abc import Callable

import asyncpg  # type: ignore[import-untyped]

CHANNEL = "redactor_ddl"

TRIGGER = f"""\
-- As a superuser, in the database that is protected: changes of definitions made elsewhere are then noticed when they
-- are committed, not at redactor's next look, which is every 5 s. To take it away:
-- DROP EVENT TRIGGER {CHANNEL}; DROP FUNCTION redactor.{CHANNEL}();
BEGIN;
CREATE SCHEMA IF NOT EXISTS redactor;
CREATE OR REPLACE FUNCTION redactor.{CHANNEL}() RETURNS event_trigger LANGUAGE plpgsql
  SET search_path = pg_catalog AS $$ BEGIN NOTIFY {CHANNEL}; END $$;
DROP EVENT TRIGGER IF EXISTS {CHANNEL};
CREATE EVENT TRIGGER {CHANNEL} ON ddl_command_end EXECUTE FUNCTION redactor.{CHANNEL}();
COMMIT;
"""
"""What the superuser runs."""


async def listen(connection: asyncpg.Connection, told: Callable[[], None]) -> bool:
    """Calls `told` for every notice until the connection closes. False: the server takes no listeners (a standby)."""
    try:
        await connection.add_listener(CHANNEL, lambda *_: told())
    except asyncpg.PostgresError:
        return False
    return True
