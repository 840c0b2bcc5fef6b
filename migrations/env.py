"""Run migrations as the owner of the database.

The database is, in this order, the connection or the URL that the caller put
into `config.attributes`, or `BANKD_DATABASE_OWNER_URL`.
"""

import os
from importlib import import_module

import pgvector.sqlalchemy  # noqa: F401  teaches reflection the types of pgvector
from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, NullPool, create_engine, text

from bankd.db import Base

# Every module that defines tables.
MODELS = (
    "bankd.audit.models",
    "bankd.access.models",
    "bankd.licensing.models",
    "bankd.licensing.ending",
    "bankd.catalog.models",
    "bankd.catalog.embedded",
    "bankd.ingestion.models",
    "bankd.policy.models",
    "bankd.training.models",
    "bankd.provenance.models",
    "bankd.royalties.models",
    "bankd.usage.models",
    "bankd.worker.models",
    "bankd.synthesis.models",
    "bankd.exposure.models",
    "bankd.identifying.models",
    "bankd.notices.models",
    "bankd.expiries.models",
    "bankd.issued.models",
    "bankd.erasure.models",
    "bankd.signoffs.models",
)
for name in MODELS:
    import_module(name)

# A migration that waits for a lock makes everyone behind it wait too.
LOCK_TIMEOUT = "4s"


def migrate(connection: Connection) -> None:
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.commit()
    context.configure(
        connection=connection,
        # In a list, or the naming convention of today would be put on top of names that history wrote out.
        target_metadata=[Base.metadata],
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def url() -> str:
    found = context.config.attributes.get("url") or os.environ.get("BANKD_DATABASE_OWNER_URL")
    if not found:
        raise CommandError("no database to migrate: set BANKD_DATABASE_OWNER_URL")
    return str(found)


if context.is_offline_mode():
    raise CommandError("migrations run against a database only: leave out --sql")
given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    engine = create_engine(url(), poolclass=NullPool)
    with engine.connect() as connection:
        migrate(connection)
    engine.dispose()
