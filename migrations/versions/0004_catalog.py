"""Keep photos, their segments and descriptors, the categories they are cut by, and tombstones.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    """
    CREATE TABLE categories (
        id smallint NOT NULL,
        name text NOT NULL,
        ground boolean NOT NULL,
        planar boolean NOT NULL,
        thin boolean NOT NULL,
        person boolean NOT NULL,
        front_rank smallint NOT NULL,
        CONSTRAINT pk_categories PRIMARY KEY (id),
        CONSTRAINT ck_categories_id CHECK (id BETWEEN 0 AND 254),
        CONSTRAINT ck_categories_front_rank CHECK (front_rank BETWEEN 0 AND 100),
        CONSTRAINT uq_categories_name UNIQUE (name)
    )
    """,
    """
    CREATE TABLE photos (
        id uuid NOT NULL,
        department_id uuid NOT NULL,
        name text NOT NULL,
        media_type text NOT NULL,
        size_bytes bigint NOT NULL,
        sha256 varchar(64) NOT NULL,
        pixel_sha256 varchar(64) NOT NULL,
        height integer NOT NULL,
        width integer NOT NULL,
        work_height integer NOT NULL,
        work_width integer NOT NULL,
        pack_sha256 varchar(64) NOT NULL,
        labels_sha256 varchar(64) NOT NULL,
        thumbnail_sha256 varchar(64) NOT NULL,
        taxonomy_version integer NOT NULL,
        scene_context bytea NOT NULL,
        lab_mean double precision[] NOT NULL,
        lab_std double precision[] NOT NULL,
        depictions jsonb NOT NULL,
        embedded jsonb NOT NULL,
        embedded_credit jsonb NOT NULL,
        state text NOT NULL,
        quarantine_reason text,
        taken_at timestamptz NOT NULL,
        profile_id integer,
        grant_blocks bigint DEFAULT 0 NOT NULL,
        disputed_at timestamptz,
        dispute_reason text,
        embargo_until timestamptz,
        erased_at timestamptz,
        blocked_until timestamptz
            GENERATED ALWAYS AS (CASE WHEN disputed_at IS NOT NULL
                OR erased_at IS NOT NULL THEN 'infinity'::timestamp with time zone
                    ELSE embargo_until END) STORED,
        CONSTRAINT pk_photos PRIMARY KEY (id),
        CONSTRAINT ck_photos_state CHECK (state IN ('quarantined', 'admitted', 'erased')),
        CONSTRAINT ck_photos_quarantined CHECK ((state = 'quarantined') = (quarantine_reason IS NOT NULL)),
        CONSTRAINT ck_photos_erased CHECK ((state = 'erased') = (erased_at IS NOT NULL)),
        CONSTRAINT ck_photos_admitted CHECK (state <> 'admitted' OR profile_id IS NOT NULL),
        CONSTRAINT ck_photos_unprofiled CHECK (state <> 'quarantined' OR profile_id IS NULL),
        CONSTRAINT ck_photos_disputed CHECK ((disputed_at IS NULL) = (dispute_reason IS NULL)),
        CONSTRAINT ck_photos_grant_blocks CHECK (grant_blocks >= 0),
        CONSTRAINT ck_photos_frame
            CHECK (height > 0 AND width > 0 AND work_height > 0 AND work_width > 0
                AND work_height <= 2048 AND work_width <= 2048),
        CONSTRAINT ck_photos_scene_context CHECK (length(scene_context) = 256),
        CONSTRAINT ck_photos_lab CHECK (array_length(lab_mean, 1) = 3 AND array_length(lab_std, 1) = 3),
        CONSTRAINT fk_photos_department_id_departments
            FOREIGN KEY(department_id) REFERENCES departments (id),
        CONSTRAINT uq_photos_sha256 UNIQUE (sha256),
        CONSTRAINT uq_photos_pixel_sha256 UNIQUE (pixel_sha256),
        CONSTRAINT fk_photos_profile_id_rights_profiles
            FOREIGN KEY(profile_id) REFERENCES rights_profiles (id)
    )
    """,
    "CREATE INDEX ix_photos_department_id ON photos (department_id)",
    "CREATE INDEX ix_photos_profile_id ON photos (profile_id)",
    """
    CREATE TABLE photo_grants (
        photo_id uuid NOT NULL,
        ordinal smallint NOT NULL,
        grant_id uuid NOT NULL,
        CONSTRAINT pk_photo_grants PRIMARY KEY (photo_id, ordinal),
        CONSTRAINT ck_photo_grants_ordinal CHECK (ordinal BETWEEN 0 AND 62),
        CONSTRAINT uq_photo_grants_photo_id_grant_id UNIQUE (photo_id, grant_id),
        CONSTRAINT fk_photo_grants_photo_id_photos FOREIGN KEY(photo_id) REFERENCES photos (id),
        CONSTRAINT fk_photo_grants_grant_id_grants FOREIGN KEY(grant_id) REFERENCES grants (id)
    )
    """,
    "CREATE INDEX ix_photo_grants_grant_id ON photo_grants (grant_id)",
    """
    CREATE TABLE photo_releases (
        photo_id uuid NOT NULL,
        release_id uuid NOT NULL,
        CONSTRAINT pk_photo_releases PRIMARY KEY (photo_id, release_id),
        CONSTRAINT fk_photo_releases_photo_id_photos FOREIGN KEY(photo_id) REFERENCES photos (id),
        CONSTRAINT fk_photo_releases_release_id_releases FOREIGN KEY(release_id) REFERENCES releases (id)
    )
    """,
    "CREATE INDEX ix_photo_releases_release_id ON photo_releases (release_id)",
    """
    CREATE TABLE segments (
        id bigint GENERATED ALWAYS AS IDENTITY,
        photo_id uuid NOT NULL,
        ordinal integer NOT NULL,
        category_id smallint NOT NULL,
        profile_id integer,
        instance integer,
        area_px integer NOT NULL,
        x0 integer NOT NULL,
        y0 integer NOT NULL,
        x1 integer NOT NULL,
        y1 integer NOT NULL,
        small boolean NOT NULL,
        depth_mm integer,
        CONSTRAINT pk_segments PRIMARY KEY (id),
        CONSTRAINT uq_segments_photo_id_ordinal UNIQUE (photo_id, ordinal),
        CONSTRAINT ck_segments_box CHECK (x0 >= 0 AND y0 >= 0 AND x1 > x0 AND y1 > y0),
        CONSTRAINT ck_segments_area CHECK (area_px > 0 AND area_px <= (x1 - x0) * (y1 - y0)),
        CONSTRAINT fk_segments_photo_id_photos FOREIGN KEY(photo_id) REFERENCES photos (id),
        CONSTRAINT fk_segments_category_id_categories FOREIGN KEY(category_id) REFERENCES categories (id),
        CONSTRAINT fk_segments_profile_id_rights_profiles
            FOREIGN KEY(profile_id) REFERENCES rights_profiles (id)
    )
    """,
    """
    CREATE TABLE descriptors (
        segment_id bigint NOT NULL,
        format smallint NOT NULL,
        frame text NOT NULL,
        photo_id uuid NOT NULL,
        category_id smallint NOT NULL,
        profile_id integer,
        mask_n smallint NOT NULL,
        context_n smallint NOT NULL,
        mask bit(1024) NOT NULL,
        c0 bit(256) NOT NULL,
        c1 bit(256) NOT NULL,
        c2 bit(256) NOT NULL,
        c3 bit(256) NOT NULL,
        c4 bit(256) NOT NULL,
        c5 bit(256) NOT NULL,
        c6 bit(256) NOT NULL,
        c7 bit(256) NOT NULL,
        CONSTRAINT pk_descriptors PRIMARY KEY (segment_id, format, frame),
        CONSTRAINT ck_descriptors_frame CHECK (frame IN ('scene', 'box')),
        CONSTRAINT ck_descriptors_counts CHECK (mask_n BETWEEN 1 AND 1024 AND context_n BETWEEN 0 AND 256),
        CONSTRAINT fk_descriptors_segment_id_segments FOREIGN KEY(segment_id) REFERENCES segments (id),
        CONSTRAINT fk_descriptors_photo_id_photos FOREIGN KEY(photo_id) REFERENCES photos (id),
        CONSTRAINT fk_descriptors_category_id_categories FOREIGN KEY(category_id) REFERENCES categories (id),
        CONSTRAINT fk_descriptors_profile_id_rights_profiles
            FOREIGN KEY(profile_id) REFERENCES rights_profiles (id)
    )
    """,
    "CREATE INDEX ix_descriptors_category_id_frame_format_profile_id ON descriptors"
    " (category_id, frame, format, profile_id)",
    "CREATE INDEX ix_descriptors_photo_id ON descriptors (photo_id)",
    """
    CREATE TABLE tombstones (
        id integer GENERATED ALWAYS AS IDENTITY,
        sha256 varchar(64) NOT NULL,
        pixel_sha256 varchar(64) NOT NULL,
        reason text NOT NULL,
        made_at timestamptz NOT NULL,
        CONSTRAINT pk_tombstones PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX ix_tombstones_pixel_sha256 ON tombstones (pixel_sha256)",
    "CREATE INDEX ix_tombstones_sha256 ON tombstones (sha256)",
)

# The least that works: what a photo is never changes, only its rights and its state do.
PRIVILEGES = (
    "GRANT SELECT, INSERT ON categories, photos, photo_grants, photo_releases, segments, descriptors,"
    " tombstones TO bankd_app",
    "GRANT UPDATE ON categories TO bankd_app",
    "GRANT UPDATE (profile_id, state, quarantine_reason, grant_blocks, depictions, disputed_at,"
    " dispute_reason, embargo_until, erased_at) ON photos TO bankd_app",
    "GRANT DELETE ON photo_grants TO bankd_app",
    "GRANT UPDATE (profile_id) ON segments, descriptors TO bankd_app",
)


def upgrade() -> None:
    for statement in (*STATEMENTS, *PRIVILEGES):
        op.execute(statement)


def downgrade() -> None:
    op.execute(
        "DROP TABLE tombstones, descriptors, segments, photo_releases, photo_grants, photos, categories"
    )
