"""What can go wrong when rights are recorded, withdrawn or read from a file."""

from collections.abc import Sequence
from datetime import date, datetime
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


class AlreadyWithdrawn(LicensingError):
    def __init__(self, subject: str, ref: str, kind: str, since: datetime) -> None:
        super().__init__(f"{subject} `{ref}` was withdrawn (`{kind}`) from {since.isoformat()} on already")
        self.subject = subject
        self.ref = ref
        self.since = since


class WithdrawalUnfit(LicensingError):
    """A kind of withdrawal that such a subject does not have, or a moment that it cannot have."""


class WithdrawalNotFound(LicensingError):
    def __init__(self, withdrawal_id: UUID) -> None:
        super().__init__(f"no withdrawal `{withdrawal_id}` is recorded")
        self.withdrawal_id = withdrawal_id


class PersonNotFound(LicensingError):
    def __init__(self, ref: str) -> None:
        super().__init__(f"no release names the person `{ref}`")
        self.ref = ref


class HoldUnfit(LicensingError):
    """Dates that a deny hold cannot have."""


class HoldNotFound(LicensingError):
    def __init__(self, hold_id: UUID) -> None:
        super().__init__(f"no deny hold `{hold_id}` is recorded")
        self.hold_id = hold_id


class HoldAlreadyOver(LicensingError):
    def __init__(self, hold_id: UUID, ended_at: datetime) -> None:
        super().__init__(f"deny hold `{hold_id}` was over at {ended_at.isoformat()} already")
        self.hold_id = hold_id
        self.ended_at = ended_at


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


class LicenseIrrevocable(LicensingError):
    def __init__(self, ref: str, spdx: str) -> None:
        super().__init__(
            f"license `{ref}` is `{spdx}`, which nobody can take back for photos obtained under it; "
            "withdraw it as void from the start, on a claim or by a court's order where it was never valid"
        )
        self.ref = ref
        self.spdx = spdx


class LicensorIrrevocable(LicensingError):
    def __init__(self, licensor: str, license: str, spdx: str) -> None:
        super().__init__(
            f"licensor `{licensor}` gave license `{license}` as `{spdx}`, which nobody can take back for"
            " photos obtained under it; terminate its other licenses, each by its ref"
        )
        self.licensor = licensor
        self.license = license
        self.spdx = spdx


class NothingRenews(LicensingError):
    def __init__(self, ref: str) -> None:
        super().__init__(f"license `{ref}` does not renew itself, so there is no notice to give")
        self.ref = ref


class NoticeInFuture(LicensingError):
    def __init__(self, ref: str, on: date) -> None:
        super().__init__(
            f"notice of license `{ref}` cannot have been given on `{on}`, which is still to come"
        )
        self.ref = ref


class NoticeAlreadyGiven(LicensingError):
    def __init__(self, ref: str, on: date) -> None:
        super().__init__(f"notice of license `{ref}` was given on `{on}` already")
        self.ref = ref


class AlreadyVerified(LicensingError):
    def __init__(self, ref: str, by: str) -> None:
        super().__init__(f"`{ref}` was verified by `{by}` already")
        self.ref = ref


class NothingToCompare(LicensingError):
    def __init__(self, ref: str) -> None:
        super().__init__(f"license `{ref}` has no document to compare it with; import one under a new ref")
        self.ref = ref


class TitleBroken(LicensingError):
    def __init__(self, ref: str, problem: str) -> None:
        super().__init__(f"license `{ref}`: {problem}")
        self.ref = ref


class SubjectsDiffer(LicensingError):
    def __init__(self, old: str, new: str) -> None:
        super().__init__(
            f"release `{new}` cannot supersede `{old}`, which is about somebody or something else"
        )
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
