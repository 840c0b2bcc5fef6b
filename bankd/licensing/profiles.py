"""Rights profiles: one row for all photos whose grants come to the same facts."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session, joinedload

from bankd.licensing.consents import HeldRelease, Seen
from bankd.licensing.depicted import Depictions
from bankd.licensing.ending import Withdrawal
from bankd.licensing.errors import GrantNotFound, TooManyGrants
from bankd.licensing.facts import (
    MAX_GRANTS,
    NOBODY_SEEN,
    canonical,
    grant_facts,
    in_order,
    profile_digest,
    value_facts,
)
from bankd.licensing.models import Grant, License, ProfileGrant, Release, RightsProfile
from bankd.licensing.people import Cover
from bankd.licensing.terms import MUTABLE, EmbeddedRights, GrantFacts

NO_RELEASES: Mapping[UUID, Cover] = MappingProxyType({})


def facts_for(
    session: Session,
    grant_ids: Iterable[UUID],
    *,
    depictions: Depictions,
    embedded: EmbeddedRights,
    releases: Mapping[UUID, Cover] = NO_RELEASES,
    seen: Seen = NOBODY_SEEN,
) -> list[tuple[UUID, GrantFacts]]:
    """The facts of a photo's grants, in canonical order: the place of a grant is its ordinal on the photo.

    Raises:
        GrantNotFound: no grant has one of the ids.
        TooManyGrants: more than 63.
    """
    wanted = set(grant_ids)
    rows = session.execute(
        select(Grant, License)
        .join(License, Grant.license_id == License.id)
        .where(Grant.id.in_(wanted))
        .options(joinedload(License.licensor))
    ).all()
    missing = wanted - {grant.id for grant, _ in rows}
    if missing:
        raise GrantNotFound(min(missing))
    held = _held(session, releases) if releases else []
    return in_order(
        (
            grant.id,
            grant_facts(
                grant.standing_terms,
                basis=license.basis,
                co_owners_agreed=license.co_owners_agreed,
                ruling=license.ruling,
                title=license.title_stated,
                depictions=depictions,
                embedded=embedded,
                releases=held,
                seen=seen,
            ),
        )
        for grant, license in rows
    )


def profile_for(session: Session, facts: Sequence[GrantFacts]) -> RightsProfile:
    """The profile of these facts, made if nobody had them before; `blocks` are left out.

    Safe to race: of two sessions with the same new facts one waits for the
    other and both get the same row.

    Raises:
        TooManyGrants: more than 63.
    """
    if len(facts) > MAX_GRANTS:
        raise TooManyGrants(len(facts), MAX_GRANTS)
    ordered = sorted(facts, key=canonical)
    digest = profile_digest(ordered)
    found = session.scalar(select(RightsProfile).where(RightsProfile.digest == digest))
    if found is not None:
        return found
    documents = [value_facts(each) for each in ordered]
    made = session.scalar(
        postgresql.insert(RightsProfile)
        .values(digest=digest, facts=documents)
        .on_conflict_do_nothing(index_elements=[RightsProfile.digest])
        .returning(RightsProfile.id)
    )
    if made is not None and documents:
        session.execute(
            insert(ProfileGrant),
            [
                {"profile_id": made, "ordinal": ordinal, **_columns(each)}
                for ordinal, each in enumerate(ordered)
            ],
        )
    return session.scalars(select(RightsProfile).where(RightsProfile.digest == digest)).one()


def _held(session: Session, releases: Mapping[UUID, Cover]) -> list[HeldRelease]:
    """Those that still say something: what was superseded or taken back does not."""
    taken_back = select(Withdrawal.subject_id).where(
        Withdrawal.subject == "release", Withdrawal.took_effect_at.is_not(None)
    )
    found = session.scalars(
        select(Release)
        .where(Release.id.in_(releases), Release.superseded_at.is_(None), Release.id.not_in(taken_back))
        .order_by(Release.ref)
    )
    return [HeldRelease(release.ref, release.terms(), releases[release.id]) for release in found]


def _columns(facts: GrantFacts) -> dict[str, object]:
    return {name: value for name, value in facts.as_json().items() if name not in MUTABLE}
