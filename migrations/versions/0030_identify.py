"""Know what composites look like, which photos came back as such, and which networks had a part in which.

Revision ID: 0030
Revises: 0029
"""

from alembic import op

revision = "0030"
down_revision = "0029"

STATEMENTS = (
    """
    CREATE TABLE network_usages (
        composite_id uuid NOT NULL,
        role text NOT NULL,
        checkpoint_sha256 varchar(64) NOT NULL,
        CONSTRAINT pk_network_usages PRIMARY KEY (composite_id, role),
        CONSTRAINT ck_network_usages_role CHECK (role IN ('refiner', 'aligner', 'sorter')),
        CONSTRAINT fk_network_usages_composite_id_composites
            FOREIGN KEY (composite_id) REFERENCES composites (id)
    )
    """,
    # A blend's manifest names no network, and is not read.
    """
    INSERT INTO network_usages (composite_id, role, checkpoint_sha256)
    SELECT c.id, n.role, n.sha256
    FROM composites c
    CROSS JOIN LATERAL (SELECT c.manifest::jsonb -> 'refiner' AS refiner) m
    CROSS JOIN LATERAL (
        VALUES ('refiner', m.refiner ->> 'checkpoint'), ('aligner', m.refiner ->> 'aligner'),
            ('sorter', m.refiner ->> 'sorter')
    ) AS n (role, sha256)
    WHERE c.manifest LIKE '{%"checkpoint":"%' AND n.sha256 IS NOT NULL
    """,
    "CREATE INDEX ix_network_usages_checkpoint_sha256 ON network_usages (checkpoint_sha256)",
    """
    CREATE TABLE composite_fingerprints (
        id bigint GENERATED ALWAYS AS IDENTITY,
        composite_id uuid NOT NULL,
        handout_id uuid,
        pixel_sha256 varchar(64) NOT NULL,
        as_photo_sha256 varchar(64) NOT NULL,
        pdq bytea NOT NULL,
        phash bytea NOT NULL,
        quality smallint NOT NULL,
        crops bytea NOT NULL,
        CONSTRAINT pk_composite_fingerprints PRIMARY KEY (id),
        CONSTRAINT ck_composite_fingerprints_hashes
            CHECK (length(pdq) = 32 AND length(phash) = 32 AND length(crops) % 32 = 0),
        CONSTRAINT ck_composite_fingerprints_quality CHECK (quality BETWEEN 0 AND 100),
        CONSTRAINT fk_composite_fingerprints_composite_id_composites
            FOREIGN KEY (composite_id) REFERENCES composites (id),
        CONSTRAINT fk_composite_fingerprints_handout_id_handouts
            FOREIGN KEY (handout_id) REFERENCES handouts (id)
    )
    """,
    "CREATE UNIQUE INDEX uq_composite_fingerprints_of ON composite_fingerprints (composite_id, handout_id)"
    " NULLS NOT DISTINCT",
    "CREATE INDEX ix_composite_fingerprints_handout_id ON composite_fingerprints (handout_id)",
    "CREATE INDEX ix_composite_fingerprints_pixel_sha256 ON composite_fingerprints (pixel_sha256)",
    "CREATE INDEX ix_composite_fingerprints_as_photo_sha256 ON composite_fingerprints (as_photo_sha256)",
    "CREATE INDEX ix_handouts_file_sha256 ON handouts (file_sha256)",
    """
    CREATE TABLE photo_origins (
        photo_id uuid NOT NULL,
        composite_id uuid NOT NULL,
        handout_id uuid,
        how text NOT NULL,
        distance smallint NOT NULL,
        found_at timestamptz NOT NULL,
        CONSTRAINT pk_photo_origins PRIMARY KEY (photo_id, composite_id),
        CONSTRAINT ck_photo_origins_how CHECK (how IN ('file', 'pixels', 'pdq')),
        CONSTRAINT ck_photo_origins_distance CHECK (distance BETWEEN 0 AND 256),
        CONSTRAINT fk_photo_origins_photo_id_photos FOREIGN KEY (photo_id) REFERENCES photos (id),
        CONSTRAINT fk_photo_origins_composite_id_composites
            FOREIGN KEY (composite_id) REFERENCES composites (id),
        CONSTRAINT fk_photo_origins_handout_id_handouts FOREIGN KEY (handout_id) REFERENCES handouts (id)
    )
    """,
    "CREATE INDEX ix_photo_origins_composite_id ON photo_origins (composite_id)",
    "CREATE INDEX ix_photo_origins_handout_id ON photo_origins (handout_id)",
    "GRANT SELECT, INSERT ON network_usages, composite_fingerprints, photo_origins TO bankd_app",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE photo_origins, composite_fingerprints, network_usages")
    op.execute("DROP INDEX ix_handouts_file_sha256")
