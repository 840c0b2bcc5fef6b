"""Keep which refiner a request asked for.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("requests", sa.Column("refiner", sa.String, nullable=False, server_default="blend"))
    # Rows of the past were all blended, so nothing has to be looked at under the lock.
    op.execute(
        "ALTER TABLE requests ADD CONSTRAINT ck_requests_refiner"
        " CHECK (refiner IN ('blend', 'network')) NOT VALID"
    )
    op.execute("ALTER TABLE requests VALIDATE CONSTRAINT ck_requests_refiner")


def downgrade() -> None:
    op.drop_column("requests", "refiner")
