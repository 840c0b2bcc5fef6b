"""Keep what each seal and handout was decided on, so that it can be made again.

Revision ID: 0037
Revises: 0036
"""

from alembic import op

revision = "0037"
down_revision = "0036"

STATEMENTS = (
    """
    CREATE TABLE decisions (
        id uuid NOT NULL,
        kind text NOT NULL,
        composite_id uuid NOT NULL,
        handout_id uuid,
        at timestamptz NOT NULL,
        epoch bigint NOT NULL,
        bundle_digest varchar(64) NOT NULL,
        facts jsonb NOT NULL,
        answer_sha256 varchar(64) NOT NULL,
        CONSTRAINT pk_decisions PRIMARY KEY (id),
        CONSTRAINT fk_decisions_composite_id_composites
            FOREIGN KEY (composite_id) REFERENCES composites (id),
        CONSTRAINT fk_decisions_handout_id_handouts FOREIGN KEY (handout_id) REFERENCES handouts (id),
        CONSTRAINT ck_decisions_kind CHECK (kind IN ('seal', 'handout', 'handout-refused')),
        CONSTRAINT ck_decisions_handout CHECK (kind = 'handout' OR handout_id IS NULL)
    )
    """,
    "CREATE INDEX ix_decisions_composite_id ON decisions (composite_id)",
    "GRANT SELECT, INSERT ON decisions TO bankd_app",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE decisions")
