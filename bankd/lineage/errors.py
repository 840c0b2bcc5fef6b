"""What can go wrong when lineage is asked for."""

from bankd.errors import BankError


class LineageError(BankError):
    """Root of this part's errors."""


class NodeNotFound(LineageError):
    def __init__(self, named: str) -> None:
        super().__init__(
            f"nothing here has the id `{named}`: give that of a photo, segment, composite, handout,"
            " publication or snapshot, or the SHA-256 of a network checkpoint"
        )
        self.named = named


class PlaceUnreadable(LineageError):
    """Where a page begins is told by the page before it, and by nothing else."""

    def __init__(self, after: str) -> None:
        super().__init__(f"`{after}` is not where a page of this lineage ends")
        self.after = after
