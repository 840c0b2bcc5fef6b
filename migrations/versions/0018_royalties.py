"""Keep what is owed for uses, to whom, and what was stated of it.

Revision ID: 0018
Revises: 0017
"""

from alembic import op

revision = "0018"
down_revision = "0017"

TABLES = {
    "accruals": """
        id bigint GENERATED ALWAYS AS IDENTITY,
        trigger text NOT NULL,
        subject_id uuid NOT NULL,
        grant_id uuid NOT NULL,
        fee smallint NOT NULL,
        photo_id uuid,
        entry integer NOT NULL,
        composite_id uuid NOT NULL,
        handout_id uuid,
        publication_id uuid,
        units bigint NOT NULL,
        canvas_px integer NOT NULL,
        frame_px integer NOT NULL,
        amount_minor bigint NOT NULL,
        currency text NOT NULL,
        at timestamptz NOT NULL,
        by text NOT NULL,
        reason text,
        CONSTRAINT pk_accruals PRIMARY KEY (id),
        CONSTRAINT uq_accruals_trigger_subject_id_grant_id_fee_photo_id_entry
            UNIQUE NULLS NOT DISTINCT (trigger, subject_id, grant_id, fee, photo_id, entry),
        CONSTRAINT fk_accruals_grant_id_grants FOREIGN KEY (grant_id) REFERENCES grants (id),
        CONSTRAINT fk_accruals_photo_id_photos FOREIGN KEY (photo_id) REFERENCES photos (id),
        CONSTRAINT fk_accruals_composite_id_composites FOREIGN KEY (composite_id) REFERENCES composites (id),
        CONSTRAINT fk_accruals_handout_id_handouts FOREIGN KEY (handout_id) REFERENCES handouts (id),
        CONSTRAINT fk_accruals_publication_id_publications
            FOREIGN KEY (publication_id) REFERENCES publications (id),
        CONSTRAINT ck_accruals_trigger CHECK (trigger IN ('seal', 'handout', 'publication', 'copies')),
        CONSTRAINT ck_accruals_counts CHECK (units >= 0 AND canvas_px >= 0 AND frame_px > 0 AND entry >= 0),
        CONSTRAINT ck_accruals_use_owes CHECK (amount_minor >= 0 OR entry > 0),
        CONSTRAINT ck_accruals_reason CHECK ((entry = 0) = (reason IS NULL))
    """,
    "payees": """
        id uuid NOT NULL,
        ref text NOT NULL,
        version integer NOT NULL,
        name text NOT NULL,
        country text NOT NULL,
        currency text NOT NULL,
        zone text NOT NULL,
        registration_number text,
        consumption_tax_bp integer NOT NULL,
        withholding_bp integer NOT NULL,
        withholding_above_minor bigint,
        withholding_above_bp integer,
        least_payout_minor bigint NOT NULL,
        recorded_at timestamptz NOT NULL,
        recorded_by text NOT NULL,
        CONSTRAINT pk_payees PRIMARY KEY (id),
        CONSTRAINT uq_payees_ref_version UNIQUE (ref, version),
        CONSTRAINT ck_payees_rates CHECK (
            consumption_tax_bp BETWEEN 0 AND 10000 AND withholding_bp BETWEEN 0 AND 10000
            AND withholding_above_bp BETWEEN 0 AND 10000
        ),
        CONSTRAINT ck_payees_amounts CHECK (least_payout_minor >= 0 AND withholding_above_minor >= 0),
        CONSTRAINT ck_payees_above CHECK ((withholding_above_minor IS NULL) = (withholding_above_bp IS NULL))
    """,
    "splits": """
        id uuid NOT NULL,
        license_id uuid NOT NULL,
        starts_on date NOT NULL,
        shares jsonb NOT NULL,
        recorded_at timestamptz NOT NULL,
        recorded_by text NOT NULL,
        CONSTRAINT pk_splits PRIMARY KEY (id),
        CONSTRAINT fk_splits_license_id_licenses FOREIGN KEY (license_id) REFERENCES licenses (id),
        CONSTRAINT ck_splits_shares CHECK (jsonb_array_length(shares) > 0)
    """,
    "exchange_rates": """
        base text NOT NULL,
        quote text NOT NULL,
        "on" date NOT NULL,
        rate text NOT NULL,
        source text NOT NULL,
        recorded_at timestamptz NOT NULL,
        recorded_by text NOT NULL,
        CONSTRAINT pk_exchange_rates PRIMARY KEY (base, quote, "on"),
        CONSTRAINT ck_exchange_rates_two_currencies CHECK (base <> quote)
    """,
    "statements": """
        id uuid NOT NULL,
        payee_ref text NOT NULL,
        payee_id uuid NOT NULL,
        period text NOT NULL,
        starts_on date NOT NULL,
        ends_on date NOT NULL,
        currency text NOT NULL,
        net_minor bigint NOT NULL,
        carried_minor bigint NOT NULL,
        figures jsonb NOT NULL,
        figures_sha256 varchar(64) NOT NULL,
        computed_at timestamptz NOT NULL,
        computed_by text NOT NULL,
        CONSTRAINT pk_statements PRIMARY KEY (id),
        CONSTRAINT uq_statements_payee_ref_period UNIQUE (payee_ref, period),
        CONSTRAINT fk_statements_payee_id_payees FOREIGN KEY (payee_id) REFERENCES payees (id),
        CONSTRAINT ck_statements_period CHECK (ends_on >= starts_on)
    """,
    "statement_lines": """
        id bigint GENERATED ALWAYS AS IDENTITY,
        statement_id uuid NOT NULL,
        accrual_id bigint NOT NULL,
        payee_ref text NOT NULL,
        amount_minor bigint NOT NULL,
        currency text NOT NULL,
        CONSTRAINT pk_statement_lines PRIMARY KEY (id),
        CONSTRAINT uq_statement_lines_accrual_id_payee_ref UNIQUE (accrual_id, payee_ref),
        CONSTRAINT fk_statement_lines_statement_id_statements
            FOREIGN KEY (statement_id) REFERENCES statements (id),
        CONSTRAINT fk_statement_lines_accrual_id_accruals FOREIGN KEY (accrual_id) REFERENCES accruals (id)
    """,
}
INDEXES = (
    ("accruals", "grant_id"),
    ("accruals", "photo_id"),
    ("accruals", "composite_id"),
    ("accruals", "at"),
    ("splits", "license_id"),
    ("statement_lines", "statement_id"),
)


def upgrade() -> None:
    for name, columns in TABLES.items():
        op.execute(f"CREATE TABLE {name} ({columns})")
    for table, column in INDEXES:
        op.execute(f"CREATE INDEX ix_{table}_{column} ON {table} ({column})")
    # Money is only ever added to: what was wrong gets a new entry.
    op.execute(f"GRANT SELECT, INSERT ON {', '.join(TABLES)} TO bankd_app")


def downgrade() -> None:
    for name in reversed(TABLES):
        op.drop_table(name)
