"""Who gave which rights, on what evidence: the facts that are stored, and the profiles made of them.

Nothing here is edited. New terms are a new grant or a new license; a withdrawal or a successor only stamps
the row. The app role may update those stamps and the counters, and nothing else.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Dialect,
    ForeignKey,
    Identity,
    SmallInteger,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

from bankd.db import Base, BigInt, Sha256
from bankd.licensing.consents import ReleaseTerms
from bankd.licensing.terms import GrantTerms, Value
from bankd.licensing.title import Ruling, Statute, TitleLink, TitleState, chain, title_state
from bankd.licensing.vocabulary import CHANNELS, PURPOSES, Basis

_ALL_CHANNELS = "{" + ",".join(sorted(CHANNELS)) + "}"
_ALL_PURPOSES = "{" + ",".join(sorted(PURPOSES)) + "}"

SHA256_CHECK = "sha256 ~ '^[0-9a-f]{64}$'"


class TermsColumn(TypeDecorator[GrantTerms]):
    """`GrantTerms` as JSONB: nothing that does not validate is written or read."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(self, value: GrantTerms | None, dialect: Dialect) -> dict[str, Any] | None:  # noqa: ARG002
        return None if value is None else value.as_json()

    def process_result_value(self, value: dict[str, Any] | None, dialect: Dialect) -> GrantTerms | None:  # noqa: ARG002
        return None if value is None else GrantTerms.model_validate(value)


class ValueColumn(TypeDecorator[Value]):
    """One kind of value as JSONB: nothing that does not validate is written or read."""

    impl = JSONB(none_as_null=True)
    cache_ok = True

    def __init__(self, kind: type[Value]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Value | None, dialect: Dialect) -> dict[str, Any] | None:  # noqa: ARG002
        return None if value is None else value.as_json()

    def process_result_value(self, value: dict[str, Any] | None, dialect: Dialect) -> Value | None:  # noqa: ARG002
        return None if value is None else self.kind.model_validate(value)


class Licensor(Base):
    """Who grants rights; the house itself for what it owns."""

    __tablename__ = "licensors"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    ref: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(Text)


class Document(Base):
    """A signed agreement or a release form. Its bytes are in the store under `documents/<sha256>`."""

    __tablename__ = "documents"
    __table_args__ = (
        CheckConstraint(SHA256_CHECK, name="sha256"),
        CheckConstraint("size_bytes >= 0", name="size"),
    )

    sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    media_type: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[BigInt]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(Text)


