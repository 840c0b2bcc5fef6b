"""Let departments prepare for the day on which an embargo ends.

Revision ID: 0021
Revises: 0020
"""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.execute("ALTER TABLE photos ADD COLUMN embargo_visible_to text[] DEFAULT '{}' NOT NULL")
    op.execute("ALTER TABLE batch_items ADD COLUMN visible_to text[] DEFAULT '{}' NOT NULL")
    op.create_index("ix_photos_embargo_until", "photos", ["embargo_until"])
    op.execute("GRANT UPDATE (embargo_visible_to) ON photos TO bankd_app")


def downgrade() -> None:
    op.drop_index("ix_photos_embargo_until", "photos")
    op.execute("ALTER TABLE batch_items DROP COLUMN visible_to")
    op.execute("ALTER TABLE photos DROP COLUMN embargo_visible_to")
