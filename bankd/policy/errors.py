"""What can go wrong with policy. A use that is refused is an answer, not an error."""

from collections.abc import Sequence

from bankd.errors import BankError


class PolicyError(BankError):
    """A policy bundle cannot be used as it is."""


class InvalidBundle(PolicyError):
    """The bundle breaks its schema or its form; `problems` names each place."""

    def __init__(self, problems: Sequence[str]) -> None:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"the policy bundle cannot be used: {problems[0]}{more}")
        self.problems = tuple(problems)


class NotCompilable(PolicyError):
    """A policy says something that has no SQL, so ranking could not be held to it."""

    def __init__(self, policy: str, why: str) -> None:
        super().__init__(f"policy `{policy}` cannot be compiled to SQL: {why}")
        self.policy = policy
        self.why = why


class NoActiveBundle(PolicyError):
    def __init__(self) -> None:
        super().__init__("no policy bundle is active; run `bankd policies activate`")


class BundleNotFound(PolicyError):
    def __init__(self, digest: str) -> None:
        super().__init__(f"policy bundle `{digest}` is not known here")
        self.digest = digest


class BundleAltered(PolicyError):
    def __init__(self, digest: str) -> None:
        super().__init__(
            f"policy bundle `{digest}` was altered where it is stored: its texts have another digest"
        )
        self.digest = digest
