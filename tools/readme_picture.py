"""Draw the README's picture from what the demo wrote: layout, composite, and which photo fed which part.

    python tools/readme_picture.py sample/layouts/003-kitchen.png out/demo/ID.png docs/kitchen.jpg

Beside ID.png lies its ID.manifest.json, as `bankd composites export` leaves them.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from bankd.provenance import manifest
from bankd.provenance.fonts import font
from bankd.provenance.picture import outlined

WIDTH_PX = 560  # of one panel
GAP_PX = 16
WORDS = ("The layout you draw", "The composite you get", "Which photo fed which part")
INK, PAPER = (28, 30, 34), (255, 255, 255)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("layout", type=Path)
    parser.add_argument("composite", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    layout = Image.open(options.layout).convert("RGB")  # by its own palette
    composite = Image.open(options.composite).convert("RGB")
    record = manifest.read(options.composite.with_suffix(".manifest.json").read_text())
    sources = Image.fromarray(outlined(np.asarray(composite), record.photo_map()))

    height = round(WIDTH_PX * composite.height / composite.width)
    line = WIDTH_PX // 14
    size = (len(WORDS) * WIDTH_PX + (len(WORDS) - 1) * GAP_PX, height + line)
    drawn = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(drawn)
    for number, (panel, words) in enumerate(zip((layout, composite, sources), WORDS, strict=True)):
        left = number * (WIDTH_PX + GAP_PX)
        how = Image.Resampling.NEAREST if number == 0 else Image.Resampling.LANCZOS
        drawn.paste(panel.resize((WIDTH_PX, height), how), (left, 0))
        pen.text((left + WIDTH_PX // 2, height + line // 2), words, INK, font(line * 5 // 9), anchor="mm")
    drawn.save(options.out, quality=88, optimize=True)


if __name__ == "__main__":
    main()
