"""Whether a copy that was handed out was time-stamped as it was signed, so that the clerk can ask again.

Revision ID: 0035
Revises: 0034
"""

from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    op.execute("ALTER TABLE handouts ADD COLUMN time_stamped boolean")
    op.execute("CREATE INDEX ix_handouts_unstamped ON handouts (at) WHERE time_stamped IS FALSE")


def downgrade() -> None:
    op.execute("ALTER TABLE handouts DROP COLUMN time_stamped")  # its index goes with it
