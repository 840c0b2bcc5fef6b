"""What the catalog refuses."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from bankd.errors import BankError


class CatalogError(BankError):
    """Something about photos, segments or categories that cannot be done."""


class TaxonomyInvalid(CatalogError):
    """The house taxonomy contradicts itself or what is stored."""


class ClassesInvalid(CatalogError):
    """A `classes.json` cannot be read as a list of ids and names."""


class UnknownCategories(CatalogError):
    def __init__(self, names: Sequence[str]) -> None:
        listed = ", ".join(f"`{name}`" for name in names)
        super().__init__(
            f"the house taxonomy knows no category {listed}: use its names or add aliases to the taxonomy"
        )
        self.names = tuple(names)


class NumbersUnreadable(CatalogError):
    """A map of numbers that is none. `why` goes on where a sentence names the map."""

    def __init__(self, why: str, reason: Literal["no-png", "too-large", "no-numbers", "corrupt"]) -> None:
        super().__init__(f"a map of numbers {why}")
        self.why = why
        self.reason = reason


class UnknownNumbers(CatalogError):
    def __init__(self, numbers: Sequence[int]) -> None:
        super().__init__(f"no class is named for {', '.join(f'`{number}`' for number in numbers)}")
        self.numbers = tuple(numbers)


class PhotoNotFound(CatalogError):
    def __init__(self, photo_id: UUID) -> None:
        super().__init__(f"no photo has the id `{photo_id}`")
        self.photo_id = photo_id


class PhotoErased(CatalogError):
    def __init__(self, photo_id: UUID) -> None:
        super().__init__(f"photo `{photo_id}` is erased: nothing can be recorded about it any more")
        self.photo_id = photo_id


class PhotoTombstoned(CatalogError):
    def __init__(self, photo_id: UUID) -> None:
        super().__init__(f"photo `{photo_id}` may not come back by way of a licensor that it was erased for")
        self.photo_id = photo_id


class PhotoAlreadyDisputed(CatalogError):
    def __init__(self, photo_id: UUID) -> None:
        super().__init__(f"photo `{photo_id}` is disputed already: lift that dispute first")
        self.photo_id = photo_id


class PhotoNotDisputed(CatalogError):
    def __init__(self, photo_id: UUID) -> None:
        super().__init__(f"photo `{photo_id}` is not disputed")
        self.photo_id = photo_id


class CoverInvalid(CatalogError):
    """A release is said to cover what is no person of this photo."""

    def __init__(self, what: str, number: int) -> None:
        super().__init__(f"a release names {what} `{number}`, which is no person in this photo")
        self.number = number


class NotHeldForLikeness(CatalogError):
    def __init__(self, photo_id: UUID) -> None:
        super().__init__(f"photo `{photo_id}` is not held for looking like another")
        self.photo_id = photo_id


class NoFacesFlagged(CatalogError):
    def __init__(self, photo_id: UUID) -> None:
        super().__init__(f"no face is flagged in photo `{photo_id}`")
        self.photo_id = photo_id


class ProductInvalid(CatalogError):
    """It is no product's article number, or is said of a segment that the photo has not."""
