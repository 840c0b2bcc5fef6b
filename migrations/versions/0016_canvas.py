"""Keep which canvas a request asked for.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("requests", sa.Column("canvas", sa.String, nullable=False, server_default="strict"))
    # Rows of the past were all strict, so nothing has to be looked at under the lock.
    op.execute(
        "ALTER TABLE requests ADD CONSTRAINT ck_requests_canvas"
        " CHECK (canvas IN ('strict', 'overlap')) NOT VALID"
    )
    op.execute("ALTER TABLE requests VALIDATE CONSTRAINT ck_requests_canvas")


def downgrade() -> None:
    op.drop_column("requests", "canvas")
