"""Keep erasures, duties to keep, and what tombstones refuse; let the app role erase what an erasure names.

Nothing here lets the app role delete or blank what it likes: three functions of the owner do so, and each
asks first whether an erasure was decided.

Revision ID: 0027
Revises: 0026
"""

from alembic import op

revision = "0027"
down_revision = "0026"

TABLES = (
    """
    CREATE TABLE retentions (
        id uuid NOT NULL,
        class text NOT NULL,
        subject text NOT NULL,
        subject_id uuid,
        ref text NOT NULL,
        reason text NOT NULL,
        document_sha256 varchar(64),
        ends_at timestamptz,
        set_at timestamptz NOT NULL,
        set_by text NOT NULL,
        lifted_at timestamptz,
        lifted_by text,
        lifted_reason text,
        CONSTRAINT pk_retentions PRIMARY KEY (id),
        CONSTRAINT ck_retentions_class CHECK (class IN ('legal-hold', 'tax', 'contract', 'claim')),
        CONSTRAINT ck_retentions_subject CHECK (subject IN ('license', 'grant', 'licensor', 'release',
            'person', 'photo')),
        CONSTRAINT ck_retentions_subject_id CHECK ((subject = 'person') = (subject_id IS NULL)),
        CONSTRAINT ck_retentions_term CHECK (ends_at > set_at
            AND (class = 'legal-hold' OR ends_at IS NOT NULL)),
        CONSTRAINT ck_retentions_lifted CHECK ((lifted_at IS NULL) = (lifted_by IS NULL)
            AND (lifted_at IS NULL) = (lifted_reason IS NULL)),
        CONSTRAINT fk_retentions_document_sha256_documents FOREIGN KEY(document_sha256)
            REFERENCES documents (sha256)
    )
    """,
    "CREATE INDEX ix_retentions_standing ON retentions (subject, subject_id) WHERE lifted_at IS NULL",
    """
    CREATE TABLE erasures (
        id uuid NOT NULL,
        subject text NOT NULL,
        subject_id uuid,
        ref text NOT NULL,
        subject_digest varchar(64) NOT NULL,
        ground text NOT NULL,
        reason text NOT NULL,
        scope text NOT NULL,
        delete_after timestamptz,
        composites text NOT NULL,
        gates text NOT NULL,
        reports text NOT NULL,
        backups text NOT NULL,
        backups_until timestamptz,
        decided_at timestamptz NOT NULL,
        decided_by text NOT NULL,
        log_index bigint,
        orders uuid[] DEFAULT '{}' NOT NULL,
        links_until timestamptz,
        finished_at timestamptz,
        certificate text,
        signature text,
        CONSTRAINT pk_erasures PRIMARY KEY (id),
        CONSTRAINT ck_erasures_subject CHECK (subject IN ('photo', 'person', 'release', 'licensor')),
        CONSTRAINT ck_erasures_ground CHECK (ground IN ('gdpr-17', 'appi', 'contract', 'house')),
        CONSTRAINT ck_erasures_scope CHECK (scope IN ('everyone', 'licensor')),
        CONSTRAINT ck_erasures_composites CHECK (composites IN ('kept', 'blurred', 'deleted')),
        CONSTRAINT ck_erasures_gates CHECK (gates IN ('kept', 'deleted')),
        CONSTRAINT ck_erasures_reports CHECK (reports IN ('kept', 'deleted')),
        CONSTRAINT ck_erasures_backups CHECK (backups IN ('kept', 'deleted')),
        CONSTRAINT ck_erasures_finished CHECK ((finished_at IS NULL) = (certificate IS NULL)
            AND (finished_at IS NULL) = (signature IS NULL))
    )
    """,
    "CREATE INDEX ix_erasures_open ON erasures (decided_at) WHERE finished_at IS NULL",
    """
    CREATE TABLE erasure_photos (
        erasure_id uuid NOT NULL,
        photo_id uuid NOT NULL,
        prefixes text[] DEFAULT '{}' NOT NULL,
        found jsonb DEFAULT '{}' NOT NULL,
        payloads bigint[] DEFAULT '{}' NOT NULL,
        rows_erased_at timestamptz,
        gathered_at timestamptz,
        bytes_erased_at timestamptz,
        CONSTRAINT pk_erasure_photos PRIMARY KEY (erasure_id, photo_id),
        CONSTRAINT uq_erasure_photos_photo_id UNIQUE (photo_id),
        CONSTRAINT ck_erasure_photos_order CHECK ((gathered_at IS NULL OR rows_erased_at IS NOT NULL)
            AND (bytes_erased_at IS NULL OR gathered_at IS NOT NULL)),
        CONSTRAINT fk_erasure_photos_erasure_id_erasures FOREIGN KEY(erasure_id) REFERENCES erasures (id),
        CONSTRAINT fk_erasure_photos_photo_id_photos FOREIGN KEY(photo_id) REFERENCES photos (id)
    )
    """,
    "CREATE INDEX ix_erasure_photos_open ON erasure_photos (erasure_id) WHERE bytes_erased_at IS NULL",
    """
    CREATE TABLE erasure_releases (
        erasure_id uuid NOT NULL,
        release_id uuid NOT NULL,
        documents text[] DEFAULT '{}' NOT NULL,
        payloads bigint[] DEFAULT '{}' NOT NULL,
        rows_erased_at timestamptz,
        bytes_erased_at timestamptz,
        CONSTRAINT pk_erasure_releases PRIMARY KEY (erasure_id, release_id),
        CONSTRAINT uq_erasure_releases_release_id UNIQUE (release_id),
        CONSTRAINT ck_erasure_releases_order CHECK (bytes_erased_at IS NULL OR rows_erased_at IS NOT NULL),
        CONSTRAINT fk_erasure_releases_erasure_id_erasures FOREIGN KEY(erasure_id) REFERENCES erasures (id),
        CONSTRAINT fk_erasure_releases_release_id_releases FOREIGN KEY(release_id) REFERENCES releases (id)
    )
    """,
    """
    CREATE TABLE erasure_composites (
        erasure_id uuid NOT NULL,
        composite_id uuid NOT NULL,
        leftover text[] DEFAULT '{}' NOT NULL,
        done_at timestamptz,
        CONSTRAINT pk_erasure_composites PRIMARY KEY (erasure_id, composite_id),
        CONSTRAINT fk_erasure_composites_erasure_id_erasures FOREIGN KEY(erasure_id) REFERENCES erasures (id),
        CONSTRAINT fk_erasure_composites_composite_id_composites FOREIGN KEY(composite_id)
            REFERENCES composites (id)
    )
    """,
    "CREATE INDEX ix_erasure_composites_composite_id ON erasure_composites (composite_id)",
    """
    ALTER TABLE tombstones
        ADD COLUMN scope text DEFAULT 'everyone' NOT NULL,
        ADD COLUMN licensor_id uuid,
        ADD COLUMN delete_after timestamptz,
        ADD CONSTRAINT ck_tombstones_scope CHECK (scope IN ('everyone', 'licensor')
            AND (scope = 'licensor') = (licensor_id IS NOT NULL)),
        ADD CONSTRAINT fk_tombstones_licensor_id_licensors FOREIGN KEY(licensor_id) REFERENCES licensors (id)
    """,
    "ALTER TABLE releases ADD COLUMN erased_at timestamptz",
    "ALTER TABLE snapshot_photos ADD COLUMN erased_at timestamptz",
    """
    ALTER TABLE composites
        ADD COLUMN erased_at timestamptz,
        ADD COLUMN erased_as text,
        ADD COLUMN blurred_key text,
        ADD CONSTRAINT ck_composites_erased CHECK ((erased_at IS NULL) = (erased_as IS NULL)
            AND erased_as IN ('blurred', 'deleted') AND (blurred_key IS NOT NULL) = (erased_as = 'blurred'))
    """,
)

