"""Alembic's entry: runs the revisions on the connection that `mindbridge_migrations.upgrade` and its like hand over.

There is no ini file and no URL here: a URL in an ini file is read with interpolation, where a `%` in a password fails.
"""

from alembic import context

from mindbridge_postgres.schema import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, compare_server_default=True
)
with context.begin_transaction():
    context.run_migrations()
