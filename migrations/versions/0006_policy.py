"""Keep every policy bundle that was in force, and when.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE policy_bundles (
            digest varchar(64) NOT NULL,
            texts jsonb NOT NULL,
            recorded_at timestamptz NOT NULL,
            CONSTRAINT pk_policy_bundles PRIMARY KEY (digest),
            CONSTRAINT ck_policy_bundles_digest CHECK (digest ~ '^[0-9a-f]{64}$'),
            CONSTRAINT ck_policy_bundles_texts CHECK (jsonb_typeof(texts) = 'array')
        )
        """
    )
    op.execute(
        """
        CREATE TABLE policy_activations (
            id bigint GENERATED ALWAYS AS IDENTITY,
            digest varchar(64) NOT NULL,
            activated_at timestamptz NOT NULL,
            activated_by text NOT NULL,
            CONSTRAINT pk_policy_activations PRIMARY KEY (id),
            CONSTRAINT fk_policy_activations_digest_policy_bundles
                FOREIGN KEY (digest) REFERENCES policy_bundles (digest)
        )
        """
    )
    op.execute("CREATE INDEX ix_policy_activations_digest ON policy_activations (digest)")
    # What was in force is never rewritten.
    op.execute("GRANT SELECT, INSERT ON policy_bundles, policy_activations TO bankd_app")


def downgrade() -> None:
    op.execute("DROP TABLE policy_activations")
    op.execute("DROP TABLE policy_bundles")
