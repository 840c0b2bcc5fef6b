"""Whether a layout may be used: one that is a photo's label map takes something from that photo."""

from sqlalchemy.orm import Session

from bankd.policy.clearing import Terms, clear_photos, rights_of
from bankd.policy.engine import Cleared
from bankd.synthesis.clearing import SealRefused
from bankd.synthesis.layouts import photo_of
from bankd.synthesis.models import Request

LAYOUT_WITHHELD = "layout-withheld"
SAYS = "The photo that the layout was taken from does not clear for this use"


def withheld(session: Session, request: Request, terms: Terms) -> SealRefused | None:
    """Why the photo that the layout is the label map of may not be used so: it has to clear as sources do."""
    photo_id = photo_of(request.layout_origin)
    if photo_id is None:
        return None
    answer = clear_photos(terms, "synthesize", rights_of(session, [photo_id], at=terms.at))[photo_id]
    if isinstance(answer, Cleared):
        return None
    return SealRefused(answer.reasons | {LAYOUT_WITHHELD}, frozenset({photo_id}))
