"""Keep with an order the masks that its seal needs, by the hash of the object that holds them.

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    # Empty for orders of before: their seal finds no masks, and they are ordered anew.
    op.add_column("orders", sa.Column("masks_sha256", sa.String(64)))


def downgrade() -> None:
    op.drop_column("orders", "masks_sha256")
