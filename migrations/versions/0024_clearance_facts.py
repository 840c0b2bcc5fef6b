"""Keep what a clearance was decided on, so that it can be made again, and where layouts come from.

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
    op.execute(
        """
        ALTER TABLE requests
            ADD COLUMN layout_origin text NOT NULL DEFAULT 'own',
            ADD CONSTRAINT ck_requests_layout_origin
                CHECK (layout_origin ~ '^(own|licensed|photo:[0-9a-f-]{36})$')
        """
    )


def downgrade() -> None:
    op.execute("ALTER TABLE requests DROP COLUMN layout_origin")
    op.execute("DROP INDEX ix_requests_layout_sha256")
    op.execute("ALTER TABLE clearances DROP COLUMN facts, DROP COLUMN answer_sha256")
