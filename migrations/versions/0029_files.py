"""Copies of composites in other formats, time stamps kept beside files, content credentials of photos.

Revision ID: 0029
Revises: 0028
"""

from alembic import op

revision = "0029"
down_revision = "0028"


def _erasing(before: str, after: str) -> None:
    """What erasure leaves of a photo, with one line of it changed. A line that is not there is an error."""
    quoted = [text.replace("'", "''") for text in (before, after)]
    op.execute(
        f"""
        DO $change$
        DECLARE
            body text := pg_get_functiondef('erase_photo_rows'::regproc);
        BEGIN
            IF position('{quoted[0]}' IN body) = 0 THEN
                RAISE EXCEPTION 'erase_photo_rows is another than this migration knows';
            END IF;
            EXECUTE replace(body, '{quoted[0]}', '{quoted[1]}');
        END $change$
        """
    )


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE handouts
            ADD COLUMN format text DEFAULT 'png' NOT NULL,
            ADD COLUMN rendition jsonb,
            ADD COLUMN pixel_sha256 varchar(64),
            ADD CONSTRAINT ck_handouts_format CHECK (format IN ('png', 'jpeg', 'webp', 'tiff'))
        """
    )
    op.create_index("ix_handouts_pixel_sha256", "handouts", ["pixel_sha256"])
    op.execute("ALTER TABLE composites ADD COLUMN time_stamped boolean")
    op.execute(
        """
        CREATE TABLE file_time_stamps (
            id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
            file_sha256 varchar(64) NOT NULL,
            response bytea NOT NULL,
            authority text NOT NULL,
            asked_at timestamptz NOT NULL,
            CONSTRAINT pk_file_time_stamps PRIMARY KEY (id)
        )
        """
    )
    op.create_index("ix_file_time_stamps_file_sha256", "file_time_stamps", ["file_sha256"])
    op.execute("GRANT SELECT, INSERT ON file_time_stamps TO bankd_app")
    op.execute("ALTER TABLE photos ADD COLUMN credentials jsonb")
    _erasing("embedded_credit = '{}',", "embedded_credit = '{}', credentials = NULL,")


def downgrade() -> None:
    _erasing("embedded_credit = '{}', credentials = NULL,", "embedded_credit = '{}',")
    op.execute("ALTER TABLE photos DROP COLUMN credentials")
    op.execute("DROP TABLE file_time_stamps")
    op.execute("ALTER TABLE composites DROP COLUMN time_stamped")
    op.drop_index("ix_handouts_pixel_sha256", "handouts")
    op.execute("ALTER TABLE handouts DROP COLUMN format, DROP COLUMN rendition, DROP COLUMN pixel_sha256")
