"""Whether a layout may be used: one that is a photo's label map takes something from that photo."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from sqlalchemy.orm import Session

from bankd.licensing.terms import GrantFacts
from bankd.licensing.vocabulary import Action
from bankd.policy.clearing import Adapted, Terms, clear_photos, rights_of
from bankd.policy.engine import Cleared
from bankd.policy.load import NO_GRANT, Bundle
from bankd.synthesis.clearing import SealRefused
from bankd.synthesis.layouts import photo_of
from bankd.synthesis.models import Request

LAYOUT_WITHHELD = "layout-withheld"
SAYS = "The photo that the layout was taken from does not clear for this use"

BEFORE: Mapping[Action, Action] = {"adapt": "synthesize", "publish-adapted": "publish"}
"""What is asked of a bundle that is older than these actions: it demands more, and knows it."""


def arranged(
    session: Session,
    request: Request,
    terms: Terms,
    *,
    action: Action = "adapt",
    on: UUID | None = None,
) -> Terms | SealRefused:
    """The terms with the photo that the layout is the label map of, if it is one's; or why it may not be.

    Args:
        action: `adapt` where a picture is made, `publish-adapted` where one is handed out.
        on: the one grant that may be relied on, as it was when the picture was ordered. Its cap being
            full does not stand in the way: other pictures filled it, or this one did.
    """
    photo_id = photo_of(request.layout_origin)
    return terms if photo_id is None else adapted(session, photo_id, terms, action=action, on=on)


def adapted(
    session: Session, photo_id: UUID, terms: Terms, *, action: Action, on: UUID | None = None
) -> Terms | SealRefused:
    """`arranged`, of the photo itself."""
    held = frozenset() if on is None else frozenset({on})
    rights = rights_of(session, [photo_id], at=terms.at, reserved=held)
    answers = clear_photos(
        terms, asked_of(terms.bundle, action), rights, only=None if on is None else {photo_id: on}
    )
    answer = answers.get(photo_id)
    if not isinstance(answer, Cleared):
        reasons = frozenset({NO_GRANT}) if answer is None else answer.reasons
        return SealRefused(reasons | {LAYOUT_WITHHELD}, frozenset({photo_id}))
    offer = next(one for one in rights.offers[photo_id] if one.grant_id == answer.grant_id)
    assert isinstance(offer.facts, GrantFacts)  # of the bank's own records
    return replace(
        terms, adapted=Adapted(photo_id, offer.grant_id, offer.facts, rights.terms[offer.grant_id])
    )


def asked_of(bundle: Bundle, action: Action) -> Action:
    """The action, or the one that stood in its place before a bundle knew it."""
    return action if bundle.knows(action) else BEFORE[action]
