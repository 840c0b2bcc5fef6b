"""What can go wrong with snapshots and network checkpoints."""

from collections.abc import Mapping

from bankd.errors import BankError


class TrainingError(BankError):
    """Root of this part's errors."""


class NothingToTrainOn(TrainingError):
    def __init__(self, reasons: Mapping[str, int]) -> None:
        most = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
        why = ", ".join(f"{policy} ({count})" for policy, count in most[:5]) or "the bank holds no photo"
        super().__init__(f"no photo of the bank clears for training with this use: {why}")
        self.reasons = reasons


class SnapshotNotFound(TrainingError):
    def __init__(self, digest: str) -> None:
        super().__init__(f"no snapshot begins with the digest `{digest}`")
        self.digest = digest


class SnapshotNoLongerClears(TrainingError):
    """Rights moved since the snapshot was pinned; pin a new one."""

    def __init__(self, digest: str, photos: int, reasons: frozenset[str]) -> None:
        super().__init__(
            f"snapshot `{digest[:12]}` no longer clears for training: "
            f"{photos} of its photos are refused ({', '.join(sorted(reasons))}); pin a new one"
        )
        self.digest = digest
        self.photos = photos
        self.reasons = reasons


class SnapshotMismatch(TrainingError):
    """What came with a network is not what its checkpoint was trained on."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the snapshot's list does not fit: {why}")


class CheckpointUnusable(TrainingError):
    def __init__(self, why: str) -> None:
        super().__init__(f"the checkpoint cannot be registered: {why}")


class NetworkNotFound(TrainingError):
    def __init__(self, wanted: str) -> None:
        super().__init__(f"no network checkpoint is registered as `{wanted}` (see `bankd models list`)")
        self.wanted = wanted


class SnapshotIncomplete(TrainingError):
    """A photo of a snapshot is gone from the bank, so that its bytes cannot be exported."""

    def __init__(self, digest: str, photo_sha256: str) -> None:
        super().__init__(
            f"snapshot `{digest[:12]}` cannot be exported: photo `{photo_sha256[:12]}` is not in the bank"
        )
        self.photo_sha256 = photo_sha256
