"""Count handouts, publications and copies beside composites, and quotas by month, quarter or year.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

KEYS = (("trigger", "seal"), ("per", "term"), ("period", ""), ("zone", "UTC"))


def upgrade() -> None:
    for name, default in KEYS:
        column = sa.Column(name, sa.Text, nullable=False, server_default=default)
        op.add_column("grant_counters", column)
    op.add_column("grant_counters", sa.Column("over", sa.BigInteger, nullable=False, server_default="0"))
    op.alter_column("grant_counters", "cap", nullable=True)
    op.execute(
        "ALTER TABLE grant_counters DROP CONSTRAINT pk_grant_counters,"
        " ADD CONSTRAINT pk_grant_counters PRIMARY KEY (grant_id, trigger, per, period),"
        " DROP CONSTRAINT ck_grant_counters_not_negative,"
        " ADD CONSTRAINT ck_grant_counters_not_negative"
        " CHECK (cap >= 0 AND reserved >= 0 AND used >= 0 AND over >= 0),"
        " ADD CONSTRAINT ck_grant_counters_trigger"
        " CHECK (trigger IN ('seal', 'handout', 'publication', 'copies')),"
        " ADD CONSTRAINT ck_grant_counters_per CHECK (per IN ('term', 'year', 'quarter', 'month')),"
        " ADD CONSTRAINT ck_grant_counters_period CHECK (per <> 'term' OR period = '')"
    )
    op.execute("GRANT UPDATE (over) ON grant_counters TO bankd_app")


def downgrade() -> None:
    # What only the new release counts, the old one has no row for.
    op.execute("DELETE FROM grant_counters WHERE (trigger, per) <> ('seal', 'term') OR cap IS NULL")
    op.execute(
        "ALTER TABLE grant_counters DROP CONSTRAINT pk_grant_counters,"
        " ADD CONSTRAINT pk_grant_counters PRIMARY KEY (grant_id),"
        " DROP CONSTRAINT ck_grant_counters_not_negative,"
        " ADD CONSTRAINT ck_grant_counters_not_negative CHECK (cap >= 0 AND reserved >= 0 AND used >= 0),"
        " DROP CONSTRAINT ck_grant_counters_trigger,"
        " DROP CONSTRAINT ck_grant_counters_per,"
        " DROP CONSTRAINT ck_grant_counters_period"
    )
    op.alter_column("grant_counters", "cap", nullable=False)
    op.drop_column("grant_counters", "over")
    for name, _ in KEYS:
        op.drop_column("grant_counters", name)
