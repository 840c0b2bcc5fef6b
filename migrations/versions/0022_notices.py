"""Keep notices until they are sent, and what was told; a takedown points at its publication.

Revision ID: 0022
Revises: 0021
"""

from alembic import op

revision = "0022"
down_revision = "0021"

STATEMENTS = (
    """
    CREATE TABLE notices (
        id uuid NOT NULL,
        key text NOT NULL,
        kind text NOT NULL,
        channel text NOT NULL,
        target text NOT NULL,
        title text NOT NULL,
        words text NOT NULL,
        facts jsonb NOT NULL,
        made_at timestamptz NOT NULL,
        tries integer NOT NULL,
        next_at timestamptz,
        sent_at timestamptz,
        dead_at timestamptz,
        last_error text,
        CONSTRAINT pk_notices PRIMARY KEY (id),
        CONSTRAINT uq_notices_key_channel_target UNIQUE (key, channel, target),
        CONSTRAINT ck_notices_channel CHECK (channel IN ('smtp', 'webhook')),
        CONSTRAINT ck_notices_tries CHECK (tries >= 0),
        CONSTRAINT ck_notices_state CHECK (num_nonnulls(next_at, sent_at, dead_at) = 1)
    )
    """,
    "CREATE INDEX ix_notices_waiting ON notices (next_at) WHERE next_at IS NOT NULL",
    "CREATE INDEX ix_notices_dead ON notices (dead_at) WHERE dead_at IS NOT NULL",
    """
    CREATE TABLE foretold (
        subject text NOT NULL,
        ref text NOT NULL,
        what text NOT NULL,
        ends_at timestamptz NOT NULL,
        days_ahead integer NOT NULL,
        told_at timestamptz NOT NULL,
        CONSTRAINT pk_foretold PRIMARY KEY (subject, ref, what, ends_at, days_ahead)
    )
    """,
    "ALTER TABLE takedowns ADD CONSTRAINT fk_takedowns_publication_id_publications"
    " FOREIGN KEY (publication_id) REFERENCES publications (id)",
    "GRANT SELECT, INSERT ON notices, foretold TO bankd_app",
    "GRANT UPDATE (tries, next_at, sent_at, dead_at, last_error) ON notices TO bankd_app",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE takedowns DROP CONSTRAINT fk_takedowns_publication_id_publications")
    op.execute("DROP TABLE foretold, notices")
