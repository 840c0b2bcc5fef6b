"""Keep how money that a withdrawal held in escrow was let go.

Revision ID: 0034
Revises: 0033
"""

from alembic import op

revision = "0034"
down_revision = "0033"

STATEMENTS = (
    """
    CREATE TABLE settlements (
        withdrawal_id uuid NOT NULL,
        outcome text NOT NULL,
        reason text NOT NULL,
        document_sha256 varchar(64),
        entries integer NOT NULL,
        taken_back jsonb NOT NULL,
        at timestamptz NOT NULL,
        by text NOT NULL,
        CONSTRAINT pk_settlements PRIMARY KEY (withdrawal_id),
        CONSTRAINT fk_settlements_withdrawal_id_withdrawals
            FOREIGN KEY (withdrawal_id) REFERENCES withdrawals (id),
        CONSTRAINT fk_settlements_document_sha256_documents
            FOREIGN KEY (document_sha256) REFERENCES documents (sha256),
        CONSTRAINT ck_settlements_outcome CHECK (outcome IN ('released', 'reversed')),
        CONSTRAINT ck_settlements_entries CHECK (entries >= 0 AND (outcome = 'reversed' OR entries = 0))
    )
    """,
    "GRANT SELECT, INSERT ON settlements TO bankd_app",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE settlements")
