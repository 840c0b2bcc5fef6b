"""Keep issued reports where they can be erased, the schedules that they come by, and what they name.

Revision ID: 0031
Revises: 0030
"""

from alembic import op

revision = "0031"
down_revision = "0030"

STATEMENTS = (
    """
    CREATE TABLE report_schedules (
        id uuid NOT NULL,
        kind text NOT NULL,
        asked jsonb NOT NULL,
        every text NOT NULL,
        zone text NOT NULL,
        first_day date NOT NULL,
        locale text NOT NULL,
        forms text[] NOT NULL,
        added_at timestamptz NOT NULL,
        added_by text NOT NULL,
        removed_at timestamptz,
        removed_by text,
        CONSTRAINT pk_report_schedules PRIMARY KEY (id),
        CONSTRAINT ck_report_schedules_every CHECK (every IN ('day', 'week', 'month', 'quarter', 'year')),
        CONSTRAINT ck_report_schedules_forms CHECK (cardinality(forms) > 0),
        CONSTRAINT ck_report_schedules_removed CHECK ((removed_at IS NULL) = (removed_by IS NULL))
    )
    """,
    """
    CREATE TABLE issued_reports (
        id uuid NOT NULL,
        kind text NOT NULL,
        asked jsonb NOT NULL,
        locale text NOT NULL,
        department_id uuid,
        first_day date,
        last_day date,
        as_of timestamptz NOT NULL,
        cutoff bigint NOT NULL,
        sha256 varchar(64) NOT NULL,
        prepared_by text NOT NULL,
        approved_by text,
        approved_at timestamptz,
        issued_at timestamptz NOT NULL,
        why text NOT NULL,
        schedule_id uuid,
        replaces_id uuid,
        log_index bigint,
        dropped_at timestamptz,
        erasure_id uuid,
        gone_at timestamptz,
        CONSTRAINT pk_issued_reports PRIMARY KEY (id),
        CONSTRAINT uq_issued_reports_replaces_id_why UNIQUE (replaces_id, why),
        CONSTRAINT ck_issued_reports_why CHECK (why IN ('made', 'scheduled', 'approved', 'redacted')),
        CONSTRAINT ck_issued_reports_replaces CHECK ((why IN ('approved', 'redacted'))
            = (replaces_id IS NOT NULL)),
        CONSTRAINT ck_issued_reports_approved CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
        CONSTRAINT ck_issued_reports_two_people CHECK (approved_by <> prepared_by),
        CONSTRAINT ck_issued_reports_dropped CHECK ((dropped_at IS NULL) = (erasure_id IS NULL)),
        CONSTRAINT ck_issued_reports_gone CHECK (gone_at IS NULL OR dropped_at IS NOT NULL),
        CONSTRAINT fk_issued_reports_department_id_departments FOREIGN KEY(department_id)
            REFERENCES departments (id),
        CONSTRAINT fk_issued_reports_schedule_id_report_schedules FOREIGN KEY(schedule_id)
            REFERENCES report_schedules (id),
        CONSTRAINT fk_issued_reports_replaces_id_issued_reports FOREIGN KEY(replaces_id)
            REFERENCES issued_reports (id)
    )
    """,
    "CREATE INDEX ix_issued_reports_issued_at ON issued_reports (issued_at)",
    "CREATE INDEX ix_issued_reports_erasure_id ON issued_reports (erasure_id)",
    "CREATE INDEX ix_issued_reports_going ON issued_reports (dropped_at)"
    " WHERE dropped_at IS NOT NULL AND gone_at IS NULL",
    """
    CREATE TABLE issued_files (
        report_id uuid NOT NULL,
        name text NOT NULL,
        media_type text NOT NULL,
        sha256 varchar(64) NOT NULL,
        size_bytes bigint NOT NULL,
        CONSTRAINT pk_issued_files PRIMARY KEY (report_id, name),
        CONSTRAINT ck_issued_files_size CHECK (size_bytes >= 0),
        CONSTRAINT fk_issued_files_report_id_issued_reports FOREIGN KEY(report_id)
            REFERENCES issued_reports (id)
    )
    """,
    """
    CREATE TABLE report_subjects (
        report_id uuid NOT NULL,
        subject text NOT NULL,
        subject_id uuid NOT NULL,
        asked boolean NOT NULL,
        CONSTRAINT pk_report_subjects PRIMARY KEY (report_id, subject, subject_id),
        CONSTRAINT ck_report_subjects_subject CHECK (subject IN ('photo', 'release')),
        CONSTRAINT fk_report_subjects_report_id_issued_reports FOREIGN KEY(report_id)
            REFERENCES issued_reports (id)
    )
    """,
    "CREATE INDEX ix_report_subjects_subject_subject_id ON report_subjects (subject, subject_id)",
    """
    CREATE TABLE due_reports (
        id uuid NOT NULL,
        schedule_id uuid,
        first_day date,
        last_day date,
        replaces_id uuid,
        due_at timestamptz NOT NULL,
        next_at timestamptz NOT NULL,
        tries integer NOT NULL,
        last_error text,
        tried uuid[] DEFAULT '{}' NOT NULL,
        issued_at timestamptz,
        CONSTRAINT pk_due_reports PRIMARY KEY (id),
        CONSTRAINT uq_due_reports_schedule_id_first_day UNIQUE (schedule_id, first_day),
        CONSTRAINT uq_due_reports_replaces_id UNIQUE (replaces_id),
        CONSTRAINT ck_due_reports_cause CHECK (num_nonnulls(schedule_id, replaces_id) = 1),
        CONSTRAINT ck_due_reports_period CHECK ((schedule_id IS NULL) = (first_day IS NULL)),
        CONSTRAINT fk_due_reports_schedule_id_report_schedules FOREIGN KEY(schedule_id)
            REFERENCES report_schedules (id),
        CONSTRAINT fk_due_reports_replaces_id_issued_reports FOREIGN KEY(replaces_id)
            REFERENCES issued_reports (id)
    )
    """,
    "CREATE INDEX ix_due_reports_open ON due_reports (next_at) WHERE issued_at IS NULL",
    "GRANT SELECT, INSERT ON report_schedules, issued_reports, issued_files, report_subjects, due_reports"
    " TO bankd_app",
    "GRANT UPDATE (removed_at, removed_by) ON report_schedules TO bankd_app",
    # What was issued is never edited: only taken out of use, once, and what was asked goes with it.
    "GRANT UPDATE (asked, log_index, dropped_at, erasure_id, gone_at) ON issued_reports TO bankd_app",
    "GRANT UPDATE (next_at, tries, last_error, tried, issued_at) ON due_reports TO bankd_app",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE due_reports, report_subjects, issued_files, issued_reports, report_schedules")
