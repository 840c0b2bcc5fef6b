"""Keep composites, what each used, and to whom it was given.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "composites",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("request_id", sa.Uuid, nullable=False),
        sa.Column("order_id", sa.Uuid, nullable=False),
        sa.Column("variation", sa.Integer, nullable=False),
        sa.Column("department_id", sa.Uuid),
        sa.Column("blob_key", sa.Text, nullable=False),
        sa.Column("file_sha256", sa.String(64), nullable=False),
        sa.Column("pixel_sha256", sa.String(64), nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("manifest_signature", sa.Text, nullable=False),
        sa.Column("disclosures", postgresql.JSONB, nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("log_index", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_composites"),
        sa.ForeignKeyConstraint(
            ["department_id"], ["departments.id"], name="fk_composites_department_id_departments"
        ),
        sa.UniqueConstraint("request_id", "variation", name="uq_composites_request_id_variation"),
        sa.UniqueConstraint("blob_key", name="uq_composites_blob_key"),
        sa.UniqueConstraint("file_sha256", name="uq_composites_file_sha256"),
        sa.CheckConstraint("variation >= 0", name="ck_composites_variation"),
        sa.CheckConstraint("height > 0 AND width > 0", name="ck_composites_frame"),
        sa.CheckConstraint("length(manifest_signature) = 128", name="ck_composites_manifest_signature"),
    )
    op.create_index("ix_composites_order_id", "composites", ["order_id"])
    op.create_index("ix_composites_department_id", "composites", ["department_id"])
    op.create_index("ix_composites_pixel_sha256", "composites", ["pixel_sha256"])

    op.create_table(
        "usages",
        sa.Column("composite_id", sa.Uuid, nullable=False),
        sa.Column("segment_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("photo_id", sa.Uuid, nullable=False),
        sa.Column("grant_id", sa.Uuid, nullable=False),
        sa.Column("canvas_px", sa.Integer, nullable=False),
        sa.Column("placed_px", sa.Integer, nullable=False),
        sa.Column("filled_px", sa.Integer, nullable=False),
        sa.Column("blended_px", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("composite_id", "segment_id", name="pk_usages"),
        sa.ForeignKeyConstraint(
            ["composite_id"], ["composites.id"], name="fk_usages_composite_id_composites"
        ),
        sa.ForeignKeyConstraint(["photo_id"], ["photos.id"], name="fk_usages_photo_id_photos"),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"], name="fk_usages_grant_id_grants"),
        sa.CheckConstraint(
            "placed_px >= 0 AND filled_px >= 0 AND blended_px >= 0 AND canvas_px > 0"
            " AND canvas_px = placed_px + filled_px + blended_px",
            name="ck_usages_areas",
        ),
    )
    op.create_index("ix_usages_photo_id", "usages", ["photo_id"])
    op.create_index("ix_usages_grant_id", "usages", ["grant_id"])

    op.create_table(
        "handouts",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("composite_id", sa.Uuid, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("file_sha256", sa.String(64), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("bundle_digest", sa.String(64), nullable=False),
        sa.Column("clearance", postgresql.JSONB, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_handouts"),
        sa.ForeignKeyConstraint(
            ["composite_id"], ["composites.id"], name="fk_handouts_composite_id_composites"
        ),
        sa.CheckConstraint("recipient <> '' AND channel <> ''", name="ck_handouts_named"),
    )
    op.create_index("ix_handouts_composite_id", "handouts", ["composite_id"])

    op.execute("GRANT SELECT, INSERT ON composites, usages, handouts TO bankd_app")
    # The log numbers its entries after the row is written.
    op.execute("GRANT UPDATE (log_index) ON composites TO bankd_app")


def downgrade() -> None:
    op.drop_table("handouts")
    op.drop_table("usages")
    op.drop_table("composites")
