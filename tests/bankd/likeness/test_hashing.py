from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from bankd.likeness.comparing import PDQ_MOST, QUALITY_LEAST, bits, upright
from bankd.likeness.hashing import CROPS, HASH_BYTES, look

SAMPLE = Path(__file__).parents[3] / "sample" / "photos"

# Of `painted()`, by the authors' own program (the package pdqhash 0.2.8, built from its source).
REFERENCE = {
    "upright": "d51eab9071876f31cd23fb5384562a77c2ac9f68324bfee882ad0dc97db04106",
    "mirrored": "00cbf80564d23a6590f6ae06d1437c2297f9ca3d671eafbdd7f8709c2aa51453",
    "upside down": "559e52af2187904ecda314ec841ed288c2ac6097324b0d57b2adfe367db0bef9",
    "both": "00cb07fa64d2c51b98f609b1c34b87ddb7f935c2671e1002e7f8ab632aa5eb2c",
    "transposed": "ced8bc937532a4725d569a5655f8fc47609e077419dad70280fca389af213d2c",
    "transposed, upside down": "4ed8636c75365b8d555225b914fa02b8a89eba8919da28fd80fc5c76af21d2d3",
    "transposed, mirrored": "1b8dc9c6206fd52f08178e1741ada812edcb14314c8f8257d7a9f6dcfa746879",
    "transposed, both": "1b8d322920ef08d00c0771e843af57ededcaebcc4c8f7da8d3a90923fa749786",
}


def painted() -> np.ndarray:
    """A picture of 512 px a side, of whole numbers alone."""
    y, x = np.mgrid[0:512, 0:512]
    waves = (x * y // 97 + x, x * x // 611 + 2 * y, y * y // 433 + x // 3)
    rgb = np.stack([wave % 256 for wave in waves], axis=-1).astype(np.uint8)
    rgb[100:260, 60:300] = (220, 40, 90)
    rgb[300:460, 200:420] = (20, 140, 60)
    rgb[40:140, 330:480] = (240, 240, 230)
    rgb[380:500, 20:150] = (15, 20, 40)
    return rgb


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    paths = sorted(SAMPLE.iterdir())[:6]
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths]


def distance(one: bytes, other: bytes) -> int:
    return int(np.bitwise_count(np.frombuffer(one, np.uint8) ^ np.frombuffer(other, np.uint8)).sum())


def test_pdq_is_that_of_its_authors_in_every_orientation() -> None:
    found = look(painted())

    assert [one.tobytes().hex() for one in bits(found.pdq)] == list(REFERENCE.values())
    assert found.quality == 100


def test_a_turned_photo_has_the_hashes_of_the_upright_one_in_another_order(photos: list[np.ndarray]) -> None:
    for rgb in photos[:2]:
        kept = look(rgb)
        for turned in (rgb[::-1], rgb[:, ::-1], rgb[::-1, ::-1], *(np.rot90(rgb, k) for k in (1, 2, 3))):
            asked = look(np.ascontiguousarray(turned))
            nearest = [min(distance(a, k) for k in bits(kept.pdq)) for a in bits(asked.pdq)]
            assert max(nearest) <= 8, nearest
            assert min(distance(a, kept.phash[:HASH_BYTES]) for a in bits(asked.phash)) <= 4


def test_an_even_border_is_looked_behind(photos: list[np.ndarray]) -> None:
    plain = look(photos[0])
    framed = look(cv2.copyMakeBorder(photos[0], 30, 30, 40, 40, cv2.BORDER_CONSTANT, value=(255, 255, 255)))

    assert len(plain.pdq) == 8 * HASH_BYTES and len(framed.pdq) == 16 * HASH_BYTES
    without = upright(framed.pdq)[HASH_BYTES:]
    assert distance(without, plain.pdq[:HASH_BYTES]) <= 6
    assert distance(framed.pdq[:HASH_BYTES], plain.pdq[:HASH_BYTES]) > PDQ_MOST


def test_a_crop_has_nearly_the_hash_that_was_kept_of_it(photos: list[np.ndarray]) -> None:
    kept = look(photos[0])
    height, width = photos[0].shape[:2]
    crop = photos[0][height // 10 : height - height // 20, : width - width // 5]

    found = min(distance(look(crop).pdq[:HASH_BYTES], one) for one in bits(kept.crops))

    assert found <= 12
    assert len(kept.crops) == (len(CROPS) ** 2 - 1) * HASH_BYTES


def test_what_is_flat_has_no_border_and_no_quality() -> None:
    flat = look(np.full((90, 120, 3), 200, np.uint8))
    faint = look((np.indices((90, 120)).sum(axis=0)[..., None] // 12 + np.zeros(3)).astype(np.uint8))

    assert len(flat.pdq) == 8 * HASH_BYTES
    assert flat.quality == 0
    assert faint.quality < QUALITY_LEAST


@pytest.mark.parametrize("frame", [(16, 16), (16, 3000), (1500, 17), (1025, 1023)])
def test_every_frame_that_is_taken_in_has_a_fingerprint(frame: tuple[int, int]) -> None:
    rng = np.random.Generator(np.random.Philox(1))
    found = look(rng.integers(0, 256, (*frame, 3), dtype=np.uint8))

    assert len(found.phash) == len(found.pdq)


def test_the_iscc_is_an_image_code_of_256_bits(photos: list[np.ndarray]) -> None:
    plain, smaller = look(photos[0]), look(cv2.resize(photos[0], None, fx=0.5, fy=0.5))

    assert plain.iscc.startswith("ISCC:EED")
    assert len(plain.iscc) == len("ISCC:") + 55  # two bytes of header and 32 of the code, by base32
    assert plain.iscc[:12] == smaller.iscc[:12]