# Everything of a photo but what accounts and proofs need: that it was, whose, under which grants.
ERASE_PHOTO = """
    CREATE FUNCTION erase_photo_rows(wanted uuid, moment timestamptz) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    DECLARE
        old public.photos%ROWTYPE;
        cut bigint;
        described bigint;
        learned text[];
        places text[];
    BEGIN
        PERFORM FROM erasure_photos WHERE photo_id = wanted AND rows_erased_at IS NULL;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no erasure of photo % is open', wanted;
        END IF;
        SELECT * INTO old FROM photos WHERE id = wanted AND state = 'erased' FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'photo % is not out of use', wanted;
        END IF;
        DELETE FROM descriptors WHERE photo_id = wanted;
        GET DIAGNOSTICS described = ROW_COUNT;
        DELETE FROM segments WHERE photo_id = wanted;
        GET DIAGNOSTICS cut = ROW_COUNT;
        DELETE FROM photo_releases WHERE photo_id = wanted;
        DELETE FROM superseded_embedded WHERE photo_id = wanted;
        DELETE FROM fingerprints WHERE photo_id = wanted;
        DELETE FROM photo_likenesses WHERE photo_id = wanted OR other_photo_id = wanted;
        UPDATE likeness_reviews SET reason = 'erased' WHERE photo_id = wanted;
        WITH told AS (
            UPDATE snapshot_photos SET sequence = NULL, frame = NULL, erased_at = moment
            WHERE photo_sha256 = old.sha256 RETURNING snapshot_id
        )
        SELECT array_agg(DISTINCT s.digest::text) INTO learned
            FROM told JOIN snapshots AS s ON s.id = told.snapshot_id;
        WITH filed AS (
            UPDATE batch_items SET name = id::text, photo_sha256 = NULL, labels_sha256 = NULL,
                instances_sha256 = NULL, depth_sha256 = NULL, release_ids = '{}', people = '[]',
                depictions = NULL, disputed = CASE WHEN disputed IS NULL THEN NULL ELSE 'erased' END,
                detail = NULL
            WHERE photo_id = wanted
                OR (photo_sha256 = old.sha256 AND state NOT IN ('waiting', 'working'))
            RETURNING id, batch_id
        )
        SELECT array_agg(place) INTO places FROM (
            SELECT id::text AS place FROM filed
            UNION SELECT 'batches/' || batch_id || '/' || id FROM filed
            UNION SELECT wanted::text
        ) AS all_places;
        UPDATE photos SET
            name = 'erased',
            sha256 = encode(sha256(convert_to('erased bytes ' || wanted, 'UTF8')), 'hex'),
            pixel_sha256 = encode(sha256(convert_to('erased pixels ' || wanted, 'UTF8')), 'hex'),
            pack_sha256 = repeat('0', 64), labels_sha256 = repeat('0', 64), depth_sha256 = NULL,
            thumbnail_sha256 = repeat('0', 64), scene_context = decode(repeat('00', 256), 'hex'),
            lab_mean = '{0,0,0}', lab_std = '{0,0,0}', depictions = '{}', embedded = '{}',
            embedded_credit = '{}', faces = NULL, faces_dismissed_at = NULL, faces_dismissed_by = NULL,
            faces_dismissed_reason = NULL, embargo_visible_to = '{}',
            dispute_reason = CASE WHEN disputed_at IS NULL THEN NULL ELSE 'erased' END
        WHERE id = wanted;
        RETURN jsonb_build_object('segments', cut, 'descriptors', described, 'prefixes', to_jsonb(places),
            'snapshots', coalesce(to_jsonb(learned), '[]'));
    END $$
"""

