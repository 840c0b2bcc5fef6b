"""A small bank with a composite, and what is done with it after the seal."""

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from small_bank import bank  # noqa: F401  a fixture
from sqlalchemy import select

from bankd.provenance.models import Composite, Handout
from bankd.synthesis.handouts import HandedOut, Signing, hand_out
from bankd.synthesis.verification import credentials
from bankd.usage import publications
from bankd.usage.within import Published


class Desk:
    """Makes, gives and publishes, in the words of a licensing desk."""

    def __init__(self, bank: Any) -> None:  # noqa: F811
        self.bank = bank

    @property
    def who(self) -> dict[str, Any]:
        return {"by": self.bank.rt.actor, "at": self.bank.rt.now()}

    def composite(self, **use: Any) -> Composite:
        request = self.bank.make(self.bank.ask(**use))
        with self.bank.rt.transaction() as session:
            return session.scalars(select(Composite).where(Composite.request_id == request.id)).one()

    def give(self, composite_id: UUID, *, channel: str = "web", comp: bool = False) -> Any:
        rt = self.bank.rt
        with rt.transaction() as session:
            return hand_out(
                session,
                composite_id,
                recipient="Shop team",
                channel=channel,
                comp=comp,
                signing=Signing(credentials(rt)),
                blobs=rt.blobs,
                **self.who,
            )

    def handout(self, composite_id: UUID, **how: Any) -> Handout:
        given = self.give(composite_id, **how)
        assert isinstance(given, HandedOut), given
        return given.handout

    def publish(self, handout_id: UUID | None = None, *, ref: str | None = None, **facts: Any) -> Any:
        composite_id = facts.pop("composite_id", None)
        with self.bank.rt.transaction() as session:
            return publications.record(
                session,
                self.published(**facts),
                handout_id=handout_id,
                composite_id=composite_id,
                ref=ref,
                **self.who,
            ).publication

    def published(self, **facts: Any) -> Published:
        told = {
            "channel": "web",
            "place": "https://shop.example/kitchen",
            "territories": ["JP"],
            "starts_on": date(2026, 6, 1),
            **facts,
        }
        return Published.model_validate(told)


@pytest.fixture
def desk(bank: Any) -> Callable[..., Desk]:  # noqa: F811
    """A desk of a bank with two photos on a grant with these terms."""

    def open_desk(**terms: Any) -> Desk:
        ref = bank.grant("agency", **terms)
        bank.take((ref,), (ref,))
        return Desk(bank)

    return open_desk
