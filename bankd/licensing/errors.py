"""What can go wrong when rights are recorded, withdrawn or read from a file."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from bankd.errors import BankError


class LicensingError(BankError):
    pass


class LicensorNotFound(LicensingError):
    def __init__(self, ref: str) -> None:
        super().__init__(f"no licensor has the ref `{ref}`; record the licensor first")
        self.ref = ref


class LicenseNotFound(LicensingError):
    def __init__(self, license: UUID | str) -> None:
        super().__init__(f"no license `{license}` is recorded")
        self.license = license


class GrantNotFound(LicensingError):
    def __init__(self, grant: UUID | str) -> None:
        super().__init__(f"no grant `{grant}` is recorded")
        self.grant = grant


class ReleaseNotFound(LicensingError):
    def __init__(self, ref: str) -> None:
        super().__init__(f"no release has the ref `{ref}`; record the release first")
        self.ref = ref


class DocumentNotFound(LicensingError):
    def __init__(self, sha256: str) -> None:
        super().__init__(f"no document `{sha256}` is recorded; record the document first")
        self.sha256 = sha256


class AlreadyRecorded(LicensingError):
    """The ref is taken by something else, and what is recorded is never edited."""

    def __init__(self, what: str, ref: str, remedy: str) -> None:
        super().__init__(f"{what} `{ref}` is already recorded with other content; {remedy}")
        self.what = what
        self.ref = ref


class LicenseAlreadyWithdrawn(LicensingError):
    def __init__(self, license_id: UUID, withdrawn_at: datetime) -> None:
        super().__init__(f"license `{license_id}` was withdrawn at {withdrawn_at.isoformat()} already")
        self.license_id = license_id
        self.withdrawn_at = withdrawn_at


class GrantAlreadyWithdrawn(LicensingError):
    def __init__(self, grant_id: UUID, withdrawn_at: datetime) -> None:
        super().__init__(f"grant `{grant_id}` was withdrawn at {withdrawn_at.isoformat()} already")
        self.grant_id = grant_id
        self.withdrawn_at = withdrawn_at


class AlreadySuperseded(LicensingError):
    def __init__(self, what: str, ref: str, superseded_at: datetime) -> None:
        super().__init__(f"{what} `{ref}` was superseded at {superseded_at.isoformat()} already")
        self.ref = ref
        self.superseded_at = superseded_at


class CircularSuccession(LicensingError):
    def __init__(self, what: str, old: str, new: str) -> None:
        super().__init__(f"{what} `{new}` cannot supersede `{old}`, which comes after it")
        self.old = old
        self.new = new


class TooManyGrants(LicensingError):
    def __init__(self, count: int, limit: int) -> None:
        super().__init__(
            f"a photo can hold {limit} grants and this one would have {count}; attach fewer licenses to it"
        )
        self.count = count
        self.limit = limit


class CapOverdrawn(LicensingError):
    """More was to be spent or freed than is reserved: a fault of the caller, never of a person."""

    def __init__(self, grant_id: UUID, count: int) -> None:
        super().__init__(f"grant `{grant_id}` has fewer than {count} reserved")
        self.grant_id = grant_id
        self.count = count


class DocumentTooLarge(LicensingError):
    def __init__(self, name: str, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(f"document `{name}` has {size_bytes} bytes, more than the {limit_bytes} allowed")
        self.name = name
        self.size_bytes = size_bytes


class RightsFileRefused(LicensingError):
    """The file was refused as a whole: nothing of it was imported.

    `problems` are (line, sentence), the first of which is in the message.
    """

    def __init__(self, path: Path, problems: Sequence[tuple[int | None, str]]) -> None:
        line, sentence = problems[0]
        where = f"`{path}` line {line}" if line else f"`{path}`"
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{where}: {sentence}{more}")
        self.path = path
        self.problems = tuple(problems)
