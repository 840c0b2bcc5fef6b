"""The two-term score by brute force over packed bits: the oracle of every faster way.

score = IoU(mask, mask) + IoU(context, context), decided by integers:
im, um = cells set in both masks, in either; ic, uc = context cells where both
show the same category, where either shows any. An empty context union scores 0.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synth.retrieval.descriptors import Descriptors

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Terms:
    """(n,) counts of n segments against one region."""

    im: Counts
    um: Counts
    ic: Counts
    uc: Counts

    def key(self) -> npt.NDArray[np.float64]:
        return key(self.im, self.um, self.ic, self.uc)


def key(im: Counts, um: Counts, ic: Counts, uc: Counts) -> npt.NDArray[np.float64]:
    """The score as one float64 that orders exactly as the fractions do.

    (im uc + ic um) / (um uc): numerator and denominator are integers below
    2^21, so two different scores differ by more than 2^-42, far above rounding.
    """
    known = np.where(uc > 0, uc, 1)
    scores: npt.NDArray[np.float64] = (im * known + np.where(uc > 0, ic, 0) * um) / (um * known)
    return scores


def terms(query: Descriptors, at: int, bank: Descriptors) -> Terms:
    """Counts of row `at` of `query` against every row of `bank`, both in the same frame."""
    if query.frame != bank.frame:
        raise ValueError("descriptors of different frames do not compare")
    im = np.bitwise_count(bank.masks & query.masks[at]).sum(axis=1, dtype=np.int64)
    um = bank.mask_n.astype(np.int64) + int(query.mask_n[at]) - im
    unequal = np.bitwise_or.reduce(bank.planes ^ query.planes[at], axis=1)  # (n, 32)
    shown = np.bitwise_or.reduce(query.planes[at], axis=0)  # (32,) cells that are not void
    ic = np.bitwise_count(~unequal & shown).sum(axis=1, dtype=np.int64)
    uc = bank.context_n.astype(np.int64) + int(query.context_n[at]) - ic
    return Terms(im, um, ic, uc)


def top(query: Descriptors, at: int, bank: Descriptors, k: int) -> tuple[npt.NDArray[np.int64], Terms]:
    """The exact k best rows of `bank`, best first, and their terms.

    Rows of equal score come in the bank's order, so a bank sorted by photo
    SHA-256 and segment ordinal breaks ties by them.
    """
    scored = terms(query, at, bank)
    order = np.argsort(-scored.key(), kind="stable")[:k].astype(np.int64)
    return order, Terms(scored.im[order], scored.um[order], scored.ic[order], scored.uc[order])
