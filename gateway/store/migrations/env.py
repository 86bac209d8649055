"""Alembic's way in. The store hands over its own connection, inside its own transaction."""

from alembic import context

from gateway.store.schema import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("migrations run when the store opens; there is no other way in")

context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a column in place
    transactional_ddl=True,  # both databases can: a migration that is cut short never happened
)
with context.begin_transaction():
    context.run_migrations()
