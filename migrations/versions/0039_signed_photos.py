"""Photos that the house signs at ingestion: where the manifest beside them lies.

Revision ID: 0039
Revises: 0038
"""

from alembic import op

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    op.execute("ALTER TABLE photos ADD COLUMN store_sha256 varchar(64)")


def downgrade() -> None:
    op.execute("ALTER TABLE photos DROP COLUMN store_sha256")
