"""What can go wrong with who may do what."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from bankd.errors import BankError


class AccessError(BankError):
    """Somebody may not, or what was asked about keys and departments cannot be done."""


class NotAuthenticated(AccessError):
    """One answer for a key that is unknown, wrong, revoked or expired, so that nobody learns which."""

    def __init__(self) -> None:
        super().__init__("the API key is not valid: ask the operator for a new one")


class NotPermitted(AccessError):
    def __init__(self, name: str, permission: str, roles: Sequence[str]) -> None:
        who = " or ".join(f"`{role}`" for role in roles)
        super().__init__(f"`{name}` may not do this (`{permission}`): it takes the role {who}")
        self.name = name
        self.permission = permission
        self.roles = tuple(roles)


class OfTheWholeHouse(AccessError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"`{name}` is a key of one department, and this is of the whole house: use one of none"
        )
        self.name = name


class RoleUnknown(AccessError):
    def __init__(self, role: str, known: Sequence[str]) -> None:
        super().__init__(f"unknown role `{role}`: use {', '.join(known)}")
        self.role = role


class RolesMissing(AccessError):
    def __init__(self) -> None:
        super().__init__("a key needs at least one role")


class NameMissing(AccessError):
    def __init__(self, what: str) -> None:
        super().__init__(f"a {what} needs a name")
        self.what = what


class DepartmentNotFound(AccessError):
    def __init__(self, department: UUID | str) -> None:
        super().__init__(f"there is no department `{department}`")
        self.department = department


class DepartmentKnown(AccessError):
    def __init__(self, name: str) -> None:
        super().__init__(f"the department `{name}` is recorded already")
        self.name = name


class KeyNotFound(AccessError):
    def __init__(self, key_id: UUID) -> None:
        super().__init__(f"there is no API key `{key_id}`")
        self.key_id = key_id


class KeyAlreadyRevoked(AccessError):
    def __init__(self, key_id: UUID, revoked_at: datetime) -> None:
        super().__init__(f"API key `{key_id}` was revoked at {revoked_at.isoformat()}")
        self.key_id = key_id
        self.revoked_at = revoked_at


class ExpiryPast(AccessError):
    def __init__(self, expires_at: datetime) -> None:
        super().__init__(f"the expiry `{expires_at.isoformat()}` is not in the future")
        self.expires_at = expires_at
