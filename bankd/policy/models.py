"""Every bundle that was ever in force, whole, so that any past decision can be made again."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from bankd.db import Base, Sha256


class PolicyBundle(Base):
    """The texts at one digest, never changed: `[[name, text], ..]`, by name."""

    __tablename__ = "policy_bundles"
    __table_args__ = (
        CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name="digest"),
        CheckConstraint("jsonb_typeof(texts) = 'array'", name="texts"),
    )

    digest: Mapped[Sha256] = mapped_column(primary_key=True)
    texts: Mapped[list[list[str]]] = mapped_column(JSONB)
    recorded_at: Mapped[datetime]


class PolicyActivation(Base):
    """From this moment on the bundle is in force, until the next activation."""

    __tablename__ = "policy_activations"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    digest: Mapped[Sha256] = mapped_column(ForeignKey("policy_bundles.digest"), index=True)
    activated_at: Mapped[datetime]
    activated_by: Mapped[str] = mapped_column(Text)
