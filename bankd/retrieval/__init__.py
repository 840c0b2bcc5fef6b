"""Which cleared segments fit the regions of a layout best, exactly."""

from bankd.retrieval.reference import Ranked, rank

__all__ = ["Ranked", "rank"]
