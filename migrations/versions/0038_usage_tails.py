"""Keep of each licensor the lower end of the way to it in the usage map, so that a proof need not hash it.

Revision ID: 0038
Revises: 0037
"""

from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE usage_tails (
            licensor_id uuid NOT NULL,
            number bigint NOT NULL,
            tail bytea NOT NULL,
            CONSTRAINT pk_usage_tails PRIMARY KEY (licensor_id),
            CONSTRAINT ck_usage_tails_number CHECK (number > 0),
            CONSTRAINT ck_usage_tails_hash CHECK (length(tail) = 32),
            CONSTRAINT fk_usage_tails_licensor_id_licensors FOREIGN KEY (licensor_id)
                REFERENCES licensors (id)
        )
        """
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON usage_tails TO bankd_app")


def downgrade() -> None:
    op.execute("DROP TABLE usage_tails")
