"""Keep what a clearance was decided on, so that the same decision can be made again.

Revision ID: 0024
Revises: 0023
"""

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    # Clearances from before this one have neither, and say so when they are replayed.
    op.execute(
        """
        ALTER TABLE clearances
            ADD COLUMN facts jsonb,
            ADD COLUMN answer_sha256 varchar(64),
            ADD CONSTRAINT ck_clearances_facts CHECK ((facts IS NULL) = (answer_sha256 IS NULL))
        """
    )
    # Requests for one layout are looked up when another one is filed for it.
    op.execute("CREATE INDEX ix_requests_layout_sha256 ON requests (layout_sha256)")


def downgrade() -> None:
    op.execute("DROP INDEX ix_requests_layout_sha256")
    op.execute("ALTER TABLE clearances DROP COLUMN facts, DROP COLUMN answer_sha256")
