"""Keep batches of photos on their way in.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    """
    CREATE TABLE batches (
        id uuid NOT NULL,
        department_id uuid NOT NULL,
        name text NOT NULL,
        classes jsonb NOT NULL,
        opened_by text NOT NULL,
        opened_at timestamptz NOT NULL,
        CONSTRAINT pk_batches PRIMARY KEY (id),
        CONSTRAINT fk_batches_department_id_departments
            FOREIGN KEY(department_id) REFERENCES departments (id)
    )
    """,
    "CREATE INDEX ix_batches_department_id ON batches (department_id)",
    """
    CREATE TABLE batch_items (
        id uuid NOT NULL,
        batch_id uuid NOT NULL,
        name text NOT NULL,
        photo_sha256 varchar(64),
        labels_sha256 varchar(64),
        instances_sha256 varchar(64),
        depth_sha256 varchar(64),
        grant_ids uuid[] NOT NULL,
        release_ids uuid[] NOT NULL,
        depictions jsonb,
        disputed text,
        embargo_until timestamptz,
        state text NOT NULL,
        reason text,
        detail text,
        photo_id uuid,
        segments integer DEFAULT 0 NOT NULL,
        attempts integer DEFAULT 0 NOT NULL,
        lease_until timestamptz,
        hinted_at timestamptz NOT NULL,
        finished_at timestamptz,
        sources_dropped boolean DEFAULT false NOT NULL,
        CONSTRAINT pk_batch_items PRIMARY KEY (id),
        CONSTRAINT uq_batch_items_batch_id_name UNIQUE (batch_id, name),
        CONSTRAINT ck_batch_items_state
            CHECK (state IN ('waiting', 'working', 'taken', 'known', 'quarantined', 'refused', 'failed')),
        CONSTRAINT ck_batch_items_lease CHECK ((state = 'working') = (lease_until IS NOT NULL)),
        CONSTRAINT ck_batch_items_reason CHECK ((state IN ('refused', 'failed')) = (reason IS NOT NULL)),
        CONSTRAINT ck_batch_items_photo
            CHECK (state NOT IN ('taken', 'known', 'quarantined') OR photo_id IS NOT NULL),
        CONSTRAINT ck_batch_items_finished CHECK ((state IN ('waiting', 'working')) = (finished_at IS NULL)),
        CONSTRAINT fk_batch_items_batch_id_batches FOREIGN KEY(batch_id) REFERENCES batches (id),
        CONSTRAINT fk_batch_items_photo_id_photos FOREIGN KEY(photo_id) REFERENCES photos (id)
    )
    """,
    "CREATE INDEX ix_batch_items_hinted_at ON batch_items"
    " (hinted_at) WHERE state IN ('waiting', 'working') OR NOT sources_dropped",
    "CREATE INDEX ix_batch_items_photo_id ON batch_items (photo_id)",
)

# The least that works: what was filed never changes, only what became of it does.
PRIVILEGES = (
    "GRANT SELECT, INSERT ON batches, batch_items TO bankd_app",
    "GRANT UPDATE (state, reason, detail, photo_id, segments, attempts, lease_until, hinted_at, finished_at,"
    " sources_dropped) ON batch_items TO bankd_app",
)


def upgrade() -> None:
    for statement in (*STATEMENTS, *PRIVILEGES):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE batch_items, batches")
