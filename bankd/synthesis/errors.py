"""What can go wrong between a layout and a composite."""

from collections.abc import Mapping
from uuid import UUID

from bankd.errors import BankError


class SynthesisError(BankError):
    pass


class RequestNotFound(SynthesisError):
    def __init__(self, request_id: UUID) -> None:
        super().__init__(f"no request has the id `{request_id}`")
        self.request_id = request_id


class LayoutRefused(SynthesisError):
    """The layout cannot be read, is too large, or names unknown categories."""


class UseRefused(SynthesisError):
    """The declared use is incomplete or contradicts itself."""


class NothingToShow(SynthesisError):
    def __init__(self, reasons: Mapping[str, int]) -> None:
        most = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
        why = ", ".join(f"{policy} ({count})" for policy, count in most[:5]) or "the bank holds no photo"
        super().__init__(f"no photo of the bank clears for pictures with this use: {why}")
        self.reasons = reasons


class NetworkWithheld(SynthesisError):
    """Photos that a network was trained on do not clear for the use."""

    def __init__(self, sha256: str, reasons: frozenset[str]) -> None:
        super().__init__(
            f"network `{sha256[:12]}` may not be used for this use: {', '.join(sorted(reasons))}"
        )
        self.sha256 = sha256
        self.reasons = reasons


class KeyReused(SynthesisError):
    """An idempotency key came back with another request behind it."""

    def __init__(self, key: str, request_id: UUID) -> None:
        super().__init__(
            f"idempotency key `{key}` belongs to request `{request_id}`, which asks for something else"
        )
        self.key = key
        self.request_id = request_id


class ArchiveTooLarge(SynthesisError):
    """What an order needs is more than a render worker takes."""

    def __init__(self, size_bytes: int, most_bytes: int) -> None:
        super().__init__(
            f"the segments of one order come to {size_bytes} bytes, and {most_bytes} are the most:"
            " ask for fewer variations"
        )
        self.size_bytes = size_bytes


class GateIsAnother(SynthesisError):
    """What is stored under a composite's gate map was damaged or exchanged."""

    def __init__(self, composite_id: UUID) -> None:
        super().__init__(f"the stored gate map is not the one of composite `{composite_id}`")
        self.composite_id = composite_id
