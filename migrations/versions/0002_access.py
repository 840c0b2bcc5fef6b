"""Make departments and API keys.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "departments",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_departments"),
        sa.UniqueConstraint("name", name="uq_departments_name"),
        sa.CheckConstraint("name <> ''", name=op.f("ck_departments_name")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("department_id", sa.Uuid, nullable=True),
        sa.Column("secret_hash", sa.Text, nullable=False),
        sa.Column("last_four", sa.String(4), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.ForeignKeyConstraint(
            ["department_id"], ["departments.id"], name="fk_api_keys_department_id_departments"
        ),
        sa.CheckConstraint("cardinality(roles) > 0", name=op.f("ck_api_keys_roles")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_api_keys_expiry")),
    )
    op.create_index("ix_api_keys_department_id", "api_keys", ["department_id"])
    op.execute("GRANT SELECT, INSERT ON departments TO bankd_app")
    op.execute("GRANT SELECT, INSERT ON api_keys TO bankd_app")
    # A key is never edited: it is revoked, once.
    op.execute("GRANT UPDATE (revoked_at) ON api_keys TO bankd_app")


def downgrade() -> None:
    op.drop_table("api_keys")
    op.drop_table("departments")
