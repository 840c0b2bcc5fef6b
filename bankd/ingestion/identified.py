"""A file from anywhere, decoded as a photo is, and looked up among the composites of this bank."""

from bankd.audit.actor import Actor
from bankd.identifying.parts import Parts
from bankd.identifying.service import Identified, identify
from bankd.ingestion import decode
from bankd.ingestion.errors import Refused
from bankd.runtime import Runtime
from bankd.watermark.opening import opened


def parts_of(rt: Runtime) -> Parts:
    """Where this machine keeps the parts of pictures."""
    return Parts(rt.settings.home / "looks")


def identify_file(rt: Runtime, file: bytes, *, name: str, by: Actor) -> Identified:
    """Which composite or handout it is, naming only what `by` may know of."""
    try:
        rgb = decode.decode(file, name=name).rgb
    except Refused:
        rgb = None
    with rt.transaction() as session:
        return identify(session, file, rgb, watermarks=opened(rt.settings), by=by, parts=parts_of(rt))
