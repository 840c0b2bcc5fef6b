import io

import cv2
import numpy as np
import pytest
from PIL import Image

from bankd.catalog import png


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (64, 300)])
@pytest.mark.parametrize("kind", ["grey", "deep", "rgba"])
def test_every_decoder_reads_the_pixels_that_were_written(shape: tuple[int, int], kind: str) -> None:
    rng = np.random.Generator(np.random.Philox(1))
    pixels = {
        "grey": rng.integers(0, 256, shape).astype(np.uint8),
        "deep": rng.integers(0, 65536, shape).astype(np.uint16),
        "rgba": rng.integers(0, 256, (*shape, 4)).astype(np.uint8),
    }[kind]

    content = png.encode(pixels)

    with Image.open(io.BytesIO(content)) as image:
        assert image.mode == {"grey": "L", "deep": "I;16", "rgba": "RGBA"}[kind]
        assert np.array_equal(np.asarray(image), pixels)
    other = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    wanted = cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA) if kind == "rgba" else pixels
    assert np.array_equal(other, wanted)
    assert png.encode(pixels) == content


def test_an_array_of_another_kind_is_refused() -> None:
    for wrong in (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.float32), np.zeros(4, np.uint8)):
        with pytest.raises(ValueError, match="no PNG"):
            png.encode(wrong)
