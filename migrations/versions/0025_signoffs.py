"""Keep what policy leaves to people: the queue of it, and what they signed.

Revision ID: 0025
Revises: 0024
"""

from alembic import op

revision = "0025"
down_revision = "0024"

STATEMENTS = (
    """
    CREATE TABLE awaited_signoffs (
        id uuid NOT NULL,
        request_id uuid NOT NULL,
        requester text NOT NULL,
        policy text NOT NULL,
        rule_sha256 varchar(64) NOT NULL,
        bundle_digest varchar(64) NOT NULL,
        role text NOT NULL,
        signers integer NOT NULL,
        together boolean NOT NULL,
        photos uuid[] NOT NULL,
        grants uuid[] NOT NULL,
        use_sha256 varchar(64) NOT NULL,
        made_at timestamptz NOT NULL,
        due_at timestamptz NOT NULL,
        told integer NOT NULL,
        state text NOT NULL,
        settled_at timestamptz,
        settled_by text,
        reason text,
        CONSTRAINT pk_awaited_signoffs PRIMARY KEY (id),
        CONSTRAINT fk_awaited_signoffs_bundle_digest_policy_bundles
            FOREIGN KEY (bundle_digest) REFERENCES policy_bundles (digest),
        CONSTRAINT ck_awaited_signoffs_state
            CHECK (state IN ('awaiting', 'given', 'declined', 'lapsed')),
        CONSTRAINT ck_awaited_signoffs_settled CHECK ((settled_at IS NULL) = (state = 'awaiting')),
        CONSTRAINT ck_awaited_signoffs_signers CHECK (signers BETWEEN 1 AND 2),
        CONSTRAINT ck_awaited_signoffs_photos
            CHECK (cardinality(photos) > 0 AND cardinality(photos) = cardinality(grants)),
        CONSTRAINT ck_awaited_signoffs_due CHECK (due_at > made_at),
        CONSTRAINT ck_awaited_signoffs_told CHECK (told BETWEEN 0 AND 2)
    )
    """,
    "CREATE INDEX ix_awaited_signoffs_request_id ON awaited_signoffs (request_id)",
    "CREATE UNIQUE INDEX ix_awaited_signoffs_open ON awaited_signoffs (request_id, policy)"
    " WHERE state = 'awaiting'",
    "CREATE INDEX ix_awaited_signoffs_due ON awaited_signoffs (due_at) WHERE state = 'awaiting'",
    """
    CREATE TABLE signoffs (
        id uuid NOT NULL,
        awaited_id uuid NOT NULL,
        policy text NOT NULL,
        rule_sha256 varchar(64) NOT NULL,
        scope text NOT NULL,
        request_id uuid NOT NULL,
        photos uuid[] NOT NULL,
        licenses uuid[] NOT NULL,
        use_sha256 varchar(64) NOT NULL,
        reason text NOT NULL,
        document_sha256 varchar(64),
        signed_by text NOT NULL,
        signed_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        withdrawn_at timestamptz,
        withdrawn_by text,
        withdrawn_reason text,
        superseded_at timestamptz,
        superseded_by uuid,
        CONSTRAINT pk_signoffs PRIMARY KEY (id),
        CONSTRAINT fk_signoffs_awaited_id_awaited_signoffs
            FOREIGN KEY (awaited_id) REFERENCES awaited_signoffs (id),
        CONSTRAINT fk_signoffs_document_sha256_documents
            FOREIGN KEY (document_sha256) REFERENCES documents (sha256),
        CONSTRAINT fk_signoffs_superseded_by_signoffs FOREIGN KEY (superseded_by) REFERENCES signoffs (id),
        CONSTRAINT ck_signoffs_scope CHECK (scope IN ('request', 'photo', 'license', 'use')),
        CONSTRAINT ck_signoffs_term CHECK (expires_at > signed_at),
        CONSTRAINT ck_signoffs_withdrawn CHECK (
            (withdrawn_at IS NULL) = (withdrawn_by IS NULL)
            AND (withdrawn_at IS NULL) = (withdrawn_reason IS NULL)
        ),
        CONSTRAINT ck_signoffs_superseded CHECK ((superseded_at IS NULL) = (superseded_by IS NULL)),
        CONSTRAINT ck_signoffs_over_once CHECK (withdrawn_at IS NULL OR superseded_at IS NULL),
        CONSTRAINT ck_signoffs_reason CHECK (reason <> '')
    )
    """,
    "CREATE INDEX ix_signoffs_awaited_id ON signoffs (awaited_id)",
    "CREATE INDEX ix_signoffs_request_id ON signoffs (request_id)",
    "CREATE INDEX ix_signoffs_standing ON signoffs (policy, scope)"
    " WHERE withdrawn_at IS NULL AND superseded_at IS NULL",
    "GRANT SELECT, INSERT ON awaited_signoffs, signoffs TO bankd_app",
    "GRANT UPDATE (told, state, settled_at, settled_by, reason) ON awaited_signoffs TO bankd_app",
    "GRANT UPDATE (withdrawn_at, withdrawn_by, withdrawn_reason, superseded_at, superseded_by)"
    " ON signoffs TO bankd_app",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE signoffs, awaited_signoffs")
