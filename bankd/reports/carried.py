"""The part of the house's typeface that a page carries, so that Japanese reads right where no font has it."""

import io
from functools import lru_cache

from fontTools import subset
from fontTools.ttLib import TTFont

from bankd.provenance import fonts

CJK = 0x2E80  # readers' own fonts have what comes before
DROPPED = ["BASE", "GPOS", "GSUB", "VORG", "vhea", "vmtx"]


def carried(text: str) -> bytes | None:
    """An OpenType font of the Chinese and Japanese characters in `text`, the same for the same ones; None
    where there are none."""
    wanted = "".join(sorted({character for character in text if ord(character) >= CJK}))
    return _subset(wanted) if wanted else None


@lru_cache(maxsize=8)
def _subset(wanted: str) -> bytes:
    options = subset.Options(hinting=False, desubroutinize=True, layout_features=[], notdef_outline=True)
    options.drop_tables += DROPPED
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=wanted)
    part = io.BytesIO()
    with TTFont(fonts.path(), lazy=True, recalcTimestamp=False) as whole:
        subsetter.subset(whole)
        whole.save(part)
    return part.getvalue()
