"""Record title, evidence, renewals and what may go on after a term.

Revision ID: 0014
Revises: 0013
"""

from alembic import op

revision = "0014"
down_revision = "0013"

LICENSES = (
    "template text",
    "author text",
    "title_chain jsonb DEFAULT '[]' NOT NULL",
    "ruling jsonb",
    "statute jsonb",
    "language text",
    "translation text",
    "verified_at timestamptz",
    "notice_on date",
    "notice_by text",
    "notice_recorded_at timestamptz",
)
GRANTS = (
    "document_sha256 varchar(64)",
    "language text",
    "translation text",
    "verified_by text",
    "verified_at timestamptz",
    "renewed_until date",
)
# A profile that is older says of these what was said before they were asked: nothing.
PROFILE_GRANTS = (
    "available_before timestamptz",
    "sell_off_before timestamptz",
    "archive boolean DEFAULT false NOT NULL",
    "basis_ends_at timestamptz",
    "basis_territories text[] DEFAULT '{}' NOT NULL",
    "title text DEFAULT 'unstated' NOT NULL",
    "integrity text DEFAULT 'unstated' NOT NULL",
)
MOMENTS = ("available_before", "sell_off_before", "basis_ends_at")
CHECKS = (
    ("licenses", "ruling", "(basis = 'ruling') = (ruling IS NOT NULL)"),
    ("licenses", "statute", "(basis = 'statutory') = (statute IS NOT NULL)"),
    ("licenses", "title_chain", "jsonb_typeof(title_chain) = 'array'"),
    ("licenses", "verified", "verified_at IS NULL OR verified_by IS NOT NULL"),
    (
        "licenses",
        "notice",
        "(notice_on IS NULL) = (notice_by IS NULL) AND (notice_on IS NULL) = (notice_recorded_at IS NULL)",
    ),
    ("grants", "verified", "verified_at IS NULL OR verified_by IS NOT NULL"),
)
BASES = "'owned', 'licensed', 'public-domain', 'collective', 'ruling', 'statutory'"


def upgrade() -> None:
    for table, columns in (("licenses", LICENSES), ("grants", GRANTS), ("profile_grants", PROFILE_GRANTS)):
        for column in columns:
            op.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
    op.execute("ALTER TABLE licenses DROP CONSTRAINT ck_licenses_basis")
    op.execute(f"ALTER TABLE licenses ADD CONSTRAINT ck_licenses_basis CHECK (basis IN ({BASES}))")
    for table, name, condition in CHECKS:
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({condition})")
    op.execute(
        "ALTER TABLE grants ADD CONSTRAINT fk_grants_document_sha256_documents"
        " FOREIGN KEY (document_sha256) REFERENCES documents (sha256)"
    )
    for column in MOMENTS:
        op.create_index(f"ix_profile_grants_{column}", "profile_grants", [column])
    # Stamps that come later than the record: who verified it, that notice was given, how far it renewed.
    op.execute(
        "GRANT UPDATE (verified_by, verified_at, notice_on, notice_by, notice_recorded_at)"
        " ON licenses TO bankd_app"
    )
    op.execute("GRANT UPDATE (verified_by, verified_at, renewed_until) ON grants TO bankd_app")


def downgrade() -> None:
    op.execute("REVOKE UPDATE (verified_by) ON licenses FROM bankd_app")
    op.execute("REVOKE UPDATE (verified_by) ON grants FROM bankd_app")
    for column in MOMENTS:
        op.drop_index(f"ix_profile_grants_{column}")
    for table, name, _ in CHECKS:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{name}")
    op.execute("ALTER TABLE licenses DROP CONSTRAINT ck_licenses_basis")
    op.execute("ALTER TABLE licenses ADD CONSTRAINT ck_licenses_basis CHECK (basis IN ('owned', 'licensed'))")
    for table, columns in (("licenses", LICENSES), ("grants", GRANTS), ("profile_grants", PROFILE_GRANTS)):
        for column in columns:
            op.execute(f"ALTER TABLE {table} DROP COLUMN {column.split()[0]}")
