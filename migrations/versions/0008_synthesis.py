"""Keep requests, their clearances and orders, and the hints that move them on.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("queue", sa.String, nullable=False),
        sa.Column("task", sa.String, nullable=False),
        sa.Column("arguments", JSONB, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_table(
        "requests",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("department_id", sa.Uuid),
        sa.Column("filed_by", sa.String, nullable=False),
        sa.Column("filed_at", moment, nullable=False),
        sa.Column("idempotency_key", sa.String),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.Column("layout_key", sa.String, nullable=False),
        sa.Column("layout_sha256", sa.String(64), nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("use", JSONB, nullable=False),
        sa.Column("frame", sa.String, nullable=False),
        sa.Column("variations", sa.Integer, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("hinted_at", moment, nullable=False),
        sa.Column("reordered", sa.Boolean, nullable=False),
        sa.Column("lease_until", moment),
        sa.Column("finished_at", moment),
        sa.Column("outcome", JSONB, nullable=False),
        sa.CheckConstraint("variations BETWEEN 1 AND 16", name="ck_requests_variations"),
        sa.ForeignKeyConstraint(
            ["department_id"], ["departments.id"], name="fk_requests_department_id_departments"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_requests"),
    )
    op.create_index("ix_requests_department_id", "requests", ["department_id"])
    # NULLS NOT DISTINCT: the whole house, which is no department, repeats itself too.
    op.create_index(
        "ix_requests_idempotency",
        "requests",
        ["department_id", "idempotency_key"],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_index(
        "ix_requests_unfinished",
        "requests",
        ["lease_until"],
        postgresql_where=sa.text("state IN ('filed', 'rendering')"),
    )
    op.create_table(
        "clearances",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("request_id", sa.Uuid, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("bundle_digest", sa.String(64), nullable=False),
        sa.Column("relied", JSONB, nullable=False),
        sa.Column("log_index", sa.BigInteger),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name="fk_clearances_request_id_requests"),
        sa.PrimaryKeyConstraint("id", name="pk_clearances"),
    )
    op.create_index("ix_clearances_request_id", "clearances", ["request_id"])
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("request_id", sa.Uuid, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("clearance_id", sa.Uuid, nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("spec", JSONB, nullable=False),
        sa.Column("segments", JSONB, nullable=False),
        sa.Column("archive_key", sa.String, nullable=False),
        sa.Column("archive_sha256", sa.String(64), nullable=False),
        sa.Column("archive_size_bytes", sa.BigInteger, nullable=False),
        sa.Column("published", sa.Integer, nullable=False),
        sa.Column("published_at", moment, nullable=False),
        sa.Column("lease_until", moment),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name="fk_orders_request_id_requests"),
        sa.ForeignKeyConstraint(
            ["clearance_id"], ["clearances.id"], name="fk_orders_clearance_id_clearances"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_orders"),
        sa.UniqueConstraint("request_id", "attempt", name="uq_orders_request_id_attempt"),
    )
    op.create_index("ix_orders_unanswered", "orders", ["made_at"], postgresql_where=sa.text("state = 'made'"))
    op.create_table(
        "reservations",
        sa.Column("order_id", sa.Uuid, nullable=False),
        sa.Column("variation", sa.Integer, nullable=False),
        sa.Column("grant_id", sa.Uuid, nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_reservations_order_id_orders"),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"], name="fk_reservations_grant_id_grants"),
        sa.PrimaryKeyConstraint("order_id", "variation", "grant_id", name="pk_reservations"),
    )
    op.create_table(
        "variations",
        sa.Column("request_id", sa.Uuid, nullable=False),
        sa.Column("index", sa.Integer, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("composite_id", sa.Uuid),
        sa.Column("reasons", JSONB, nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name="fk_variations_request_id_requests"),
        sa.ForeignKeyConstraint(
            ["composite_id"], ["composites.id"], name="fk_variations_composite_id_composites"
        ),
        sa.PrimaryKeyConstraint("request_id", "index", name="pk_variations"),
    )
    for table in ("requests", "orders", "variations", "clearances"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO bankd_app")
    for table in ("outbox", "reservations"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO bankd_app")


def downgrade() -> None:
    for table in ("variations", "reservations", "orders", "clearances", "requests", "outbox"):
        op.drop_table(table)
