import numpy as np
import pytest

from bankd.likeness.comparing import (
    CROP_MOST,
    PDQ_MOST,
    PHASH_MOST,
    QUALITY_LEAST,
    Alike,
    as_words,
    nearest,
    together,
    upright,
)
from bankd.likeness.hashing import Fingerprint

RNG = np.random.Generator(np.random.Philox(7))


def hashes(count: int) -> bytes:
    return RNG.bytes(32 * count)


def fingerprint(**changes: object) -> Fingerprint:
    """Of a picture that is like no other."""
    given = {"pdq": hashes(8), "phash": hashes(8), "quality": 100, "crops": hashes(4), "iscc": "ISCC:"}
    return Fingerprint(**{**given, **changes})


def changed(one: bytes, *, at: int, bits: int) -> bytes:
    """The hash number `at` of several with so many bits turned."""
    out = np.unpackbits(np.frombuffer(one, np.uint8))
    where = 256 * at + RNG.permutation(256)[:bits]
    out[where] ^= 1
    return np.packbits(out).tobytes()


def test_the_nearest_is_found_among_all_and_counted_exactly() -> None:
    asked, kept = (np.frombuffer(hashes(count), np.uint8).reshape(-1, 32) for count in (5, 300))

    found = nearest(asked, as_words(kept))

    slowly = [min(int(np.unpackbits(a ^ k).sum()) for a in asked) for k in kept]
    assert found.tolist() == slowly


def test_nothing_is_like_an_empty_bank() -> None:
    assert together([], crops=True).alike(fingerprint()) == []


@pytest.mark.parametrize(("bits", "found"), [(0, True), (PDQ_MOST, True), (PDQ_MOST + 1, False)])
def test_a_photo_is_surely_the_same_up_to_the_limit_in_any_orientation(bits: int, found: bool) -> None:
    kept, other = fingerprint(), fingerprint()
    turned = changed(kept.pdq[:32] * 8, at=5, bits=bits)
    asked = fingerprint(pdq=hashes(5) + turned[5 * 32 : 6 * 32] + hashes(2))

    assert together([other, kept]).alike(asked) == ([Alike(1, "pdq", bits, telling=True)] if found else [])


def test_a_pdq_of_low_quality_on_either_side_is_never_sure() -> None:
    kept = fingerprint()
    for own, theirs in ((QUALITY_LEAST - 1, 100), (100, QUALITY_LEAST - 1)):
        blank = fingerprint(pdq=kept.pdq, quality=own)
        [alike] = together([Fingerprint(kept.pdq, kept.phash, theirs, b"", "")]).alike(blank)
        assert alike.how == "pdq" and not alike.telling and not alike.sure


def test_phash_and_crops_are_for_a_person_to_look_at() -> None:
    kept = fingerprint()
    by_phash = fingerprint(phash=changed(kept.phash, at=0, bits=PHASH_MOST))
    by_crop = fingerprint(pdq=hashes(7) + changed(kept.crops[64:96], at=0, bits=CROP_MOST))

    [one] = together([kept], crops=True).alike(by_phash)
    [other] = together([kept], crops=True).alike(by_crop)

    assert (one.how, one.distance, one.sure) == ("phash", PHASH_MOST, False)
    assert (other.how, other.distance, other.sure) == ("crop", CROP_MOST, False)
    assert together([kept], crops=False).alike(by_crop) == []


def test_the_hash_that_says_most_is_told() -> None:
    kept = fingerprint()
    asked = fingerprint(pdq=kept.pdq, phash=kept.phash)

    assert [one.how for one in together([kept], crops=True).alike(asked)] == ["pdq"]


def test_a_picture_within_a_border_counts_for_both_its_looks() -> None:
    framed = fingerprint(pdq=hashes(16), phash=hashes(16))
    plain = fingerprint(pdq=framed.pdq[8 * 32 :])

    assert upright(framed.pdq) == framed.pdq[:32] + framed.pdq[8 * 32 : 9 * 32]
    assert [one.row for one in together([fingerprint(), framed]).alike(plain)] == [1]
    assert [one.row for one in together([plain]).alike(framed)] == [0]


def test_what_is_added_later_is_found_too() -> None:
    first, second = fingerprint(), fingerprint()
    kept = together([first])
    assert [one.row for one in kept.alike(first)] == [0]

    kept.add(second)

    assert [one.row for one in kept.alike(second)] == [1]
    assert len(kept) == 2
