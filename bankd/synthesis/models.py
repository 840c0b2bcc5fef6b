"""Requests and what became of them. The row is the truth; messages are hints."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

import bankd.provenance.models  # noqa: F401  variations point at composites
from bankd.db import Base, BigInt, Json, Sha256


class RequestState(StrEnum):
    """`filed` and `rendering` move on by themselves, `awaiting` once people have signed; others are final."""

    FILED = "filed"  # waits to be cleared, ranked and ordered
    AWAITING = "awaiting"  # waits for sign-offs
    RENDERING = "rendering"  # an order is out
    COMPLETED = "completed"  # at least one composite was sealed
    REFUSED = "refused"
    FAILED = "failed"


class VariationState(StrEnum):
    WAITING = "waiting"
    SEALED = "sealed"
    REFUSED = "refused"


class OrderState(StrEnum):
    MADE = "made"  # committed, perhaps published
    DONE = "done"  # its result was sealed or refused, variation by variation
    EXPIRED = "expired"  # waited too long; a later attempt replaces it
    VOID = "void"  # answered wrongly; a later attempt replaces it


class Request(Base):
    """A semantic layout and a use, as asked. Never edited but for its state.

    `lease_until` belongs to whoever works on the request now; when it has
    passed, anyone may take over. `attempt` numbers the orders made so far.
    """

    __tablename__ = "requests"
    __table_args__ = (
        CheckConstraint("variations BETWEEN 1 AND 16", name="variations"),
        CheckConstraint("refiner IN ('blend', 'network')", name="refiner"),
        CheckConstraint("canvas IN ('strict', 'overlap')", name="canvas"),
        CheckConstraint("layout_origin ~ '^(own|licensed|photo:[0-9a-f-]{36})$'", name="layout_origin"),
        Index(
            "ix_requests_unfinished", "lease_until", postgresql_where=text("state IN ('filed', 'rendering')")
        ),
        Index(
            "ix_requests_idempotency",
            "department_id",
            "idempotency_key",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("idempotency_key IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    department_id: Mapped[UUID | None] = mapped_column(ForeignKey("departments.id"), index=True)
    filed_by: Mapped[str]
    filed_at: Mapped[datetime]
    idempotency_key: Mapped[str | None]
    content_sha256: Mapped[Sha256]  # of everything asked, to tell a repeat from a clash
    layout_key: Mapped[str]
    layout_sha256: Mapped[Sha256] = mapped_column(index=True)
    height: Mapped[int]
    width: Mapped[int]
    use: Mapped[Json]
    frame: Mapped[str]
    variations: Mapped[int]
    seed: Mapped[BigInt]
    refiner: Mapped[str] = mapped_column(
        default="blend", server_default="blend"
    )  # or "network", the newest one registered
    canvas: Mapped[str] = mapped_column(
        default="strict", server_default="strict"
    )  # or "overlap": segments reach a little beyond their regions
    layout_origin: Mapped[str] = mapped_column(Text, default="own", server_default="own")  # see `layouts`
    products: Mapped[Json] = mapped_column(
        default=dict, server_default="{}"
    )  # region -> the product that it is declared as, see `products`
    state: Mapped[str] = mapped_column(default=RequestState.FILED)
    attempt: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)
    hinted_at: Mapped[datetime]  # when a worker was last told of it
    reordered: Mapped[bool] = mapped_column(default=False)  # once, after a refusal at seal
    lease_until: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[Json] = mapped_column(default=dict)  # reasons per region, uncovered area, notes


class Variation(Base):
    """One of the pictures that a request asks for; each is sealed alone."""

    __tablename__ = "variations"

    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id"), primary_key=True)
    index: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(default=VariationState.WAITING)
    composite_id: Mapped[UUID | None] = mapped_column(ForeignKey("composites.id"))
    reasons: Mapped[Json] = mapped_column(default=dict)


class Clearance(Base):
    """The answer to a request at a moment: each photo of an order with the one grant relied on, or a refusal.

    Where the bank was short nothing is relied on.

    `epoch` is the log index up to which rights were looked at, `log_index`
    the entry that records this clearance. `facts` are what it was decided on
    and `answer_sha256` what came of them (see `recording`); clearances from
    before these were kept have neither.
    """

    __tablename__ = "clearances"
    __table_args__ = (CheckConstraint("(facts IS NULL) = (answer_sha256 IS NULL)", name="facts"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id"), index=True)
    at: Mapped[datetime]
    epoch: Mapped[int] = mapped_column(BigInteger)
    bundle_digest: Mapped[Sha256]
    relied: Mapped[Json]  # photo id -> grant id
    log_index: Mapped[int | None] = mapped_column(BigInteger)
    facts: Mapped[Json | None] = mapped_column(JSONB(none_as_null=True))
    answer_sha256: Mapped[Sha256 | None]


class Decision(Base):
    """A look at one picture's rights: at its seal, or where it was to be handed out.

    `facts` and `answer_sha256` as of a clearance (see `deciding`). The log
    entry that commits to both names this decision; it is the first one from
    `epoch` on that does.
    """

    __tablename__ = "decisions"
    __table_args__ = (
        CheckConstraint("kind IN ('seal', 'handout', 'handout-refused')", name="kind"),
        CheckConstraint("kind = 'handout' OR handout_id IS NULL", name="handout"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    kind: Mapped[str] = mapped_column(Text)
    composite_id: Mapped[UUID] = mapped_column(ForeignKey("composites.id"), index=True)
    handout_id: Mapped[UUID | None] = mapped_column(ForeignKey("handouts.id"))
    at: Mapped[datetime]
    epoch: Mapped[int] = mapped_column(BigInteger)
    bundle_digest: Mapped[Sha256]
    facts: Mapped[Json]
    answer_sha256: Mapped[Sha256]


class Order(Base):
    """One attempt at a request, carrying all of its unsealed variations.

    `spec` is the work order without its links: links are made when the order
    is published and never stored. `lease_until` belongs to whoever seals it.
    """

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("request_id", "attempt"),
        Index("ix_orders_unanswered", "made_at", postgresql_where=text("state = 'made'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id"))
    attempt: Mapped[int]
    clearance_id: Mapped[UUID] = mapped_column(ForeignKey("clearances.id"))
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default=OrderState.MADE)
    spec: Mapped[Json]
    segments: Mapped[Json]  # segment key in the archive -> [segment id, photo id]
    archive_key: Mapped[str]
    archive_sha256: Mapped[Sha256]
    archive_size_bytes: Mapped[BigInt]
    masks_sha256: Mapped[Sha256 | None]  # of what the seal reads; none before there were such
    published: Mapped[int] = mapped_column(default=1)  # how often the render queue was told of it
    published_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]


class Reservation(Base):
    """One composite's worth of a capped grant, held for one variation of an order."""

    __tablename__ = "reservations"

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    variation: Mapped[int] = mapped_column(primary_key=True)
    grant_id: Mapped[UUID] = mapped_column(ForeignKey("grants.id"), primary_key=True)
