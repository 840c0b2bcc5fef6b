"""Record licensors, licenses, grants and releases, and the rights profiles made of them.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = (
    """
    CREATE TABLE licensors (
        id uuid NOT NULL,
        ref text NOT NULL,
        name text NOT NULL,
        recorded_at timestamptz NOT NULL,
        recorded_by text NOT NULL,
        CONSTRAINT pk_licensors PRIMARY KEY (id),
        CONSTRAINT uq_licensors_ref UNIQUE (ref)
    )
    """,
    """
    CREATE TABLE documents (
        sha256 varchar(64) NOT NULL,
        name text NOT NULL,
        media_type text NOT NULL,
        size_bytes bigint NOT NULL,
        recorded_at timestamptz NOT NULL,
        recorded_by text NOT NULL,
        CONSTRAINT pk_documents PRIMARY KEY (sha256),
        CONSTRAINT ck_documents_sha256 CHECK (sha256 ~ '^[0-9a-f]{64}$'),
        CONSTRAINT ck_documents_size CHECK (size_bytes >= 0)
    )
    """,
    """
    CREATE TABLE licenses (
        id uuid NOT NULL,
        ref text NOT NULL,
        licensor_id uuid NOT NULL,
        title text NOT NULL,
        basis text NOT NULL,
        spdx text,
        document_sha256 varchar(64),
        clause text,
        quote text,
        verified_by text,
        co_owners jsonb NOT NULL,
        recorded_at timestamptz NOT NULL,
        recorded_by text NOT NULL,
        withdrawn_at timestamptz,
        withdrawn_reason text,
        superseded_at timestamptz,
        superseded_by_id uuid,
        CONSTRAINT pk_licenses PRIMARY KEY (id),
        CONSTRAINT ck_licenses_basis CHECK (basis IN ('owned', 'licensed')),
        CONSTRAINT ck_licenses_co_owners CHECK (jsonb_typeof(co_owners) = 'array'),
        CONSTRAINT ck_licenses_withdrawn CHECK ((withdrawn_at IS NULL) = (withdrawn_reason IS NULL)),
        CONSTRAINT ck_licenses_superseded CHECK ((superseded_at IS NULL) = (superseded_by_id IS NULL)),
        CONSTRAINT ck_licenses_own_successor CHECK (superseded_by_id <> id),
        CONSTRAINT uq_licenses_ref UNIQUE (ref),
        CONSTRAINT fk_licenses_licensor_id_licensors FOREIGN KEY(licensor_id) REFERENCES licensors (id),
        CONSTRAINT fk_licenses_document_sha256_documents FOREIGN KEY(document_sha256)
            REFERENCES documents (sha256),
        CONSTRAINT fk_licenses_superseded_by_id_licenses FOREIGN KEY(superseded_by_id)
            REFERENCES licenses (id)
    )
    """,
    """
    CREATE TABLE grants (
        id uuid NOT NULL,
        license_id uuid NOT NULL,
        ref text NOT NULL,
        terms jsonb NOT NULL,
        clause text,
        quote text,
        recorded_at timestamptz NOT NULL,
        recorded_by text NOT NULL,
        withdrawn_at timestamptz,
        withdrawn_reason text,
        superseded_at timestamptz,
        superseded_by_id uuid,
        CONSTRAINT pk_grants PRIMARY KEY (id),
        CONSTRAINT uq_grants_license_id_ref UNIQUE (license_id, ref),
        CONSTRAINT ck_grants_terms CHECK (jsonb_typeof(terms) = 'object'),
        CONSTRAINT ck_grants_withdrawn CHECK ((withdrawn_at IS NULL) = (withdrawn_reason IS NULL)),
        CONSTRAINT ck_grants_superseded CHECK ((superseded_at IS NULL) = (superseded_by_id IS NULL)),
        CONSTRAINT ck_grants_own_successor CHECK (superseded_by_id <> id),
        CONSTRAINT fk_grants_license_id_licenses FOREIGN KEY(license_id) REFERENCES licenses (id),
        CONSTRAINT fk_grants_superseded_by_id_grants FOREIGN KEY(superseded_by_id) REFERENCES grants (id)
    )
    """,
    """
    CREATE TABLE grant_counters (
        grant_id uuid NOT NULL,
        cap bigint NOT NULL,
        reserved bigint DEFAULT 0 NOT NULL,
        used bigint DEFAULT 0 NOT NULL,
        CONSTRAINT pk_grant_counters PRIMARY KEY (grant_id),
        CONSTRAINT ck_grant_counters_not_negative CHECK (cap >= 0 AND reserved >= 0 AND used >= 0),
        CONSTRAINT ck_grant_counters_within_cap CHECK (used + reserved <= cap),
        CONSTRAINT fk_grant_counters_grant_id_grants FOREIGN KEY(grant_id) REFERENCES grants (id)
    )
    """,
    """
    CREATE TABLE releases (
        id uuid NOT NULL,
        ref text NOT NULL,
        kind text NOT NULL,
        licensor_id uuid,
        subject text NOT NULL,
        status text NOT NULL,
        youngest text NOT NULL,
        synthetic_depiction boolean DEFAULT false NOT NULL,
        territories text[] NOT NULL,
        starts_on date,
        ends_on date,
        zone text NOT NULL,
        document_sha256 varchar(64),
        clause text,
        quote text,
        verified_by text,
        recorded_at timestamptz NOT NULL,
        recorded_by text NOT NULL,
        CONSTRAINT pk_releases PRIMARY KEY (id),
        CONSTRAINT ck_releases_kind CHECK (kind IN ('model', 'property')),
        CONSTRAINT ck_releases_status CHECK (status IN ('released', 'not-needed', 'none', 'unknown')),
        CONSTRAINT ck_releases_youngest CHECK (youngest IN ('adult', 'minor', 'unknown')),
        CONSTRAINT ck_releases_term CHECK (ends_on >= starts_on),
        CONSTRAINT ck_releases_territories CHECK (cardinality(territories) > 0),
        CONSTRAINT uq_releases_ref UNIQUE (ref),
        CONSTRAINT fk_releases_licensor_id_licensors FOREIGN KEY(licensor_id) REFERENCES licensors (id),
        CONSTRAINT fk_releases_document_sha256_documents FOREIGN KEY(document_sha256)
            REFERENCES documents (sha256)
    )
    """,
    """
    CREATE TABLE rights_profiles (
        id integer GENERATED ALWAYS AS IDENTITY,
        digest varchar(64) NOT NULL,
        facts jsonb NOT NULL,
        CONSTRAINT pk_rights_profiles PRIMARY KEY (id),
        CONSTRAINT ck_rights_profiles_digest CHECK (digest ~ '^[0-9a-f]{64}$'),
        CONSTRAINT ck_rights_profiles_facts CHECK (jsonb_typeof(facts) = 'array'),
        CONSTRAINT uq_rights_profiles_digest UNIQUE (digest)
    )
    """,
    """
    CREATE TABLE profile_grants (
        profile_id integer NOT NULL,
        ordinal smallint NOT NULL,
        basis text NOT NULL,
        worldwide boolean NOT NULL,
        territories text[] NOT NULL,
        territories_tested text NOT NULL,
        channels text[] NOT NULL,
        purposes text[] NOT NULL,
        any_sector boolean NOT NULL,
        sectors text[] NOT NULL,
        audiences text[] NOT NULL,
        alterations text[] NOT NULL,
        generative boolean NOT NULL,
        train boolean NOT NULL,
        any_licensee boolean NOT NULL,
        licensees text[] NOT NULL,
        subjects_excluded text[] NOT NULL,
        max_copies bigint,
        carved text[] NOT NULL,
        starts_at timestamptz NOT NULL,
        ends_at timestamptz,
        create_before timestamptz,
        publish_before timestamptz,
        co_owners_agreed boolean NOT NULL,
        credit_owed boolean NOT NULL,
        share_alike text,
        persons text NOT NULL,
        model_release text NOT NULL,
        youngest text NOT NULL,
        property_release text NOT NULL,
        alteration_constraints text[] NOT NULL,
        data_mining text NOT NULL,
        embedded_ends_at timestamptz,
        CONSTRAINT pk_profile_grants PRIMARY KEY (profile_id, ordinal),
        CONSTRAINT ck_profile_grants_ordinal CHECK (ordinal BETWEEN 0 AND 62),
        CONSTRAINT fk_profile_grants_profile_id_rights_profiles FOREIGN KEY(profile_id)
            REFERENCES rights_profiles (id)
    )
    """,
)

# The least that works: facts are inserted, and only their stamps and counters ever change.
PRIVILEGES = (
    "GRANT SELECT, INSERT ON licensors, documents, licenses, grants, grant_counters, releases, "
    "rights_profiles, profile_grants TO bankd_app",
    "GRANT UPDATE (withdrawn_at, withdrawn_reason, superseded_at, superseded_by_id) ON licenses TO bankd_app",
    "GRANT UPDATE (withdrawn_at, withdrawn_reason, superseded_at, superseded_by_id) ON grants TO bankd_app",
    "GRANT UPDATE (reserved, used) ON grant_counters TO bankd_app",
)


def upgrade() -> None:
    for table in TABLES:
        op.execute(table)
    op.execute("CREATE INDEX ix_licenses_licensor_id ON licenses (licensor_id)")
    op.execute("CREATE INDEX ix_releases_licensor_id ON releases (licensor_id)")
    for privilege in PRIVILEGES:
        op.execute(privilege)


def downgrade() -> None:
    op.execute(
        "DROP TABLE profile_grants, rights_profiles, releases, "
        "grant_counters, grants, licenses, documents, licensors"
    )
