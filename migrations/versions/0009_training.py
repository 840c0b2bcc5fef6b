"""Keep snapshots of training photos, the networks made from them, and each photo's depth.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("photos", sa.Column("depth_sha256", sa.String(64)))

    op.create_table(
        "snapshots",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("use", postgresql.JSONB, nullable=False),
        sa.Column("photos", sa.Integer, nullable=False),
        sa.Column("bundle_digest", sa.String(64), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("imported", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_snapshots"),
        sa.CheckConstraint("photos > 0", name="ck_snapshots_photos"),
    )
    op.create_index("ix_snapshots_digest", "snapshots", ["digest"])

    op.create_table(
        "snapshot_photos",
        sa.Column("snapshot_id", sa.Uuid, nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("photo_sha256", sa.String(64), nullable=False),
        sa.Column("label_sha256", sa.String(64), nullable=False),
        sa.Column("profile_id", sa.Integer, nullable=False),
        sa.Column("grant_ids", postgresql.ARRAY(sa.Uuid), nullable=False),
        sa.Column("sequence", sa.Text),
        sa.Column("frame", sa.Integer),
        sa.PrimaryKeyConstraint("snapshot_id", "number", name="pk_snapshot_photos"),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["snapshots.id"], name="fk_snapshot_photos_snapshot_id_snapshots"
        ),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["rights_profiles.id"], name="fk_snapshot_photos_profile_id_rights_profiles"
        ),
    )
    op.create_index("ix_snapshot_photos_photo_sha256", "snapshot_photos", ["photo_sha256"])

    op.create_table(
        "network_checkpoints",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("snapshot_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("card", postgresql.JSONB, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ordinal", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_network_checkpoints"),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["snapshots.id"], name="fk_network_checkpoints_snapshot_id_snapshots"
        ),
        sa.CheckConstraint(
            "kind IN ('refinement', 'transformation', 'ordering')", name="ck_network_checkpoints_kind"
        ),
        sa.CheckConstraint("size_bytes > 0", name="ck_network_checkpoints_size_bytes"),
        sa.UniqueConstraint("ordinal", name="uq_network_checkpoints_ordinal"),
    )
    op.create_index("ix_network_checkpoints_snapshot_id", "network_checkpoints", ["snapshot_id"])

    for table in ("snapshots", "snapshot_photos", "network_checkpoints"):
        op.execute(f"GRANT SELECT, INSERT ON {table} TO bankd_app")


def downgrade() -> None:
    op.drop_table("network_checkpoints")
    op.drop_table("snapshot_photos")
    op.drop_table("snapshots")
    op.drop_column("photos", "depth_sha256")
