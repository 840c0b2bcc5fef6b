"""Keep the log's tree, the lines that checkpoints carry, and what witnesses hold.

Revision ID: 0028
Revises: 0027
"""

from alembic import op

revision = "0028"
down_revision = "0027"

STATEMENTS = (
    "ALTER TABLE log_checkpoints ADD COLUMN extensions text[] NOT NULL DEFAULT '{}'",
    """
    CREATE TABLE log_nodes (
        height smallint NOT NULL,
        number bigint NOT NULL,
        hash bytea NOT NULL,
        CONSTRAINT pk_log_nodes PRIMARY KEY (height, number),
        CONSTRAINT ck_log_nodes_height CHECK (height = 0 OR height BETWEEN 4 AND 62),
        CONSTRAINT ck_log_nodes_number CHECK (number >= 0),
        CONSTRAINT ck_log_nodes_hash CHECK (length(hash) = CASE height WHEN 0 THEN 512 ELSE 32 END)
    )
    """,
    """
    CREATE TABLE log_witnessed (
        size bigint NOT NULL,
        witness text NOT NULL,
        at timestamptz NOT NULL,
        lines text NOT NULL,
        CONSTRAINT pk_log_witnessed PRIMARY KEY (size, witness),
        CONSTRAINT fk_log_witnessed_size_log_checkpoints FOREIGN KEY (size) REFERENCES log_checkpoints (size)
    )
    """,
    "CREATE INDEX ix_log_witnessed_witness_size ON log_witnessed (witness, size)",
    """
    CREATE TABLE log_witnesses (
        witness text NOT NULL,
        tried_at timestamptz NOT NULL,
        failures integer NOT NULL,
        failing_since timestamptz,
        next_at timestamptz NOT NULL,
        last_error text,
        contradicts boolean NOT NULL,
        CONSTRAINT pk_log_witnesses PRIMARY KEY (witness)
    )
    """,
    *(
        f"""
        CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION log_is_append_only()
        """
        for table in ("log_nodes", "log_witnessed")
    ),
    "GRANT SELECT, INSERT ON log_nodes, log_witnessed TO bankd_app",
    "GRANT SELECT, INSERT, UPDATE ON log_witnesses TO bankd_app",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE log_witnesses, log_witnessed, log_nodes")
    op.execute("ALTER TABLE log_checkpoints DROP COLUMN extensions")
