"""Keep what photos and tombstones look like, which photos look alike, and what people decided about them.

Revision ID: 0026
Revises: 0025
"""

from alembic import op

revision = "0026"
down_revision = "0025"

TABLES = (
    """
    CREATE TABLE fingerprints (
        id bigint GENERATED ALWAYS AS IDENTITY,
        photo_id uuid,
        tombstone_id integer,
        pdq bytea NOT NULL,
        phash bytea NOT NULL,
        quality smallint NOT NULL,
        crops bytea NOT NULL,
        iscc text NOT NULL,
        CONSTRAINT pk_fingerprints PRIMARY KEY (id),
        CONSTRAINT uq_fingerprints_photo_id UNIQUE (photo_id),
        CONSTRAINT uq_fingerprints_tombstone_id UNIQUE (tombstone_id),
        CONSTRAINT fk_fingerprints_photo_id_photos FOREIGN KEY (photo_id) REFERENCES photos (id),
        CONSTRAINT fk_fingerprints_tombstone_id_tombstones
            FOREIGN KEY (tombstone_id) REFERENCES tombstones (id) ON DELETE CASCADE,
        CONSTRAINT ck_fingerprints_of_one CHECK (num_nonnulls(photo_id, tombstone_id) = 1),
        CONSTRAINT ck_fingerprints_hashes CHECK
            (length(pdq) IN (256, 512) AND length(phash) = length(pdq) AND length(crops) % 32 = 0),
        CONSTRAINT ck_fingerprints_quality CHECK (quality BETWEEN 0 AND 100)
    )
    """,
    """
    CREATE TABLE photo_likenesses (
        id bigint GENERATED ALWAYS AS IDENTITY,
        photo_id uuid NOT NULL,
        other_photo_id uuid,
        tombstone_id integer,
        how text NOT NULL,
        distance smallint NOT NULL,
        found_at timestamptz NOT NULL,
        CONSTRAINT pk_photo_likenesses PRIMARY KEY (id),
        CONSTRAINT uq_photo_likenesses_photo_id_other_photo_id UNIQUE (photo_id, other_photo_id),
        CONSTRAINT uq_photo_likenesses_photo_id_tombstone_id UNIQUE (photo_id, tombstone_id),
        CONSTRAINT fk_photo_likenesses_photo_id_photos FOREIGN KEY (photo_id) REFERENCES photos (id),
        CONSTRAINT fk_photo_likenesses_other_photo_id_photos
            FOREIGN KEY (other_photo_id) REFERENCES photos (id),
        CONSTRAINT fk_photo_likenesses_tombstone_id_tombstones
            FOREIGN KEY (tombstone_id) REFERENCES tombstones (id) ON DELETE CASCADE,
        CONSTRAINT ck_photo_likenesses_of_one CHECK (num_nonnulls(other_photo_id, tombstone_id) = 1),
        CONSTRAINT ck_photo_likenesses_other CHECK (photo_id <> other_photo_id),
        CONSTRAINT ck_photo_likenesses_how CHECK (how IN ('pixels', 'pdq', 'phash', 'crop')),
        CONSTRAINT ck_photo_likenesses_distance CHECK (distance BETWEEN 0 AND 256)
    )
    """,
    "CREATE INDEX ix_photo_likenesses_other_photo_id ON photo_likenesses (other_photo_id)",
    "CREATE INDEX ix_photo_likenesses_tombstone_id ON photo_likenesses (tombstone_id)",
    """
    CREATE TABLE likeness_reviews (
        id bigint GENERATED ALWAYS AS IDENTITY,
        photo_id uuid NOT NULL,
        verdict text NOT NULL,
        reason text NOT NULL,
        seen_to bigint NOT NULL,
        reviewed_by text NOT NULL,
        reviewed_at timestamptz NOT NULL,
        CONSTRAINT pk_likeness_reviews PRIMARY KEY (id),
        CONSTRAINT fk_likeness_reviews_photo_id_photos FOREIGN KEY (photo_id) REFERENCES photos (id),
        CONSTRAINT ck_likeness_reviews_verdict CHECK (verdict IN ('released', 'refused'))
    )
    """,
    "CREATE INDEX ix_likeness_reviews_photo_id ON likeness_reviews (photo_id)",
    "GRANT SELECT, INSERT, DELETE ON fingerprints TO bankd_app",
    "GRANT SELECT, INSERT ON photo_likenesses, likeness_reviews TO bankd_app",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    for table in ("likeness_reviews", "photo_likenesses", "fingerprints"):
        op.drop_table(table)
