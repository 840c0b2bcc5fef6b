"""Make the log, append-only for everyone, and the role that the application runs as.

Revision ID: 0001
Revises: nothing
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    # Found already there where the owner may not make them: the embedded stack and `deploy/` do.
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    op.execute(
        """
        DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bankd_app') THEN
                CREATE ROLE bankd_app NOLOGIN;
            END IF;
        END $$
        """
    )
    op.execute("GRANT USAGE ON SCHEMA public TO bankd_app")
    op.create_table(
        "log_entries",
        sa.Column("index", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("commitment", postgresql.BYTEA, nullable=False),
        sa.PrimaryKeyConstraint("index", name="pk_log_entries"),
        sa.CheckConstraint("index >= 0", name=op.f("ck_log_entries_index")),
        sa.CheckConstraint("length(commitment) = 32", name=op.f("ck_log_entries_commitment")),
    )
    op.create_index("ix_log_entries_kind_index", "log_entries", ["kind", "index"])
    op.create_table(
        "log_payloads",
        sa.Column("index", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("salt", postgresql.BYTEA, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("index", name="pk_log_payloads"),
        sa.ForeignKeyConstraint(["index"], ["log_entries.index"], name="fk_log_payloads_index_log_entries"),
        sa.CheckConstraint("length(salt) = 32", name=op.f("ck_log_payloads_salt")),
    )
    op.create_table(
        "log_checkpoints",
        sa.Column("size", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("root", postgresql.BYTEA, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_log_checkpoints"),
        sa.CheckConstraint("size >= 0", name=op.f("ck_log_checkpoints_size")),
        sa.CheckConstraint("length(root) = 32", name=op.f("ck_log_checkpoints_root")),
    )
    op.execute(
        """
        CREATE FUNCTION log_is_append_only() RETURNS trigger
        LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
        END $$
        """
    )
    # Per statement, so that TRUNCATE and an UPDATE of no rows are refused too.
    # A payload is never changed, but erasing one is the owner's right: its commitment stays.
    for table, events in (
        ("log_entries", "UPDATE OR DELETE OR TRUNCATE"),
        ("log_checkpoints", "UPDATE OR DELETE OR TRUNCATE"),
        ("log_payloads", "UPDATE OR TRUNCATE"),
    ):
        op.execute(
            f"""
            CREATE TRIGGER {table}_append_only BEFORE {events} ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION log_is_append_only()
            """
        )
        op.execute(f"GRANT SELECT, INSERT ON {table} TO bankd_app")


def downgrade() -> None:
    op.drop_table("log_checkpoints")
    op.drop_table("log_payloads")
    op.drop_table("log_entries")
    op.execute("DROP FUNCTION log_is_append_only()")
    op.execute("REVOKE USAGE ON SCHEMA public FROM bankd_app")
    # The role stays: it belongs to the server, other databases may use it.
