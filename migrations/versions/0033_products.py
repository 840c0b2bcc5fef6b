"""Regions of a layout that are declared as products, and composites with a photo's arrangement.

Revision ID: 0033
Revises: 0032
"""

from alembic import op

revision = "0033"
down_revision = "0032"

STATEMENTS = (
    "ALTER TABLE requests ADD COLUMN products jsonb NOT NULL DEFAULT '{}'",
    """
    CREATE TABLE layout_usages (
        composite_id uuid NOT NULL,
        photo_id uuid NOT NULL,
        grant_id uuid NOT NULL,
        CONSTRAINT pk_layout_usages PRIMARY KEY (composite_id),
        CONSTRAINT fk_layout_usages_composite_id_composites
            FOREIGN KEY (composite_id) REFERENCES composites (id),
        CONSTRAINT fk_layout_usages_photo_id_photos FOREIGN KEY (photo_id) REFERENCES photos (id),
        CONSTRAINT fk_layout_usages_grant_id_grants FOREIGN KEY (grant_id) REFERENCES grants (id)
    )
    """,
    "CREATE INDEX ix_layout_usages_photo_id ON layout_usages (photo_id)",
    "CREATE INDEX ix_layout_usages_grant_id ON layout_usages (grant_id)",
    "GRANT SELECT, INSERT ON layout_usages TO bankd_app",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE layout_usages")
    op.execute("ALTER TABLE requests DROP COLUMN products")
