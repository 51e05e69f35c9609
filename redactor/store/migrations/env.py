"""How Alembic reaches the store: by the connection that `Database.migrate` hands it.

Knows nothing of URLs, files or logging; a migration runs inside the caller's transaction, all or nothing.
"""

from alembic import context

from redactor.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    transaction_per_migration=False,
)
context.run_migrations()