# A person: the releases he gave, their withdrawals, the papers of both where nothing else rests on them.
ERASE_RELEASE = """
    CREATE FUNCTION erase_release_rows(wanted uuid, moment timestamptz) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    DECLARE
        old public.releases%ROWTYPE;
        papers text[];
        paper text;
        dropped text[] := '{}';
        ended uuid[];
    BEGIN
        PERFORM FROM erasure_releases WHERE release_id = wanted AND rows_erased_at IS NULL;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no erasure of release % is open', wanted;
        END IF;
        PERFORM FROM photo_releases WHERE release_id = wanted;
        IF FOUND THEN
            RAISE EXCEPTION 'photos hold release %', wanted;
        END IF;
        SELECT * INTO old FROM releases WHERE id = wanted FOR NO KEY UPDATE;
        UPDATE releases SET ref = 'erased-' || id, subject = 'erased', clause = NULL, quote = NULL,
            signed_by = 'person', majority_on = NULL, reconfirm_by = NULL, document_sha256 = NULL,
            erased_at = moment
        WHERE id = wanted;
        SELECT array_agg(id), array_agg(document_sha256::text) FILTER (WHERE document_sha256 IS NOT NULL)
            INTO ended, papers
            FROM withdrawals WHERE (subject = 'release' AND subject_id = wanted) OR (subject = 'person'
                AND ref = old.subject AND NOT EXISTS (SELECT FROM releases WHERE subject = old.subject));
        UPDATE withdrawals SET ref = 'erased', reason = 'erased', document_sha256 = NULL
            WHERE id = ANY(ended);
        UPDATE notices SET title = 'erased', words = 'erased', facts = '{}'
            WHERE key IN (SELECT 'withdrawal ' || one FROM unnest(ended) AS one);
        UPDATE retentions SET ref = 'erased', reason = 'erased'
            WHERE (subject = 'release' AND subject_id = wanted) OR (subject = 'person'
                AND ref = old.subject AND NOT EXISTS (SELECT FROM releases WHERE subject = old.subject));
        FOREACH paper IN ARRAY coalesce(papers, '{}') || coalesce(ARRAY[old.document_sha256::text], '{}') LOOP
            BEGIN
                DELETE FROM documents WHERE sha256 = paper;
                IF FOUND THEN
                    dropped := dropped || paper;
                END IF;
            EXCEPTION WHEN foreign_key_violation THEN
                NULL; -- something else rests on it
            END;
        END LOOP;
        RETURN jsonb_build_object('documents', to_jsonb(dropped),
            'withdrawals', coalesce(to_jsonb(ended), '[]'));
    END $$
"""

