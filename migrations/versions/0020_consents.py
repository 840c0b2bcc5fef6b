"""Record who consented to what for whom, the basis of personal data, depicted rights and flagged faces.

Revision ID: 0020
Revises: 0019
"""

from alembic import op

revision = "0020"
down_revision = "0019"

CHANNELS = "'{app,broadcast,email,internal,out-of-home,packaging,print,social,web}'"
PURPOSES = "'{commercial,editorial,education,internal,research}'"
# A release that is older stated no limits, and was signed by who is shown.
RELEASES = (
    f"channels text[] DEFAULT {CHANNELS} NOT NULL",
    f"purposes text[] DEFAULT {PURPOSES} NOT NULL",
    "sectors text[] DEFAULT '{any}' NOT NULL",
    "subjects_excluded text[]",
    "signed_by text DEFAULT 'person' NOT NULL",
    "majority_on date",
    "reconfirm_by date",
    "superseded_at timestamptz",
    "superseded_by_id uuid",
)
# A profile that is older says nothing of these: its releases narrowed the grant itself.
PROFILE_GRANTS = (
    "release_worldwide boolean DEFAULT true NOT NULL",
    "release_territories text[] DEFAULT '{}' NOT NULL",
    f"release_channels text[] DEFAULT {CHANNELS} NOT NULL",
    f"release_purposes text[] DEFAULT {PURPOSES} NOT NULL",
    "release_any_sector boolean DEFAULT true NOT NULL",
    "release_sectors text[] DEFAULT '{}' NOT NULL",
    "release_subjects_excluded text[] DEFAULT '{}' NOT NULL",
    "release_synthetic boolean DEFAULT true NOT NULL",
    "release_starts_at timestamptz",
    "release_ends_at timestamptz",
    "persons_covered boolean DEFAULT true NOT NULL",
    "guardian_released boolean DEFAULT false NOT NULL",
    "reconfirm_before timestamptz",
    "data_basis text DEFAULT 'none' NOT NULL",
    "data_basis_ends_at timestamptz",
    "depicted_unreleased text[] DEFAULT '{}' NOT NULL",
    "depicted_everywhere boolean DEFAULT true NOT NULL",
    "depicted_territories text[] DEFAULT '{}' NOT NULL",
    "subjects_shown text[] DEFAULT '{}' NOT NULL",
    "brands text[] DEFAULT '{}' NOT NULL",
)
PHOTOS = (
    "faces jsonb",
    "faces_dismissed_at timestamptz",
    "faces_dismissed_by text",
    "faces_dismissed_reason text",
)
PHOTO_RELEASES = (
    "whole boolean DEFAULT false NOT NULL",
    "segments integer[] DEFAULT '{}' NOT NULL",
    "instances integer[] DEFAULT '{}' NOT NULL",
)
COLUMNS = (
    ("releases", RELEASES),
    ("profile_grants", PROFILE_GRANTS),
    ("photos", PHOTOS),
    ("photo_releases", PHOTO_RELEASES),
    ("batch_items", ("people jsonb DEFAULT '[]' NOT NULL",)),
)
MOMENTS = ("release_starts_at", "release_ends_at", "reconfirm_before", "data_basis_ends_at")
CHECKS = (
    ("releases", "signed_by", "signed_by IN ('person', 'guardian')"),
    ("releases", "guardian", "signed_by = 'person' OR majority_on IS NOT NULL"),
    ("releases", "superseded", "(superseded_at IS NULL) = (superseded_by_id IS NULL)"),
    ("releases", "own_successor", "superseded_by_id <> id"),
    (
        "photos",
        "faces_dismissed",
        "(faces_dismissed_at IS NULL) = (faces_dismissed_by IS NULL)"
        " AND (faces_dismissed_at IS NULL) = (faces_dismissed_reason IS NULL)",
    ),
)


def upgrade() -> None:
    for table, columns in COLUMNS:
        for column in columns:
            op.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
    for column in ("channels", "purposes", "sectors", "signed_by"):
        op.execute(f"ALTER TABLE releases ALTER COLUMN {column} DROP DEFAULT")
    for table, name, condition in CHECKS:
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({condition})")
    op.execute(
        "ALTER TABLE releases ADD CONSTRAINT fk_releases_superseded_by_id_releases"
        " FOREIGN KEY (superseded_by_id) REFERENCES releases (id)"
    )
    for column in MOMENTS:
        op.create_index(f"ix_profile_grants_{column}", "profile_grants", [column])
    op.execute("GRANT UPDATE (superseded_at, superseded_by_id) ON releases TO bankd_app")
    op.execute("GRANT UPDATE (whole, segments, instances) ON photo_releases TO bankd_app")
    op.execute(
        "GRANT UPDATE (faces_dismissed_at, faces_dismissed_by, faces_dismissed_reason) ON photos TO bankd_app"
    )


def downgrade() -> None:
    for column in MOMENTS:
        op.drop_index(f"ix_profile_grants_{column}")
    for table, name, _ in CHECKS:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{name}")
    for table, columns in COLUMNS:
        for column in columns:
            op.execute(f"ALTER TABLE {table} DROP COLUMN {column.split()[0]}")