class License(Base):
    """One agreement with one licensor, and the words behind it.

    Never edited: new terms are a new license that supersedes this one, and a
    withdrawal stamps `withdrawn_at` and its reason alone. What was allowed on
    any past day can therefore always be worked out again.
    """

    __tablename__ = "licenses"
    __table_args__ = (
        CheckConstraint(
            "basis IN ('owned', 'licensed', 'public-domain', 'collective', 'ruling', 'statutory')",
            name="basis",
        ),
        CheckConstraint("(basis = 'ruling') = (ruling IS NOT NULL)", name="ruling"),
        CheckConstraint("(basis = 'statutory') = (statute IS NOT NULL)", name="statute"),
        CheckConstraint("jsonb_typeof(co_owners) = 'array'", name="co_owners"),
        CheckConstraint("jsonb_typeof(title_chain) = 'array'", name="title_chain"),
        CheckConstraint("verified_at IS NULL OR verified_by IS NOT NULL", name="verified"),
        CheckConstraint(
            "(notice_on IS NULL) = (notice_by IS NULL)"
            " AND (notice_on IS NULL) = (notice_recorded_at IS NULL)",
            name="notice",
        ),
        CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_reason IS NULL)", name="withdrawn"),
        CheckConstraint("(superseded_at IS NULL) = (superseded_by_id IS NULL)", name="superseded"),
        CheckConstraint("superseded_by_id <> id", name="own_successor"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    ref: Mapped[str] = mapped_column(Text, unique=True)
    licensor_id: Mapped[UUID] = mapped_column(ForeignKey("licensors.id"), index=True)
    title: Mapped[str] = mapped_column(Text)
    basis: Mapped[Basis] = mapped_column(Text)
    spdx: Mapped[str | None] = mapped_column(Text)
    document_sha256: Mapped[Sha256 | None] = mapped_column(ForeignKey("documents.sha256"))
    clause: Mapped[str | None] = mapped_column(Text)
    quote: Mapped[str | None] = mapped_column(Text)  # the original language, which prevails
    verified_by: Mapped[str | None] = mapped_column(Text)  # None: an unverified fact, and marked as one
    co_owners: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)  # [{"name": str, "agreed": bool}]
    template: Mapped[str | None] = mapped_column(Text)
    author: Mapped[str | None] = mapped_column(Text)
    title_chain: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")  # title.TitleLink
    ruling: Mapped[Ruling | None] = mapped_column(ValueColumn(Ruling))
    statute: Mapped[Statute | None] = mapped_column(ValueColumn(Statute))
    language: Mapped[str | None] = mapped_column(Text)  # of the quote
    translation: Mapped[str | None] = mapped_column(Text)  # to read; the quote prevails
    verified_at: Mapped[datetime | None]  # None beside a name: verified when it was recorded
    notice_on: Mapped[date | None]  # day on which the agreement was given notice of
    notice_by: Mapped[str | None] = mapped_column(Text)
    notice_recorded_at: Mapped[datetime | None]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(Text)
    withdrawn_at: Mapped[datetime | None]
    withdrawn_reason: Mapped[str | None] = mapped_column(Text)
    superseded_at: Mapped[datetime | None]
    superseded_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("licenses.id"))

    licensor: Mapped[Licensor] = relationship(lazy="raise_on_sql")
    grants: Mapped[list["Grant"]] = relationship(
        back_populates="license", lazy="raise_on_sql", order_by="Grant.ref"
    )

    @property
    def co_owners_agreed(self) -> bool:
        """A grant counts only when all co-owners gave it; what is not plainly `true` is a no."""
        return all(owner.get("agreed") is True for owner in self.co_owners)

    @property
    def title_links(self) -> tuple[TitleLink, ...]:
        return chain(self.title_chain)

    @property
    def title_stated(self) -> TitleState:
        return title_state(self.title_links, author=self.author, licensor=self.licensor.name)


class Grant(Base):
    """The uses that one license allows together. Immutable: new terms are a new grant."""

    __tablename__ = "grants"
    __table_args__ = (
        UniqueConstraint("license_id", "ref"),
        CheckConstraint("jsonb_typeof(terms) = 'object'", name="terms"),
        CheckConstraint("verified_at IS NULL OR verified_by IS NOT NULL", name="verified"),
        CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_reason IS NULL)", name="withdrawn"),
        CheckConstraint("(superseded_at IS NULL) = (superseded_by_id IS NULL)", name="superseded"),
        CheckConstraint("superseded_by_id <> id", name="own_successor"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    license_id: Mapped[UUID] = mapped_column(ForeignKey("licenses.id"))
    ref: Mapped[str] = mapped_column(Text)
    terms: Mapped[GrantTerms] = mapped_column(TermsColumn)
    clause: Mapped[str | None] = mapped_column(Text)
    quote: Mapped[str | None] = mapped_column(Text)
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(Text)
    withdrawn_at: Mapped[datetime | None]
    withdrawn_reason: Mapped[str | None] = mapped_column(Text)
    superseded_at: Mapped[datetime | None]
    superseded_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("grants.id"))
    # None: the license's. The same of who verified it.
    document_sha256: Mapped[Sha256 | None] = mapped_column(ForeignKey("documents.sha256"))
    language: Mapped[str | None] = mapped_column(Text)
    translation: Mapped[str | None] = mapped_column(Text)
    verified_by: Mapped[str | None] = mapped_column(Text)
    verified_at: Mapped[datetime | None]
    renewed_until: Mapped[date | None]  # last day that a renewal has come to; None: `terms.ends_on`

    license: Mapped[License] = relationship(back_populates="grants", lazy="raise_on_sql")

    @property
    def ends_on(self) -> date | None:
        """Last day of the term, as renewals have moved it; None: without end."""
        return self.renewed_until or self.terms.ends_on

    @property
    def standing_terms(self) -> GrantTerms:
        """The terms with the end that counts today."""
        if self.renewed_until is None:
            return self.terms
        return self.terms.model_copy(update={"ends_on": self.renewed_until})


