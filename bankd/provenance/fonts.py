"""The one typeface of pictures and reports: Noto Sans CJK JP, for Latin and Japanese alike (OFL 1.1)."""

from functools import cache
from pathlib import Path

import noto_cjk_sans_jp_regular  # type: ignore[import-untyped]
from PIL import ImageFont

FAMILY = "Noto Sans CJK JP"


def path() -> Path:
    return Path(str(noto_cjk_sans_jp_regular.FONT_PATH))


@cache
def font(size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path()), size_px)
