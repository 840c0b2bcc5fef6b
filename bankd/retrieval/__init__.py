"""Which cleared segments fit the regions of a layout best, exactly."""

from bankd.retrieval.ranked import Ranked
from bankd.retrieval.ranking import rank

__all__ = ["Ranked", "rank"]
