"""What can go wrong when uses are recorded."""

from datetime import date
from uuid import UUID

from bankd.errors import BankError


class UsageError(BankError):
    pass


class HandoutNotFound(UsageError):
    def __init__(self, handout_id: UUID) -> None:
        super().__init__(f"no handout has the id `{handout_id}`")
        self.handout_id = handout_id


class PublicationNotFound(UsageError):
    def __init__(self, publication: UUID | str) -> None:
        super().__init__(f"no publication `{publication}` is recorded")
        self.publication = publication


class PublicationRefused(UsageError):
    """What is told of a publication contradicts itself, or what is on record."""


class RefTaken(UsageError):
    def __init__(self, ref: str) -> None:
        super().__init__(
            f"publication `{ref}` is already recorded with other facts;"
            " if those were wrong, replace it by `bankd publications replace`"
        )
        self.ref = ref


class AlreadyTakenDown(UsageError):
    def __init__(self, publication: str, on: date) -> None:
        super().__init__(f"publication `{publication}` was taken down on `{on}` already")
        self.publication = publication
        self.on = on


class AlreadyReplaced(UsageError):
    def __init__(self, publication: str, by: UUID) -> None:
        super().__init__(f"publication `{publication}` was replaced by `{by}`; that one counts")
        self.publication = publication
        self.by = by


class MapMissing(UsageError):
    def __init__(self, size: int) -> None:
        super().__init__(
            f"the checkpoint of {size} entries carries no usage map: it was signed before there was one,"
            " and proves nothing of uses; name none to begin from, for a proof since the first entry"
        )
        self.size = size


class ProofBackwards(UsageError):
    def __init__(self, start: int, to: int) -> None:
        super().__init__(f"the checkpoint to begin from has {start} entries, the one to end with only {to}")
        self.start = start
        self.to = to


class TooManyUses(UsageError):
    def __init__(self, count: int, most: int) -> None:
        super().__init__(
            f"there are {count} uses in between, and a proof lists {most} at most: ask for a part"
        )
        self.count = count
