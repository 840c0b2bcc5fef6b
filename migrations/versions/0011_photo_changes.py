"""Keep in which transaction a photo was written last, so that whoever follows the bank reads only what moved.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    # Rows of the past were written before any snapshot that is still to be taken.
    op.execute("ALTER TABLE photos ADD COLUMN last_xid bigint DEFAULT 0 NOT NULL")
    op.execute(
        """
        CREATE FUNCTION photo_written() RETURNS trigger
        LANGUAGE plpgsql AS $$
        BEGIN
            NEW.last_xid := pg_current_xact_id()::text::bigint;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER photos_written BEFORE INSERT OR UPDATE ON photos"
        " FOR EACH ROW EXECUTE FUNCTION photo_written()"
    )
    op.execute("CREATE INDEX ix_photos_last_xid ON photos (last_xid)")


def downgrade() -> None:
    op.execute("DROP TRIGGER photos_written ON photos")
    op.execute("DROP FUNCTION photo_written()")
    op.execute("ALTER TABLE photos DROP COLUMN last_xid")
