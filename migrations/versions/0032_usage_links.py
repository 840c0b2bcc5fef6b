"""Keep each licensor's chain of uses; what a link says goes when its log entry's payload is erased.

Revision ID: 0032
Revises: 0031
"""

from alembic import op

revision = "0032"
down_revision = "0031"

STATEMENTS = (
    """
    CREATE TABLE usage_links (
        entry bigint NOT NULL,
        licensor_id uuid NOT NULL,
        number bigint NOT NULL,
        link bytea NOT NULL,
        head bytea NOT NULL,
        CONSTRAINT pk_usage_links PRIMARY KEY (entry, licensor_id),
        CONSTRAINT ck_usage_links_number CHECK (number > 0),
        CONSTRAINT ck_usage_links_hashes CHECK (length(link) = 32 AND length(head) = 32),
        CONSTRAINT fk_usage_links_entry_log_entries FOREIGN KEY (entry) REFERENCES log_entries (index),
        CONSTRAINT fk_usage_links_licensor_id_licensors FOREIGN KEY (licensor_id) REFERENCES licensors (id)
    )
    """,
    "CREATE INDEX ix_usage_links_licensor_id_entry ON usage_links (licensor_id, entry)",
    """
    CREATE TABLE usage_link_payloads (
        entry bigint NOT NULL,
        licensor_id uuid NOT NULL,
        salt bytea NOT NULL,
        payload text NOT NULL,
        CONSTRAINT pk_usage_link_payloads PRIMARY KEY (entry, licensor_id),
        CONSTRAINT ck_usage_link_payloads_salt CHECK (length(salt) = 32),
        CONSTRAINT fk_usage_link_payloads_entry_licensor_id_usage_links FOREIGN KEY (entry, licensor_id)
            REFERENCES usage_links (entry, licensor_id)
    )
    """,
    """
    CREATE TRIGGER usage_links_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_links
    FOR EACH STATEMENT EXECUTE FUNCTION log_is_append_only()
    """,
    """
    CREATE TRIGGER usage_link_payloads_append_only BEFORE UPDATE OR TRUNCATE ON usage_link_payloads
    FOR EACH STATEMENT EXECUTE FUNCTION log_is_append_only()
    """,
    "GRANT SELECT, INSERT ON usage_links, usage_link_payloads TO bankd_app",
    """
    CREATE FUNCTION erase_usage_link_payloads() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        DELETE FROM usage_link_payloads AS p USING gone WHERE p.entry = gone.index;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER log_payloads_links AFTER DELETE ON log_payloads REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION erase_usage_link_payloads()
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TRIGGER log_payloads_links ON log_payloads")
    op.execute("DROP FUNCTION erase_usage_link_payloads()")
    op.execute("DROP TABLE usage_link_payloads, usage_links")
