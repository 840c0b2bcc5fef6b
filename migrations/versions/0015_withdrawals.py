"""Keep withdrawals and deny holds, what they take of photos, and what was made of those.

Revision ID: 0015
Revises: 0014
"""

from alembic import op

revision = "0015"
down_revision = "0014"

TABLES = (
    """
    CREATE TABLE withdrawals (
        id uuid NOT NULL,
        kind text NOT NULL,
        subject text NOT NULL,
        subject_id uuid,
        ref text NOT NULL,
        effective_from timestamptz NOT NULL,
        reason text NOT NULL,
        document_sha256 varchar(64),
        recorded_at timestamptz NOT NULL,
        recorded_by text NOT NULL,
        took_effect_at timestamptz,
        marked_at timestamptz,
        CONSTRAINT pk_withdrawals PRIMARY KEY (id),
        CONSTRAINT ck_withdrawals_kind CHECK (kind IN ('terminated', 'void-from-start', 'release-revoked',
            'consent-withdrawn', 'objection', 'claim', 'court-order')),
        CONSTRAINT ck_withdrawals_subject CHECK (subject IN ('license', 'grant', 'licensor', 'release',
            'person', 'photo')),
        CONSTRAINT ck_withdrawals_subject_id CHECK ((subject = 'person') = (subject_id IS NULL)),
        CONSTRAINT ck_withdrawals_marked CHECK (marked_at IS NULL OR took_effect_at IS NOT NULL),
        CONSTRAINT fk_withdrawals_document_sha256_documents FOREIGN KEY(document_sha256)
            REFERENCES documents (sha256)
    )
    """,
    "CREATE INDEX ix_withdrawals_subject ON withdrawals (subject, subject_id)",
    "CREATE INDEX ix_withdrawals_ref ON withdrawals (ref)",
    "CREATE INDEX ix_withdrawals_due ON withdrawals (effective_from) WHERE took_effect_at IS NULL",
    "CREATE INDEX ix_withdrawals_unmarked ON withdrawals (recorded_at) WHERE marked_at IS NULL",
    """
    CREATE TABLE deny_holds (
        id uuid NOT NULL,
        subject text NOT NULL,
        subject_id uuid NOT NULL,
        ref text NOT NULL,
        reason text NOT NULL,
        starts_at timestamptz NOT NULL,
        ends_at timestamptz,
        set_at timestamptz NOT NULL,
        set_by text NOT NULL,
        began_at timestamptz,
        ended_at timestamptz,
        lifted_at timestamptz,
        lifted_by text,
        lifted_reason text,
        CONSTRAINT pk_deny_holds PRIMARY KEY (id),
        CONSTRAINT ck_deny_holds_subject CHECK (subject IN ('license', 'grant', 'licensor', 'photo')),
        CONSTRAINT ck_deny_holds_term CHECK (ends_at > starts_at),
        CONSTRAINT ck_deny_holds_lifted CHECK ((lifted_at IS NULL) = (lifted_by IS NULL)
            AND (lifted_at IS NULL) = (lifted_reason IS NULL)),
        CONSTRAINT ck_deny_holds_ended CHECK (lifted_at IS NULL OR ended_at IS NOT NULL)
    )
    """,
    "CREATE INDEX ix_deny_holds_open ON deny_holds (subject, subject_id) WHERE ended_at IS NULL",
    """
    CREATE TABLE exposed_composites (
        withdrawal_id uuid NOT NULL,
        composite_id uuid NOT NULL,
        exposed_at timestamptz NOT NULL,
        why text NOT NULL,
        CONSTRAINT pk_exposed_composites PRIMARY KEY (withdrawal_id, composite_id),
        CONSTRAINT ck_exposed_composites_why CHECK (why IN ('relies', 'sealed-after')),
        CONSTRAINT fk_exposed_composites_withdrawal_id_withdrawals FOREIGN KEY(withdrawal_id)
            REFERENCES withdrawals (id),
        CONSTRAINT fk_exposed_composites_composite_id_composites FOREIGN KEY(composite_id)
            REFERENCES composites (id)
    )
    """,
    "CREATE INDEX ix_exposed_composites_composite_id ON exposed_composites (composite_id)",
    """
    CREATE TABLE takedowns (
        id uuid NOT NULL,
        withdrawal_id uuid NOT NULL,
        composite_id uuid NOT NULL,
        handout_id uuid,
        publication_id uuid,
        asked_at timestamptz NOT NULL,
        done_at timestamptz,
        done_by text,
        note text,
        CONSTRAINT pk_takedowns PRIMARY KEY (id),
        CONSTRAINT uq_takedowns_withdrawal_id_handout_id UNIQUE (withdrawal_id, handout_id),
        CONSTRAINT uq_takedowns_withdrawal_id_publication_id UNIQUE (withdrawal_id, publication_id),
        CONSTRAINT ck_takedowns_one CHECK (num_nonnulls(handout_id, publication_id) = 1),
        CONSTRAINT ck_takedowns_done CHECK ((done_at IS NULL) = (done_by IS NULL)
            AND (done_at IS NULL) = (note IS NULL)),
        CONSTRAINT fk_takedowns_withdrawal_id_withdrawals FOREIGN KEY(withdrawal_id)
            REFERENCES withdrawals (id),
        CONSTRAINT fk_takedowns_composite_id_composites FOREIGN KEY(composite_id) REFERENCES composites (id),
        CONSTRAINT fk_takedowns_handout_id_handouts FOREIGN KEY(handout_id) REFERENCES handouts (id)
    )
    """,
    "CREATE INDEX ix_takedowns_composite_id ON takedowns (composite_id)",
    "CREATE INDEX ix_takedowns_open ON takedowns (asked_at, id) WHERE done_at IS NULL",
    # The networks that learned from photos under a grant.
    "CREATE INDEX ix_snapshot_photos_grant_ids ON snapshot_photos USING gin (grant_ids)",
)
# What was withdrawn before there were kinds: the agreement ended. Its composites are still to be marked.
KNOWN = """
    INSERT INTO withdrawals (id, kind, subject, subject_id, ref, effective_from, reason, recorded_at,
        recorded_by, took_effect_at)
    SELECT gen_random_uuid(), 'terminated', 'license', id, ref, withdrawn_at, withdrawn_reason, withdrawn_at,
        'migration', withdrawn_at FROM licenses WHERE withdrawn_at IS NOT NULL
    UNION ALL
    SELECT gen_random_uuid(), 'terminated', 'grant', g.id, l.ref || '/' || g.ref, g.withdrawn_at,
        g.withdrawn_reason, g.withdrawn_at, 'migration', g.withdrawn_at
        FROM grants AS g JOIN licenses AS l ON l.id = g.license_id WHERE g.withdrawn_at IS NOT NULL
"""
PRIVILEGES = (
    "GRANT SELECT, INSERT ON withdrawals, deny_holds TO bankd_app",
    "GRANT UPDATE (took_effect_at, marked_at) ON withdrawals TO bankd_app",
    "GRANT UPDATE (began_at, ended_at, lifted_at, lifted_by, lifted_reason) ON deny_holds TO bankd_app",
    "GRANT UPDATE (withdrawn_at, held_until) ON photos TO bankd_app",
    "GRANT SELECT, INSERT ON exposed_composites, takedowns TO bankd_app",
    "GRANT UPDATE (done_at, done_by, note) ON takedowns TO bankd_app",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    op.execute("ALTER TABLE photos ADD COLUMN withdrawn_at timestamptz, ADD COLUMN held_until timestamptz")
    op.execute(
        "ALTER TABLE photos DROP COLUMN blocked_until, ADD COLUMN blocked_until timestamptz"
        " GENERATED ALWAYS AS (CASE WHEN disputed_at IS NOT NULL OR erased_at IS NOT NULL"
        " OR withdrawn_at IS NOT NULL THEN 'infinity'::timestamp with time zone"
        " ELSE GREATEST(embargo_until, held_until) END) STORED"
    )
    op.execute(KNOWN)
    for privilege in PRIVILEGES:
        op.execute(privilege)


def downgrade() -> None:
    op.execute(
        "ALTER TABLE photos DROP COLUMN blocked_until, ADD COLUMN blocked_until timestamptz"
        " GENERATED ALWAYS AS (CASE WHEN disputed_at IS NOT NULL OR erased_at IS NOT NULL"
        " THEN 'infinity'::timestamp with time zone ELSE embargo_until END) STORED"
    )
    op.execute("ALTER TABLE photos DROP COLUMN withdrawn_at, DROP COLUMN held_until")
    op.execute("DROP INDEX ix_snapshot_photos_grant_ids")
    op.execute("DROP TABLE takedowns, exposed_composites, deny_holds, withdrawals")
