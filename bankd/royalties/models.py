"""What is owed, to whom, and what was stated of it. Nothing is edited: what was wrong gets a new entry."""

from datetime import date, datetime
from typing import Literal, get_args
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, SmallInteger, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

import bankd.licensing.ending
import bankd.provenance.models  # noqa: F401  accruals point at composites, handouts and publications
from bankd.db import Base, BigInt, Json, Sha256

Outcome = Literal["released", "reversed"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


class Accrual(Base):
    """What one fee of a grant owes for one use, for the part of one photo.

    A use has one entry for each; recording it again adds none. A correction is
    a further entry, so the entries of a use add up to what is owed for it. A
    fee owed once is of its grant, not of the photos of the first use.
    """

    __tablename__ = "accruals"
    __table_args__ = (
        UniqueConstraint(
            "trigger",
            "subject_id",
            "grant_id",
            "fee",
            "photo_id",
            "entry",
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("trigger IN ('seal', 'handout', 'publication', 'copies')", name="trigger"),
        CheckConstraint("units >= 0 AND canvas_px >= 0 AND frame_px > 0 AND entry >= 0", name="counts"),
        CheckConstraint("amount_minor >= 0 OR entry > 0", name="use_owes"),
        CheckConstraint("(entry = 0) = (reason IS NULL)", name="reason"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    trigger: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[UUID]  # the composite, handout or publication; of a fee owed once, the grant
    grant_id: Mapped[UUID] = mapped_column(ForeignKey("grants.id"), index=True)
    fee: Mapped[int] = mapped_column(SmallInteger)  # its place among the grant's fees
    photo_id: Mapped[UUID | None] = mapped_column(ForeignKey("photos.id"), index=True)
    entry: Mapped[int] = mapped_column(default=0)
    composite_id: Mapped[UUID] = mapped_column(ForeignKey("composites.id"), index=True)
    handout_id: Mapped[UUID | None] = mapped_column(ForeignKey("handouts.id"))
    publication_id: Mapped[UUID | None] = mapped_column(ForeignKey("publications.id"))
    units: Mapped[BigInt]
    canvas_px: Mapped[int]
    frame_px: Mapped[int]
    amount_minor: Mapped[BigInt]
    currency: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(index=True)
    by: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)


class Payee(Base):
    """Who is paid, in which currency and under which taxes. New facts are a new version; the last one counts.

    Rates are in hundredths of a percent. `withholding_above_*` is the rate for
    what goes beyond an amount, where the law has two.
    """

    __tablename__ = "payees"
    __table_args__ = (
        UniqueConstraint("ref", "version"),
        CheckConstraint(
            "consumption_tax_bp BETWEEN 0 AND 10000 AND withholding_bp BETWEEN 0 AND 10000"
            " AND withholding_above_bp BETWEEN 0 AND 10000",
            name="rates",
        ),
        CheckConstraint("least_payout_minor >= 0 AND withholding_above_minor >= 0", name="amounts"),
        CheckConstraint("(withholding_above_minor IS NULL) = (withholding_above_bp IS NULL)", name="above"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    ref: Mapped[str] = mapped_column(Text)
    version: Mapped[int]
    name: Mapped[str] = mapped_column(Text)
    country: Mapped[str] = mapped_column(Text)
    currency: Mapped[str] = mapped_column(Text)
    zone: Mapped[str] = mapped_column(Text)  # in which its periods begin
    registration_number: Mapped[str | None] = mapped_column(Text)
    consumption_tax_bp: Mapped[int]
    withholding_bp: Mapped[int]
    withholding_above_minor: Mapped[int | None] = mapped_column(BigInteger)
    withholding_above_bp: Mapped[int | None]
    least_payout_minor: Mapped[BigInt]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(Text)


class Split(Base):
    """Among whom the fees of a license are split, from a day on; the last one recorded for a day counts.

    `shares` are [payee ref, weight] in order. A license without one pays its
    licensor, as the payee of the same ref.
    """

    __tablename__ = "splits"
    __table_args__ = (CheckConstraint("jsonb_array_length(shares) > 0", name="shares"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    license_id: Mapped[UUID] = mapped_column(ForeignKey("licenses.id"), index=True)
    starts_on: Mapped[date]
    shares: Mapped[list[tuple[str, int]]] = mapped_column(JSONB)
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(Text)


class ExchangeRate(Base):
    """What one major unit of a currency was worth in another on a day, by whose word."""

    __tablename__ = "exchange_rates"
    __table_args__ = (CheckConstraint("base <> quote", name="two_currencies"),)

    base: Mapped[str] = mapped_column(Text, primary_key=True)
    quote: Mapped[str] = mapped_column(Text, primary_key=True)
    on: Mapped[date] = mapped_column(primary_key=True)
    rate: Mapped[str] = mapped_column(Text)  # a decimal number, as it was told
    source: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(Text)


class Statement(Base):
    """What is owed to a payee for a period, as computed once. What comes later is in the next one."""

    __tablename__ = "statements"
    __table_args__ = (
        UniqueConstraint("payee_ref", "period"),
        CheckConstraint("ends_on >= starts_on", name="period"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    payee_ref: Mapped[str] = mapped_column(Text)
    payee_id: Mapped[UUID] = mapped_column(ForeignKey("payees.id"))
    period: Mapped[str] = mapped_column(Text)  # `2026`, `2026-Q4`, `2026-11`
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    currency: Mapped[str] = mapped_column(Text)
    net_minor: Mapped[BigInt]
    carried_minor: Mapped[BigInt]  # to the next one
    figures: Mapped[Json]
    figures_sha256: Mapped[Sha256]  # of its RFC 8785 form
    computed_at: Mapped[datetime]
    computed_by: Mapped[str] = mapped_column(Text)


class Settlement(Base):
    """How money that a withdrawal held in escrow was let go: paid after all, or owed no more. Once, for good.

    `taken_back` are [currency, minor units] in all, by so many `entries`.
    """

    __tablename__ = "settlements"
    __table_args__ = (
        CheckConstraint("outcome IN ('released', 'reversed')", name="outcome"),
        CheckConstraint("entries >= 0 AND (outcome = 'reversed' OR entries = 0)", name="entries"),
    )

    withdrawal_id: Mapped[UUID] = mapped_column(ForeignKey("withdrawals.id"), primary_key=True)
    outcome: Mapped[Outcome] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    document_sha256: Mapped[Sha256 | None] = mapped_column(ForeignKey("documents.sha256"))
    entries: Mapped[int]
    taken_back: Mapped[list[tuple[str, int]]] = mapped_column(JSONB)
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(Text)


class StatementLine(Base):
    """The part of an accrual that a payee was told is theirs: once, ever."""

    __tablename__ = "statement_lines"
    __table_args__ = (UniqueConstraint("accrual_id", "payee_ref"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    statement_id: Mapped[UUID] = mapped_column(ForeignKey("statements.id"), index=True)
    accrual_id: Mapped[int] = mapped_column(ForeignKey("accruals.id"))
    payee_ref: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[BigInt]
    currency: Mapped[str] = mapped_column(Text)