class GrantCounter(Base):
    """How much of one cap of a grant is promised and spent; `bankd.licensing.caps` alone writes here.

    What is counted has a row, made with the grant; the period of a cap for the
    whole term is empty. One for each month, quarter or year has that row as its
    pattern, in which nothing is ever counted, and one more for each period in
    which something was. Where only a fee's tiers count, `cap` is empty.
    `over` are facts recorded beyond the cap, such as an uncleared publication.
    """

    __tablename__ = "grant_counters"
    __table_args__ = (
        CheckConstraint("cap >= 0 AND reserved >= 0 AND used >= 0 AND over >= 0", name="not_negative"),
        CheckConstraint("used + reserved <= cap", name="within_cap"),
        CheckConstraint("trigger IN ('seal', 'handout', 'publication', 'copies')", name="trigger"),
        CheckConstraint("per IN ('term', 'year', 'quarter', 'month')", name="per"),
        CheckConstraint("per <> 'term' OR period = ''", name="period"),
    )

    grant_id: Mapped[UUID] = mapped_column(ForeignKey("grants.id"), primary_key=True)
    trigger: Mapped[str] = mapped_column(Text, primary_key=True, server_default="seal")
    per: Mapped[str] = mapped_column(Text, primary_key=True, server_default="term")
    period: Mapped[str] = mapped_column(
        Text, primary_key=True, server_default=""
    )  # `2026`, `2026-Q4`, `2026-11`
    zone: Mapped[str] = mapped_column(Text, server_default="UTC")  # in which periods begin
    cap: Mapped[int | None] = mapped_column(BigInteger)
    reserved: Mapped[BigInt] = mapped_column(server_default="0")
    used: Mapped[BigInt] = mapped_column(server_default="0")
    over: Mapped[BigInt] = mapped_column(server_default="0")


class Release(Base):
    """A person's or a property's consent to be shown. `subject` is opaque: no name is kept here.

    Never edited: what is signed anew is a new release that supersedes this one.
    """

    __tablename__ = "releases"
    __table_args__ = (
        CheckConstraint("kind IN ('model', 'property')", name="kind"),
        CheckConstraint("status IN ('released', 'not-needed', 'none', 'unknown')", name="status"),
        CheckConstraint("youngest IN ('adult', 'minor', 'unknown')", name="youngest"),
        CheckConstraint("ends_on >= starts_on", name="term"),
        CheckConstraint("cardinality(territories) > 0", name="territories"),
        CheckConstraint("signed_by IN ('person', 'guardian')", name="signed_by"),
        CheckConstraint("signed_by = 'person' OR majority_on IS NOT NULL", name="guardian"),
        CheckConstraint("(superseded_at IS NULL) = (superseded_by_id IS NULL)", name="superseded"),
        CheckConstraint("superseded_by_id <> id", name="own_successor"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    ref: Mapped[str] = mapped_column(Text, unique=True)
    kind: Mapped[str] = mapped_column(Text)
    licensor_id: Mapped[UUID | None] = mapped_column(ForeignKey("licensors.id"), index=True)
    subject: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    youngest: Mapped[str] = mapped_column(Text)  # of the persons it covers; "unknown" for a property
    synthetic_depiction: Mapped[bool] = mapped_column(server_default="false")
    territories: Mapped[list[str]] = mapped_column(ARRAY(Text))  # {WORLD}: everywhere
    channels: Mapped[list[str]] = mapped_column(ARRAY(Text))
    purposes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    sectors: Mapped[list[str]] = mapped_column(ARRAY(Text))  # {any}: every one
    subjects_excluded: Mapped[list[str] | None] = mapped_column(ARRAY(Text))  # None: unstated
    signed_by: Mapped[str] = mapped_column(Text)
    majority_on: Mapped[date | None]
    reconfirm_by: Mapped[date | None]  # inclusive
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]  # inclusive
    zone: Mapped[str] = mapped_column(Text)
    document_sha256: Mapped[Sha256 | None] = mapped_column(ForeignKey("documents.sha256"))
    clause: Mapped[str | None] = mapped_column(Text)
    quote: Mapped[str | None] = mapped_column(Text)
    verified_by: Mapped[str | None] = mapped_column(Text)
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(Text)
    superseded_at: Mapped[datetime | None]
    superseded_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("releases.id"))
    erased_at: Mapped[datetime | None]  # who gave it is not known any more

    def terms(self) -> ReleaseTerms:
        return ReleaseTerms.model_validate({name: getattr(self, name) for name in ReleaseTerms.model_fields})


