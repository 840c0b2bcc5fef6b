"""May what was handed out or published go on: printed stock be sold off, a publication stay where it is?

Policy is asked for `publish` with the circulation `stock` or `archive`, with
the rights of now and the days to come. Whether the sources may stand together
was decided when the composite was sealed and is not asked again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bankd.audit.actor import Actor
from bankd.licensing.days import start_of
from bankd.licensing.terms import GrantFacts
from bankd.licensing.use import Use
from bankd.licensing.vocabulary import WORLD, Action, Circulation
from bankd.policy.clearing import Rights, Terms, clear_photos, rights_of
from bankd.policy.engine import Cleared
from bankd.policy.explain import says
from bankd.provenance import manifest
from bankd.provenance.errors import CompositeNotFound
from bankd.provenance.manifest import Disclosures
from bankd.provenance.models import Composite, Publication
from bankd.synthesis import asking, origins
from bankd.synthesis.ended import Given, ended
from bankd.synthesis.errors import UseRefused
from bankd.synthesis.lasting import PRINTED, Answer, Verdict, last_day, latest, moments, verdict
from bankd.synthesis.models import Request
from bankd.usage import publications

WITHDRAWN = frozenset({"withdrawn", "photo-withdrawn"})
SUPERSEDED = frozenset({"superseded"})
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Standing:
    """What is to be done with one publication, or with what was handed out for a channel, and why."""

    composite_id: UUID
    channel: str
    on: date
    until: date
    verdict: Verdict
    stock: Answer | None  # of what is printed
    archive: Answer
    recalled_by: tuple[UUID, ...]  # withdrawals
    publication: Publication | None = None
    state: str | None = None  # of the publication

    @property
    def may_until(self) -> date | None:
        """The last day of what the verdict allows; None: nothing ends it, or nothing is allowed."""
        if self.verdict == "take-down":
            return None
        return self.stock.until if self.stock is not None and self.stock.begins else self.archive.until

    def as_json(self) -> dict[str, Any]:
        of = self.publication
        return {
            "composite": self.composite_id,
            "publication": None if of is None else of.id,
            "ref": None if of is None else of.ref,
            "place": None if of is None else of.place,
            "channel": self.channel,
            "territories": None if of is None else sorted(of.territories),
            "copies": None if of is None else of.copies,
            "starts_on": None if of is None else of.starts_on,
            "state": self.state,
            "on": self.on,
            "until": self.until,
            "verdict": self.verdict,
            "may_until": self.may_until,
            "stock": None if self.stock is None else self.stock.as_json(),
            "archive": self.archive.as_json(),
            "recalled_by": list(self.recalled_by),
        }


def of_publication(
    session: Session,
    publication: UUID | str | Publication,
    *,
    on: date | None = None,
    until: date | None = None,
    by: Actor,
    at: datetime,
) -> Standing:
    """What is to be done with a publication on a day, and over the days until another.

    Args:
        on: today or a day to come, in the zone of the use; None for today.
        until: the last day asked for; None for that day alone.

    Raises:
        PublicationNotFound: there is none, or it is another department's.
        UseRefused: the day is over, or the days are in no order.
    """
    found = (
        publication if isinstance(publication, Publication) else publications.get(session, publication, by=by)
    )
    composite = session.get_one(Composite, found.composite_id)
    use = _use(composite)
    told = frozenset(found.territories)
    seen = use.targeted if WORLD in told or WORLD in use.targeted else use.targeted & told
    use = use.model_copy(
        update={
            "channels": frozenset({found.channel}),
            "accessible": told,
            "targeted": seen or told,
            "copies": found.copies,
        }
    )
    began = start_of(found.starts_on, found.zone)
    made = _standing(session, composite, use, began=began, given="publications", on=on, until=until, at=at)
    return replace(made, publication=found, state=publications.state(session, found, at=at))


def of_composite(
    session: Session,
    composite_id: UUID,
    *,
    channel: str | None = None,
    on: date | None = None,
    until: date | None = None,
    by: Actor,
    at: datetime,
) -> list[Standing]:
    """The same of what was handed out of a composite, for each of its channels: stock on a shelf, files sent.

    It counts as begun when it was sealed.

    Raises:
        CompositeNotFound: there is none, or it is another department's.
        UseRefused: it was made for other channels, the day is over, or the days are in no order.
    """
    composite = session.get(Composite, composite_id)
    if composite is None or by.department_id not in (None, composite.department_id):
        raise CompositeNotFound(composite_id)
    use = _use(composite)
    if channel is not None and channel not in use.channels:
        raise UseRefused(
            f"composite `{composite_id}` was made for {', '.join(sorted(use.channels))}, not for `{channel}`"
        )
    return [
        _standing(
            session,
            composite,
            use.model_copy(update={"channels": frozenset({one})}),
            began=composite.sealed_at,
            given="handouts",
            on=on,
            until=until,
            at=at,
        )
        for one in ([channel] if channel else sorted(use.channels))
    ]


def _use(composite: Composite) -> Use:
    return Disclosures.model_validate(composite.disclosures).use()


def _standing(
    session: Session,
    composite: Composite,
    use: Use,
    *,
    began: datetime,
    given: Given,
    on: date | None,
    until: date | None,
    at: datetime,
) -> Standing:
    today = at.astimezone(ZoneInfo(use.zone)).date()
    on = on or today
    until = until or on
    if on < today:
        raise UseRefused(f"`{on}` is over: what may go on is asked of today or of a day to come")
    if until < on:
        raise UseRefused(f"`{until}` comes before `{on}`")
    moment = at if on == today else start_of(on, use.zone)
    asked = use.model_copy(update={"starts_on": on, "ends_on": until})
    (channel,) = use.channels
    request = session.get_one(Request, composite.request_id)
    sealed = manifest.read(composite.manifest)
    relied = {one.photo_id: one.grant_id for one in sealed.placed_photos}
    asked_of = _Asked(
        asking.terms_for(session, request, use=asked, at=moment),
        zone=use.zone,
        sources=(rights_of(session, relied, at=moment), relied),
        layout=None
        if sealed.layout_photo is None
        else (
            rights_of(session, [sealed.layout_photo.photo_id], at=moment),
            {sealed.layout_photo.photo_id: sealed.layout_photo.grant_id},
        ),
    )
    photos = {*relied, *({} if asked_of.layout is None else asked_of.layout[1])}
    grants = {*relied.values(), *(() if asked_of.layout is None else asked_of.layout[1].values())}
    over = ended(session, photos=photos, grants=grants, began=began, given=given, at=moment)
    stands = over.withdrawals and not over.recalled_by  # a block of which no record tells stays
    stock = asked_of.answer("stock", newer=over.newer) if channel in PRINTED else None
    archive = asked_of.answer("archive", newer=over.newer, lifted=WITHDRAWN if stands else _NONE)
    return Standing(
        composite_id=composite.id,
        channel=channel,
        on=on,
        until=until,
        verdict=verdict(channel, stock=stock, archive=archive, in_period=on <= use.ends_on),
        stock=stock,
        archive=archive,
        recalled_by=over.recalled_by,
    )


@dataclass(frozen=True)
class _Asked:
    """One composite's rights and what is asked of them. `layout`: of the photo whose arrangement it has."""

    terms: Terms
    zone: str
    sources: tuple[Rights, Mapping[UUID, UUID]]
    layout: tuple[Rights, Mapping[UUID, UUID]] | None

    def answer(
        self, circulation: Circulation, *, newer: frozenset[UUID], lifted: frozenset[str] = frozenset()
    ) -> Answer:
        """Whether it may go on so, and to which day.

        Args:
            newer: grants whose successors do not bind it.
            lifted: blocks that let it stand, as it began before them.
        """
        asked: list[tuple[Action, Rights, Mapping[UUID, UUID]]] = [
            ("publish", _without(self.sources[0], newer, lifted), self.sources[1])
        ]
        if self.layout is not None:
            action = origins.asked_of(self.terms.bundle, "publish-adapted")
            asked.append((action, _without(self.layout[0], newer, lifted), self.layout[1]))

        def refused(until: str) -> dict[UUID, frozenset[str]]:
            use = self.terms.use.model_copy(update={"circulation": circulation, "ends_at": until})
            terms = replace(self.terms, use=use)
            return {
                photo: answer.reasons
                for action, rights, only in asked
                for photo, answer in clear_photos(terms, action, rights, only=only).items()
                if not isinstance(answer, Cleared)
            }

        wanted = self.terms.use.ends_at
        found = refused(wanted)
        facts = [
            offer.facts
            for _, rights, only in asked
            for photo, offers in rights.offers.items()
            for offer in offers
            if offer.grant_id == only[photo] and isinstance(offer.facts, GrantFacts)
        ]
        last = latest(moments(facts, after=self.terms.use.now), lambda until: not refused(until))
        if not found:
            last = max(last or wanted, wanted)
        reasons = sorted({reason for some in found.values() for reason in some})
        return Answer(
            allowed=not found,
            until=None if last is None else last_day(last, self.zone),
            reasons={reason: says(self.terms.bundle, reason) for reason in reasons},
            photos=frozenset(found),
        )


def _without(rights: Rights, newer: frozenset[UUID], lifted: frozenset[str]) -> Rights:
    """The same rights without blocks that do not reach what began before them."""
    offers = {
        photo: [
            replace(
                offer,
                facts=_unblocked(offer.facts, lifted | (SUPERSEDED if offer.grant_id in newer else _NONE)),
            )
            for offer in some
        ]
        for photo, some in rights.offers.items()
    }
    return Rights(offers, rights.terms)


def _unblocked(facts: Any, lifted: frozenset[str]) -> Any:
    return facts.model_copy(update={"blocks": facts.blocks - lifted}) if facts.blocks & lifted else facts
