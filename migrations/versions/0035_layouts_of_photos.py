"""Find the photo whose label map a layout is.

Revision ID: 0035
Revises: 0034
"""

from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    op.create_index("ix_photos_labels_sha256", "photos", ["labels_sha256"])


def downgrade() -> None:
    op.drop_index("ix_photos_labels_sha256", "photos")
