"""Who does something: a person, or a part of the bank itself."""

from dataclasses import dataclass
from typing import Any, Literal, Self
from uuid import UUID


@dataclass(frozen=True)
class Actor:
    """Named in every log entry. `department_id` None: of the whole house."""

    kind: Literal["user", "service"]
    name: str
    roles: frozenset[str] = frozenset()
    department_id: UUID | None = None

    @classmethod
    def system(cls, name: str) -> Self:
        """A part of the bank acting on its own, such as the clerk or ingestion."""
        return cls("service", name)

    def facts(self) -> dict[str, Any]:
        """As the log writes it down."""
        return {
            "kind": self.kind,
            "name": self.name,
            "roles": self.roles,
            "department": self.department_id,
        }
