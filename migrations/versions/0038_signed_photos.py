"""Photos that the house signs at ingestion: where the manifest beside them lies.

Revision ID: 0038
Revises: 0037
"""

from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    op.execute("ALTER TABLE photos ADD COLUMN store_sha256 varchar(64)")


def downgrade() -> None:
    op.execute("ALTER TABLE photos DROP COLUMN store_sha256")
