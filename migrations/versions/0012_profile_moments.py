"""Find by index the moments at which rights change by themselves.

Revision ID: 0012
Revises: 0011
"""

from alembic import op

revision = "0012"
down_revision = "0011"

MOMENTS = ("starts_at", "ends_at", "create_before", "publish_before", "embedded_ends_at")


def upgrade() -> None:
    for column in MOMENTS:
        op.create_index(f"ix_profile_grants_{column}", "profile_grants", [column])


def downgrade() -> None:
    for column in MOMENTS:
        op.drop_index(f"ix_profile_grants_{column}")
