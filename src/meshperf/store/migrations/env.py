"""Run the steps on the connection that `schema.upgrade` hands over; the caller owns the transaction."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transactional_ddl=True, render_as_batch=True)
context.run_migrations()
