"""Why a photo or a batch is not taken. Each class has a short `reason` that reports count by."""

from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID

from bankd.errors import BankError


class IngestionError(BankError):
    """Something about a batch that cannot be done."""


class BatchNotFound(IngestionError):
    def __init__(self, batch_id: UUID) -> None:
        super().__init__(f"no batch has the id `{batch_id}`")
        self.batch_id = batch_id


class ItemNotFound(IngestionError):
    def __init__(self, item_id: UUID) -> None:
        super().__init__(f"no photo of a batch has the id `{item_id}`")
        self.item_id = item_id


class FolderInvalid(IngestionError):
    """The folder as a whole cannot be read as photos and label maps."""


class DatasetUnusable(IngestionError):
    """A dataset as a whole cannot be turned into such a folder."""


class NameInvalid(IngestionError):
    def __init__(self, name: str) -> None:
        super().__init__(f"`{name}` is no plain file name: give one without folders, of 1 to 200 characters")
        self.name = name


class NameTwice(IngestionError):
    def __init__(self, name: str) -> None:
        super().__init__(f"`{name}` is in the batch twice: give each photo its own name")
        self.name = name


class BatchEmpty(IngestionError):
    def __init__(self) -> None:
        super().__init__("the batch holds no photo")


class Refused(BankError):
    """This one photo is refused; the rest of its batch goes on."""

    reason: ClassVar[str]


class CorruptImage(Refused):
    reason = "corrupt-image"

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"`{name}` is truncated or corrupt: {why}")


class UnsupportedImage(Refused):
    reason = "unsupported-image"

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"`{name}` cannot be taken: {why}")


class ImageTooLarge(Refused):
    reason = "too-large"

    def __init__(self, name: str, size: str, most: str) -> None:
        super().__init__(f"`{name}` has {size}: {most} is the most")


class ImageTooSmall(Refused):
    reason = "too-small"

    def __init__(self, name: str, height: int, width: int, least: int) -> None:
        super().__init__(f"`{name}` is {width} x {height} px: {least} px a side is the least")


class TransparentImage(Refused):
    reason = "transparent"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"`{name}` has transparent pixels: flatten it onto the background it was shot against"
        )


class NoLabelMap(Refused):
    reason = "no-label-map"

    def __init__(self, name: str) -> None:
        super().__init__(f"`{name}` has no label map: add one of the same name to `labels`")


class SizesDiffer(Refused):
    reason = "sizes-differ"

    def __init__(self, what: str, name: str, found: tuple[int, int], wanted: tuple[int, int]) -> None:
        super().__init__(
            f"{what} of `{name}` is {found[1]} x {found[0]} px,"
            f" the upright photo {wanted[1]} x {wanted[0]} px"
        )


class UnknownIds(Refused):
    reason = "unknown-label-ids"

    def __init__(self, name: str, ids: Sequence[int]) -> None:
        shown = ", ".join(f"`{number}`" for number in ids[:10]) + (" and more" if len(ids) > 10 else "")
        super().__init__(f"label map of `{name}` holds ids that `classes.json` lacks: {shown}")
        self.ids = tuple(ids)


class EmptyLabelMap(Refused):
    reason = "empty-label-map"

    def __init__(self, name: str) -> None:
        super().__init__(f"label map of `{name}` labels nothing: every pixel is void")


class TooManySegments(Refused):
    reason = "too-many-segments"

    def __init__(self, name: str, segments: int, most: int) -> None:
        super().__init__(
            f"label map of `{name}` falls into {segments} pieces, {most} are the most: is it a label map?"
        )


class DuplicatePixels(Refused):
    reason = "duplicate-pixels"

    def __init__(self, name: str, photo_id: UUID) -> None:
        super().__init__(f"`{name}` shows the same pixels as photo `{photo_id}` in other bytes")
        self.photo_id = photo_id


class OfAnotherDepartment(Refused):
    reason = "other-department"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"`{name}` is in the bank as another department's photo: that one records its rights"
        )


class Tombstoned(Refused):
    reason = "tombstoned"

    def __init__(self, name: str) -> None:
        super().__init__(f"`{name}` was erased from this bank and may not come back")


class LikeTombstone(Refused):
    reason = "tombstone-likeness"

    def __init__(self, name: str) -> None:
        super().__init__(f"`{name}` looks like a photo that was erased from this bank and may not come back")


class SourceMissing(Refused):
    reason = "source-missing"

    def __init__(self, name: str) -> None:
        super().__init__(f"the bytes filed for `{name}` are not in the store any more: file it again")


class GrantsRefused(Refused):
    reason = "too-many-grants"

    def __init__(self, name: str, error: BankError) -> None:
        super().__init__(f"`{name}` cannot be given these licenses: {error}")


class CoverRefused(Refused):
    reason = "cover-invalid"

    def __init__(self, name: str, error: BankError) -> None:
        super().__init__(f"`{name}` cannot be given these releases: {error}")


class DetectorUnusable(IngestionError):
    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"face detector `{name}` cannot be used: {why}")
        self.name = name
