"""Keep which statements of a photo's own file a newer document of its licensor has put out of force.

Revision ID: 0023
Revises: 0022
"""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE superseded_embedded (
            id integer GENERATED ALWAYS AS IDENTITY,
            photo_id uuid NOT NULL,
            field text NOT NULL,
            value jsonb NOT NULL,
            document_sha256 varchar(64) NOT NULL,
            clause text NOT NULL,
            reason text NOT NULL,
            superseded_at timestamptz NOT NULL,
            superseded_by text NOT NULL,
            CONSTRAINT pk_superseded_embedded PRIMARY KEY (id),
            CONSTRAINT uq_superseded_embedded_photo_id_field UNIQUE (photo_id, field),
            CONSTRAINT fk_superseded_embedded_photo_id_photos FOREIGN KEY (photo_id) REFERENCES photos (id),
            CONSTRAINT fk_superseded_embedded_document_sha256_documents
                FOREIGN KEY (document_sha256) REFERENCES documents (sha256)
        )
        """
    )
    op.execute("GRANT SELECT, INSERT ON superseded_embedded TO bankd_app")


def downgrade() -> None:
    op.drop_table("superseded_embedded")
