"""The error-correcting code of a mark: 64 bits into 288, and back from what noise left of them; pure.

A convolutional code of rate 1/4 over nine bits, ended in its zero state, decoded by Viterbi's algorithm from
soft values. There is no checksum: how well what was decoded fits what was received is told by its caller.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

MARK_BITS = 64
MEMORY = 8
RATE = 4
# The best of rate 1/4 and nine bits (free distance 24): Larsen, IEEE Trans. Inf. Theory 19 (1973).
GENERATORS = (0o463, 0o535, 0o733, 0o745)
CODED_BITS = (MARK_BITS + MEMORY) * RATE

Signs = npt.NDArray[np.float32]


def encode(mark: int) -> Signs:
    """(288,) of -1 and 1. `mark` is of 64 bits."""
    assert 0 <= mark < 1 << MARK_BITS
    outputs = _outputs()
    state, signs = 0, []
    for at in range(MARK_BITS + MEMORY):
        bit = mark >> (MARK_BITS - 1 - at) & 1 if at < MARK_BITS else 0
        signs.append(outputs[state, bit])
        state = (state >> 1) | bit << (MEMORY - 1)
    return np.concatenate(signs)


def decode(soft: npt.NDArray[np.floating]) -> int:
    """The mark whose code words agree best with (288,) soft values: large where a sign is sure."""
    received = np.asarray(soft, np.float64).reshape(-1, RATE)
    outputs = _outputs().astype(np.float64)
    before, bits = _incoming()
    states = 1 << MEMORY
    score = np.full(states, -np.inf)
    score[0] = 0
    chosen = np.empty((len(received), states), np.int8)
    for at, values in enumerate(received):
        gain = outputs[before, bits[:, None]] @ values  # (states, 2): by each of two ways in
        total = score[before] + gain
        if at >= MARK_BITS:
            total[bits == 1] = -np.inf  # the end is known to be zeros
        chosen[at] = np.argmax(total, axis=1)
        score = total[np.arange(states), chosen[at]]
    state, mark = 0, 0
    for at in range(len(received) - 1, -1, -1):
        if at < MARK_BITS:
            mark |= int(bits[state]) << (MARK_BITS - 1 - at)
        state = int(before[state, chosen[at, state]])
    return mark


@cache
def _outputs() -> Signs:
    """(states, 2, 4): the signs that a state sends on each bit."""
    signs = np.empty((1 << MEMORY, 2, RATE), np.float32)
    for state in range(1 << MEMORY):
        for bit in (0, 1):
            register = bit << MEMORY | state
            signs[state, bit] = [1 - 2 * (bin(register & taps).count("1") % 2) for taps in GENERATORS]
    return signs


@cache
def _incoming() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(states, 2) the two states before each, and (states,) the bit that leads to it."""
    states = np.arange(1 << MEMORY)
    before = (states[:, None] << 1 & (1 << MEMORY) - 1) | np.array([0, 1])
    return before, states >> (MEMORY - 1)