class RightsProfile(Base):
    """The grants of equal photos as facts, in canonical order.

    `digest` is the SHA-256 of the facts as RFC 8785 JSON.
    """

    __tablename__ = "rights_profiles"
    __table_args__ = (
        CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name="digest"),
        CheckConstraint("jsonb_typeof(facts) = 'array'", name="facts"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    digest: Mapped[Sha256] = mapped_column(unique=True)
    facts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)

    grants: Mapped[list["ProfileGrant"]] = relationship(lazy="raise_on_sql", order_by="ProfileGrant.ordinal")


class ProfileGrant(Base):
    """One grant of a profile, column by column as `GrantFacts`, for the filter that policy compiles to."""

    __tablename__ = "profile_grants"
    __table_args__ = (CheckConstraint("ordinal BETWEEN 0 AND 62", name="ordinal"),)

    profile_id: Mapped[int] = mapped_column(
        ForeignKey("rights_profiles.id"), primary_key=True, autoincrement=False
    )
    ordinal: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    basis: Mapped[str] = mapped_column(Text)
    worldwide: Mapped[bool]
    territories: Mapped[list[str]] = mapped_column(ARRAY(Text))
    territories_tested: Mapped[str] = mapped_column(Text)
    channels: Mapped[list[str]] = mapped_column(ARRAY(Text))
    purposes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    any_sector: Mapped[bool]
    sectors: Mapped[list[str]] = mapped_column(ARRAY(Text))
    audiences: Mapped[list[str]] = mapped_column(ARRAY(Text))
    alterations: Mapped[list[str]] = mapped_column(ARRAY(Text))
    generative: Mapped[bool]
    train: Mapped[bool]
    any_licensee: Mapped[bool]
    licensees: Mapped[list[str]] = mapped_column(ARRAY(Text))
    subjects_excluded: Mapped[list[str]] = mapped_column(ARRAY(Text))
    max_copies: Mapped[int | None] = mapped_column(BigInteger)
    carved: Mapped[list[str]] = mapped_column(ARRAY(Text))
    starts_at: Mapped[datetime] = mapped_column(index=True)
    ends_at: Mapped[datetime | None] = mapped_column(index=True)
    create_before: Mapped[datetime | None] = mapped_column(index=True)
    publish_before: Mapped[datetime | None] = mapped_column(index=True)
    co_owners_agreed: Mapped[bool]
    credit_owed: Mapped[bool]
    share_alike: Mapped[str | None] = mapped_column(Text)
    persons: Mapped[str] = mapped_column(Text)
    model_release: Mapped[str] = mapped_column(Text)
    youngest: Mapped[str] = mapped_column(Text)
    property_release: Mapped[str] = mapped_column(Text)
    alteration_constraints: Mapped[list[str]] = mapped_column(ARRAY(Text))
    data_mining: Mapped[str] = mapped_column(Text)
    embedded_ends_at: Mapped[datetime | None] = mapped_column(index=True)
    available_before: Mapped[datetime | None] = mapped_column(index=True)
    sell_off_before: Mapped[datetime | None] = mapped_column(index=True)
    archive: Mapped[bool] = mapped_column(server_default="false")
    basis_ends_at: Mapped[datetime | None] = mapped_column(index=True)
    basis_territories: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    title: Mapped[str] = mapped_column(Text, server_default="unstated")
    integrity: Mapped[str] = mapped_column(Text, server_default="unstated")
    release_worldwide: Mapped[bool] = mapped_column(server_default="true")
    release_territories: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    release_channels: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=_ALL_CHANNELS)
    release_purposes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=_ALL_PURPOSES)
    release_any_sector: Mapped[bool] = mapped_column(server_default="true")
    release_sectors: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    release_subjects_excluded: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    release_synthetic: Mapped[bool] = mapped_column(server_default="true")
    release_starts_at: Mapped[datetime | None] = mapped_column(index=True)
    release_ends_at: Mapped[datetime | None] = mapped_column(index=True)
    persons_covered: Mapped[bool] = mapped_column(server_default="true")
    guardian_released: Mapped[bool] = mapped_column(server_default="false")
    reconfirm_before: Mapped[datetime | None] = mapped_column(index=True)
    data_basis: Mapped[str] = mapped_column(Text, server_default="none")
    data_basis_ends_at: Mapped[datetime | None] = mapped_column(index=True)
    depicted_unreleased: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    depicted_everywhere: Mapped[bool] = mapped_column(server_default="true")
    depicted_territories: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    subjects_shown: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    brands: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
