"""Whether a copy that was handed out was time-stamped as it was signed, so that the clerk can ask again.

Revision ID: 0036
Revises: 0035
"""

from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    op.execute("ALTER TABLE handouts ADD COLUMN time_stamped boolean")
    op.execute("CREATE INDEX ix_handouts_unstamped ON handouts (at) WHERE time_stamped IS FALSE")


def downgrade() -> None:
    op.execute("ALTER TABLE handouts DROP COLUMN time_stamped")  # its index goes with it
