"""Keep what was published of what was handed out, and the places under caps that a handout holds for it.

Revision ID: 0017
Revises: 0016
"""

from alembic import op

revision = "0017"
down_revision = "0016"

TABLES = (
    """
    CREATE TABLE handout_holds (
        handout_id uuid NOT NULL,
        grant_id uuid NOT NULL,
        trigger text NOT NULL,
        count bigint NOT NULL,
        until timestamptz NOT NULL,
        CONSTRAINT pk_handout_holds PRIMARY KEY (handout_id, grant_id, trigger),
        CONSTRAINT fk_handout_holds_handout_id_handouts FOREIGN KEY (handout_id) REFERENCES handouts (id),
        CONSTRAINT fk_handout_holds_grant_id_grants FOREIGN KEY (grant_id) REFERENCES grants (id),
        CONSTRAINT ck_handout_holds_trigger CHECK (trigger IN ('publication', 'copies')),
        CONSTRAINT ck_handout_holds_count CHECK (count > 0)
    )
    """,
    """
    CREATE TABLE publications (
        id uuid NOT NULL,
        ref text NOT NULL,
        composite_id uuid NOT NULL,
        handout_id uuid,
        channel text NOT NULL,
        place text NOT NULL,
        territories text[] NOT NULL,
        copies bigint DEFAULT 0 NOT NULL,
        starts_on date NOT NULL,
        ends_on date,
        zone text DEFAULT 'UTC' NOT NULL,
        evidence text,
        document_sha256 varchar(64),
        outside text[] DEFAULT '{}' NOT NULL,
        recorded_at timestamptz NOT NULL,
        recorded_by text NOT NULL,
        taken_down_on date,
        taken_down_at timestamptz,
        taken_down_by text,
        taken_down_evidence text,
        replaced_by_id uuid,
        CONSTRAINT pk_publications PRIMARY KEY (id),
        CONSTRAINT uq_publications_ref UNIQUE (ref),
        CONSTRAINT fk_publications_composite_id_composites
            FOREIGN KEY (composite_id) REFERENCES composites (id),
        CONSTRAINT fk_publications_handout_id_handouts FOREIGN KEY (handout_id) REFERENCES handouts (id),
        CONSTRAINT fk_publications_document_sha256_documents
            FOREIGN KEY (document_sha256) REFERENCES documents (sha256),
        CONSTRAINT fk_publications_replaced_by_id_publications
            FOREIGN KEY (replaced_by_id) REFERENCES publications (id),
        CONSTRAINT ck_publications_copies CHECK (copies >= 0),
        CONSTRAINT ck_publications_period CHECK (ends_on >= starts_on),
        CONSTRAINT ck_publications_territories CHECK (cardinality(territories) > 0),
        CONSTRAINT ck_publications_named CHECK (place <> '' AND ref <> ''),
        CONSTRAINT ck_publications_takedown CHECK (taken_down_on >= starts_on),
        CONSTRAINT ck_publications_taken_down CHECK (
            (taken_down_on IS NULL) = (taken_down_at IS NULL)
            AND (taken_down_on IS NULL) = (taken_down_by IS NULL)
        ),
        CONSTRAINT ck_publications_own_replacement CHECK (replaced_by_id <> id)
    )
    """,
)
STAMPS = "taken_down_on, taken_down_at, taken_down_by, taken_down_evidence, replaced_by_id"


def upgrade() -> None:
    op.execute("ALTER TABLE handouts ADD COLUMN comp boolean DEFAULT false NOT NULL")
    for table in TABLES:
        op.execute(table)
    op.execute("CREATE INDEX ix_handout_holds_until ON handout_holds (until)")
    for column in ("composite_id", "handout_id", "recorded_at"):
        op.execute(f"CREATE INDEX ix_publications_{column} ON publications ({column})")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON handout_holds TO bankd_app")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ({STAMPS}) ON publications TO bankd_app")


def downgrade() -> None:
    op.drop_table("publications")
    op.drop_table("handout_holds")
    op.drop_column("handouts", "comp")