# What the log told of them. Entries stay, so that every proof goes on holding; what they committed to goes.
ERASE_PAYLOADS = """
    CREATE FUNCTION erase_log_payloads(photos_wanted uuid[], releases_wanted uuid[],
        withdrawals_wanted uuid[], documents_wanted text[]) RETURNS TABLE (entry bigint, of_subject text)
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
        WITH gone AS (
            SELECT photo_id::text AS id FROM erasure_photos
                WHERE photo_id = ANY(photos_wanted) AND rows_erased_at IS NOT NULL
            UNION SELECT filed FROM erasure_photos, unnest(prefixes) AS filed
                WHERE photo_id = ANY(photos_wanted) AND rows_erased_at IS NOT NULL
            UNION SELECT release_id::text FROM erasure_releases
                WHERE release_id = ANY(releases_wanted) AND rows_erased_at IS NOT NULL
            UNION SELECT w.id::text FROM withdrawals AS w
                WHERE w.id = ANY(withdrawals_wanted) AND w.ref = 'erased'
            UNION SELECT wanted FROM unnest(documents_wanted) AS wanted
                WHERE NOT EXISTS (SELECT FROM documents WHERE sha256 = wanted)
        ), told AS (
            SELECT p.index, CASE
                WHEN e.kind LIKE 'withdrawal.%' THEN substring(p.payload from '"withdrawal":"UUID_IN"')
                WHEN e.kind LIKE 'release.%' THEN substring(p.payload from '"release":"UUID_IN"')
                WHEN e.kind = 'document.recorded' THEN substring(p.payload from '"sha256":"([0-9a-f]{64})"')
                WHEN e.kind = 'hold.set' THEN substring(p.payload from '"subject_id":"UUID_IN"')
                WHEN e.kind = 'photo.refused' THEN substring(p.payload from '"item":"UUID_IN"')
                ELSE substring(p.payload from '"photo":"UUID_IN"')
                END AS subject
            FROM log_entries AS e JOIN log_payloads AS p ON p.index = e.index
            WHERE (e.kind LIKE 'photo.%' AND e.kind NOT IN ('photo.erased', 'photo.emptied'))
                OR e.kind LIKE 'release.%' OR e.kind LIKE 'withdrawal.%'
                OR e.kind IN ('rights.attached', 'document.recorded', 'hold.set')
        )
        DELETE FROM log_payloads AS p USING told, gone
            WHERE p.index = told.index AND gone.id = told.subject
            RETURNING p.index, told.subject
    $$
""".replace("UUID_IN", "([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")

# Never before its day by the server's own clock, whatever it is told.
EXPIRE_TOMBSTONES = """
    CREATE FUNCTION expire_tombstones(moment timestamptz) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
        WITH gone AS (
            DELETE FROM tombstones WHERE delete_after <= least(moment, now()) RETURNING id
        )
        SELECT count(*) FROM gone
    $$
"""

FUNCTIONS = {
    "erase_photo_rows(uuid, timestamptz)": ERASE_PHOTO,
    "erase_release_rows(uuid, timestamptz)": ERASE_RELEASE,
    "erase_log_payloads(uuid[], uuid[], uuid[], text[])": ERASE_PAYLOADS,
    "expire_tombstones(timestamptz)": EXPIRE_TOMBSTONES,
}

PRIVILEGES = (
    "GRANT SELECT, INSERT ON retentions, erasures, erasure_photos, erasure_releases, erasure_composites"
    " TO bankd_app",
    "GRANT UPDATE (lifted_at, lifted_by, lifted_reason) ON retentions TO bankd_app",
    "GRANT UPDATE (ref, log_index, orders, links_until, finished_at, certificate, signature) ON erasures"
    " TO bankd_app",
    "GRANT UPDATE (prefixes, found, payloads, rows_erased_at, gathered_at, bytes_erased_at) ON erasure_photos"
    " TO bankd_app",
    "GRANT UPDATE (documents, payloads, rows_erased_at, bytes_erased_at) ON erasure_releases TO bankd_app",
    "GRANT UPDATE (leftover, done_at) ON erasure_composites TO bankd_app",
    "GRANT UPDATE (erased_at, erased_as, blurred_key) ON composites TO bankd_app",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    for name, body in FUNCTIONS.items():
        op.execute(body)
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO bankd_app")
    for privilege in PRIVILEGES:
        op.execute(privilege)


def downgrade() -> None:
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}")
    op.execute("ALTER TABLE composites DROP COLUMN erased_at, DROP COLUMN erased_as, DROP COLUMN blurred_key")
    op.execute("ALTER TABLE snapshot_photos DROP COLUMN erased_at")
    op.execute("ALTER TABLE releases DROP COLUMN erased_at")
    op.execute("ALTER TABLE tombstones DROP COLUMN scope, DROP COLUMN licensor_id, DROP COLUMN delete_after")
    op.execute("DROP TABLE erasure_composites, erasure_releases, erasure_photos, erasures, retentions")
