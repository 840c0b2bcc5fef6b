"""A mark comes back from what noise leaves of its code word."""

import numpy as np
import pytest

from bankd.watermark import coding


@pytest.mark.parametrize("mark", [0, 1, 1 << 63, (1 << 64) - 1, 0x0123456789ABCDEF])
def test_a_mark_is_decoded_from_its_own_code_word(mark: int) -> None:
    word = coding.encode(mark)

    assert word.shape == (coding.CODED_BITS,) == (288,)
    assert set(np.unique(word)) <= {-1.0, 1.0}
    assert coding.decode(word) == mark


def test_an_eighth_of_wrong_signs_is_mended() -> None:
    rng = np.random.Generator(np.random.Philox(3))
    for mark in rng.integers(0, 1 << 63, 5).tolist():
        word = coding.encode(mark)
        wrong = rng.permutation(len(word))[: len(word) // 8]
        word[wrong] *= -1
        assert coding.decode(word) == mark


def test_what_is_unsure_counts_less_than_what_is_sure() -> None:
    rng = np.random.Generator(np.random.Philox(4))
    mark = 0xC0FFEE0123456789
    word = coding.encode(mark)
    wrong = rng.permutation(len(word))[: 2 * len(word) // 8]
    word[wrong] *= -0.05

    assert coding.decode(word) == mark


def test_two_marks_differ_in_many_signs() -> None:
    words = [coding.encode(1 << at) for at in range(64)] + [coding.encode(0)]
    least = min(int((a != b).sum()) for n, a in enumerate(words) for b in words[:n])

    assert least >= 24  # the code's free distance
