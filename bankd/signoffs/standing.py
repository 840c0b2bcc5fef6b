"""The sign-offs that stand for a request now, as policy counts them."""

import hashlib
import json
from collections.abc import Collection
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    exists,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from bankd.catalog.models import Photo, PhotoGrant
from bankd.licensing.models import Grant
from bankd.licensing.use import Use
from bankd.policy.load import Bundle
from bankd.policy.signoff import NOBODY, Given, Signed, rule_sha256
from bankd.signoffs.models import Signoff

PERIOD = frozenset({"starts_on", "ends_on", "zone"})


def use_sha256(use: Use) -> str:
    """What a use is called that a sign-off holds for: all of it but its period, which the sign-off ends."""
    stated = {name: value for name, value in use.as_json().items() if name not in PERIOD}
    return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()


def standing(
    session: Session, bundle: Bundle, use: Use, *, request_id: UUID, requester: str, at: datetime
) -> Signed:
    """What people have signed that counts for a request now.

    Signatures of the requester's own do not count, nor those under a rule that reads otherwise by now.

    Args:
        use: as it was requested, whole: a handout's one channel is covered with all of them.
    """
    rules = _rules(bundle)
    if not rules:
        return NOBODY
    values = asked(use, request_id=request_id, requester=requester, at=at)
    rows = session.scalars(_STANDING, {**values, "rules": [*rules]}).all()
    counting = [row for row in rows if row.rule_sha256 == rules[row.policy]]
    grants = _grants(session, {license for row in counting for license in row.licenses})
    return Signed(
        tuple(
            Given(
                id=row.id,
                policy=row.policy,
                signer=row.signed_by,
                scope=row.scope,
                photos=frozenset(row.photos),
                grants=frozenset(grant for grant, license in grants if license in row.licenses),
            )
            for row in counting
        )
    )


def asked(use: Use, *, request_id: UUID, requester: str, at: datetime) -> dict[str, Any]:
    """The values of a question about what counts for a request."""
    return {"at": at, "requester": requester, "request": request_id, "use": use_sha256(use)}


_AT = bindparam("at", type_=DateTime(timezone=True))
_COUNTING = (
    Signoff.withdrawn_at.is_(None),
    Signoff.superseded_at.is_(None),
    Signoff.expires_at > _AT,
    Signoff.signed_at <= _AT,
    Signoff.signed_by != bindparam("requester", type_=Text),
    or_(
        and_(Signoff.scope == "request", Signoff.request_id == bindparam("request", type_=Uuid)),
        and_(Signoff.scope == "use", Signoff.use_sha256 == bindparam("use", type_=Text)),
        Signoff.scope.in_(["photo", "license"]),
    ),
)
ANY = exists().where(*_COUNTING)
"""Whether there is anything that `standing` could find, by whichever rules: a part of another statement,
with the values of `asked`."""
_STANDING = (
    select(Signoff)
    .where(Signoff.policy == any_(bindparam("rules", type_=ARRAY(Text))), *_COUNTING)
    .order_by(Signoff.signed_at, Signoff.id)
    .execution_options(populate_existing=True)
)


@lru_cache(maxsize=8)
def _rules(bundle: Bundle) -> dict[str, str]:
    return {
        policy.id: rule_sha256(policy.source)
        for policy in bundle.policies.values()
        if policy.signoff is not None
    }


def within(signed: Signed) -> ColumnElement[bool]:
    """The photos that some of these sign-offs could be about, of rows of `photos`."""
    if signed.everywhere:
        return true()
    photos = {photo for one in signed.given for photo in one.photos if one.scope in ("request", "photo")}
    grants = {grant for one in signed.given for grant in one.grants if one.scope == "license"}
    holds = exists().where(PhotoGrant.photo_id == Photo.id, PhotoGrant.grant_id.in_(grants))
    return or_(Photo.id.in_(photos), holds)


def _grants(session: Session, licenses: Collection[UUID]) -> list[tuple[UUID, UUID]]:
    if not licenses:
        return []
    rows = session.execute(select(Grant.id, Grant.license_id).where(Grant.license_id.in_(licenses)))
    return [(grant, license) for grant, license in rows]
