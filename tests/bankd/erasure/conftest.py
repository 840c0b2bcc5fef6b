"""A bank with photos that something was made of, and compliance that erases."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from desk import Desk
from small_bank import bank, later, served  # noqa: F401  fixtures
from sqlalchemy import text

from bankd.catalog.models import Photo
from bankd.erasure import carrying, retaining, service
from bankd.erasure.models import Erasure
from bankd.erasure.service import Handling
from bankd.provenance import manifest
from bankd.provenance.models import Composite


@dataclass
class Eraser:
    """What compliance does, and what a test looks for afterwards."""

    bank: Any
    by: Any
    desk: Desk

    @property
    def rt(self) -> Any:
        return self.bank.rt

    @property
    def who(self) -> dict[str, Any]:
        return {"by": self.by, "at": self.rt.now()}

    def decide(self, subject: str, ref: object, *, handling: Handling | None = None, **more: Any) -> Erasure:
        with self.rt.transaction() as session:
            return service.carry_out(
                session,
                subject,
                str(ref),
                **{"reason": "asked for", "ground": "gdpr-17", **more},
                handling=handling or Handling(),
                **self.who,
            )

    def carry_on(self) -> int:
        return carrying.carry_on(self.rt)

    def erase(self, subject: str, ref: object, **more: Any) -> Erasure:
        made = self.decide(subject, ref, **more)
        self.carry_on()
        return self.erasure(made.id)

    def erasure(self, erasure_id: UUID) -> Erasure:
        with self.rt.transaction() as session:
            return session.get_one(Erasure, erasure_id)

    def facts(self, erasure_id: UUID) -> dict[str, Any]:
        with self.rt.transaction() as session:
            erasure = session.get_one(Erasure, erasure_id)
            far = service.progress(session, erasure, at=self.rt.now())
            return service.facts(erasure, far, at=self.rt.now())

    def certificate(self, erasure_id: UUID) -> dict[str, Any]:
        with self.rt.transaction() as session:
            return service.certificate(
                session,
                session.get_one(Erasure, erasure_id),
                house=self.rt.log_origin,
                key=self.rt.manifest_key,
                at=self.rt.now(),
            )

    def retain(self, subject: str, ref: object, *, class_: str = "legal-hold", **more: Any) -> Any:
        with self.rt.transaction() as session:
            return retaining.retain(
                session, subject, str(ref), class_=class_, **{"reason": "a suit", **more}, **self.who
            )

    def lift(self, retention_id: UUID) -> None:
        with self.rt.transaction() as session:
            retaining.lift(session, retention_id, reason="settled", **self.who)

    def keys(self, prefix: str) -> list[str]:
        """What the store has below a prefix."""
        blobs = self.rt.blobs
        found = blobs._client.list_objects(blobs._bucket, prefix=f"{prefix}/", recursive=True)
        return sorted(str(one.object_name) for one in found)

    def tables_with(self, needle: str) -> set[str]:
        """The tables with a row in which these letters stand."""
        with self.rt.transaction() as session:
            tables = session.scalars(
                text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
            ).all()
            return {
                table
                for table in tables
                if table != "alembic_version"
                and session.scalar(
                    text(f'SELECT EXISTS (SELECT FROM "{table}" AS t WHERE t::text ILIKE :needle)'),
                    {"needle": f"%{needle}%"},
                )
            }

    def photo(self, photo_id: UUID) -> Photo:
        found: Photo = self.bank.photo(photo_id)
        return found

    def composite(self, composite_id: UUID) -> Composite:
        with self.rt.transaction() as session:
            return session.get_one(Composite, composite_id)

    def placed(self, composite_id: UUID) -> list[UUID]:
        sealed = manifest.read(self.composite(composite_id).manifest)
        return [one.photo_id for one in sealed.placed_photos]


@pytest.fixture
def eraser(bank: Any, BY: SimpleNamespace) -> Eraser:  # noqa: F811
    return Eraser(bank, BY.compliance, Desk(bank))
