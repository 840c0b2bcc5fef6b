"""Withdrawn, held and lifted: out of use at once, or from its moment on, with nobody's help but the clock."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from bankd.access import service as access
from bankd.access.errors import NotPermitted
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.catalog import service as catalog
from bankd.catalog.models import Photo
from bankd.exposure import marking, reading, withdrawing
from bankd.exposure.errors import RefUnreadable, TakedownAlreadyDone, TakedownNotFound
from bankd.exposure.models import ExposedComposite
from bankd.exposure.subjects import find
from bankd.licensing import service as licensing
from bankd.licensing.consents import ReleaseTerms
from bankd.licensing.depicted import Depictions
from bankd.licensing.ending import Withdrawal
from bankd.licensing.errors import (
    AlreadyWithdrawn,
    HoldAlreadyOver,
    HoldNotFound,
    HoldUnfit,
    LicenseAlreadyWithdrawn,
    LicensorNotFound,
    PersonNotFound,
    WithdrawalUnfit,
)
from bankd.licensing.use import Use
from bankd.licensing.withdrawal_effects import EFFECTS, KINDS
from bankd.policy.clearing import clear_photos, rights_of, terms_of
from bankd.policy.engine import Cleared
from bankd.provenance.models import Composite, Handout, Publication
from bankd.synthesis.handouts import HandedOut, NotHandedOut, hand_out

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
RELEASE = ReleaseTerms(kind="property", status="released", synthetic_depiction=True)
SHOWN = Depictions(persons=False, model_release="not-needed", youngest="adult", property_release="released")
USE = Use.model_validate(
    {
        "purpose": "commercial",
        "channels": ["web"],
        "targeted": ["JP"],
        "accessible": ["JP"],
        "starts_on": "2026-06-01",
        "ends_on": "2026-12-31",
        "audience": "public",
    }
)


class Desk:
    """Compliance at its desk, with a clock that the test moves."""

    def __init__(self, bank: Any, by: SimpleNamespace) -> None:
        self.bank, self.by = bank, by.compliance

    @property
    def now(self) -> Any:
        return self.bank.rt.now()

    def withdraw(self, subject: str, ref: str, **more: Any) -> withdrawing.Withdrawn:
        with self.bank.rt.transaction() as session:
            return withdrawing.withdraw(
                session, subject, ref, **{"reason": "a letter", **more}, by=self.by, at=self.now
            )

    def hold(self, subject: str, ref: str, **more: Any) -> Any:
        with self.bank.rt.transaction() as session:
            return withdrawing.hold(
                session, subject, ref, **{"reason": "a rumor", **more}, by=self.by, at=self.now
            )

    def lift(self, hold_id: UUID) -> Any:
        with self.bank.rt.transaction() as session:
            return withdrawing.lift(session, hold_id, reason="settled", by=self.by, at=self.now)

    def clerk(self) -> int:
        """A round of the clerk: what fell due, then every mark."""
        with self.bank.rt.transaction() as session:
            done = withdrawing.sweep(session, by=self.bank.rt.actor, at=self.now)
        while True:
            with self.bank.rt.transaction() as session:
                if marking.mark_next(session, to={}, by=self.bank.rt.actor, at=self.now, batch=1) is None:
                    return done

    def blocks(self, photo: UUID) -> set[str]:
        """What the engine is told of a photo's one grant."""
        with self.bank.rt.transaction() as session:
            [(_, facts)] = catalog.facts_of(session, [photo], at=self.now)[photo]
            return set(facts.blocks)

    def ranked(self, photo: UUID) -> bool:
        """Whether ranking would look at a photo, by its row alone."""
        with self.bank.rt.transaction() as session:
            row = session.get_one(Photo, photo)
            free = row.blocked_until is None or row.blocked_until <= self.now
            return free and row.grant_blocks == 0

    def clears(self, photo: UUID) -> bool:
        with self.bank.rt.transaction() as session:
            terms = terms_of(session, USE, at=self.now)
            answer = clear_photos(terms, "synthesize", rights_of(session, [photo], at=self.now))[photo]
            return isinstance(answer, Cleared)

    def kinds(self) -> list[str]:
        with self.bank.rt.transaction() as session:
            return [entry.kind for entry in log.read(session)]

    def exposure(self, subject: str, ref: str, *, by: Any = None) -> reading.Exposure:
        with self.bank.rt.transaction() as session:
            by = by or self.by
            return reading.exposure(session, find(session, subject, ref, by=by), by=by)

    def release(self, ref: str, photo: UUID, *, subject: str = "P-1") -> None:
        with self.bank.rt.transaction() as session:
            who = {"by": self.by, "at": self.now}
            made = licensing.record_release(session, ref, terms=RELEASE, subject=subject, **who)
            catalog.attach_grants(session, photo, [], release_ids=[made.id], depictions=SHOWN, **who)

    def give(self, composite: UUID) -> HandedOut | NotHandedOut:
        with self.bank.rt.transaction() as session:
            return hand_out(
                session, composite, recipient="Shop", channel="web",
                blobs=self.bank.rt.blobs, by=self.bank.rt.actor, at=self.now,
            )  # fmt: skip


@pytest.fixture
def desk(bank: Any, BY: SimpleNamespace) -> Desk:
    return Desk(bank, BY)


@pytest.fixture
def photo(bank: Any) -> UUID:
    [taken] = bank.take((bank.grant("open"),))
    return taken


@pytest.fixture
def composite(bank: Any, photo: UUID) -> UUID:
    """Sealed on the one photo, under grant `L-open/all`."""
    request = bank.make(bank.ask())
    with bank.rt.transaction() as session:
        return session.scalars(select(Composite.id).where(Composite.request_id == request.id)).one()


REFS = {"license": "L-open", "grant": "L-open/all", "licensor": "agency", "release": "R-1", "person": "P-1"}


def test_every_kind_on_every_subject_keeps_a_composite_in_the_house(
    bank: Any, desk: Desk, photo: UUID, composite: UUID
) -> None:
    """All kinds and subjects in turn, each taken back by a rollback."""
    desk.release("R-1", photo)
    refs = {**REFS, "photo": str(photo)}
    tried = 0
    for kind in KINDS:
        for subject in sorted(EFFECTS[kind].subjects):
            with bank.rt.transaction() as session:
                nested = session.begin_nested()
                withdrawing.withdraw(
                    session, subject, refs[subject], kind=kind, reason="a letter", by=desk.by, at=desk.now
                )
                session.expire_all()
                for action in ("synthesize", "publish", "view", "train"):
                    terms = terms_of(session, USE, at=desk.now)
                    answer = clear_photos(terms, action, rights_of(session, [photo], at=desk.now))[photo]
                    named = "license-withdrawn" if "photo-" not in str(answer) else "photo-withdrawn"
                    assert not isinstance(answer, Cleared) and named in answer.reasons, (kind, subject)
                row = session.get_one(Photo, photo)
                assert row.grant_blocks or row.blocked_until > desk.now, (kind, subject)
                nested.rollback()
            tried += 1
    assert tried == sum(len(effects.subjects) for effects in EFFECTS.values())
    assert isinstance(desk.give(composite), HandedOut)  # nothing of it stayed

    desk.withdraw("photo", str(photo), kind="claim")
    given = desk.give(composite)
    assert isinstance(given, NotHandedOut) and "photo-withdrawn" in given.reasons


def test_withdrawal_is_logged_with_what_moves_rights_and_recorded_once(
    bank: Any, desk: Desk, photo: UUID
) -> None:
    made = desk.withdraw("license", "L-open")

    assert made.withdrawal.effective_from == made.withdrawal.took_effect_at == desk.now
    assert made.exposure.photos == 1
    assert desk.kinds()[-3:] == ["withdrawal.recorded", "license.withdrawn", "withdrawal.took-effect"]
    assert desk.blocks(photo) == {"withdrawn"} and not desk.ranked(photo)
    with pytest.raises(LicenseAlreadyWithdrawn, match="was withdrawn at"):
        desk.withdraw("license", "L-open")

    graver = desk.withdraw("license", "L-open", kind="void-from-start")
    assert graver.withdrawal.effective_from < desk.now + SECOND
    with pytest.raises(LicenseAlreadyWithdrawn):
        desk.withdraw("license", "L-open", kind="claim")


def test_what_is_no_withdrawal_is_refused_with_a_sentence(desk: Desk, photo: UUID) -> None:
    desk.withdraw("licensor", "agency")
    for subject, ref, more, error, words in (
        ("licensor", "agency", {}, AlreadyWithdrawn, "licensor `agency` was withdrawn"),
        ("licensor", "nobody", {}, LicensorNotFound, "no licensor has the ref `nobody`"),
        ("person", "nobody", {"kind": "objection"}, PersonNotFound, "no release names the person `nobody`"),
        ("photo", "mug", {"kind": "claim"}, RefUnreadable, "`mug` names no photo"),
        ("segment", "7", {}, RefUnreadable, "`segment` names no subject"),
        (
            "photo",
            str(photo),
            {},
            WithdrawalUnfit,
            "a photo is not withdrawn as `terminated`: use one",
        ),
        ("license", "L-open", {"kind": "theft"}, WithdrawalUnfit, "unknown kind of withdrawal `theft`"),
        (
            "license",
            "L-open",
            {"kind": "void-from-start", "since": desk.now},
            WithdrawalUnfit,
            "counts from its start",
        ),
    ):
        with pytest.raises(error, match=words) as refused:
            desk.withdraw(subject, ref, **more)
        assert (not str(refused.value).endswith(".") and str(refused.value)[0].islower()) or "`" in words


def test_only_compliance_withdraws_and_holds(bank: Any, desk: Desk, photo: UUID, BY: SimpleNamespace) -> None:
    for role in ("librarian", "creative", "auditor", "operator"):
        desk.by = getattr(BY, role)
        for act in (desk.withdraw, desk.hold):
            with pytest.raises(NotPermitted):
                act("license", "L-open")
    assert desk.clears(photo)


def test_withdrawal_ahead_takes_effect_by_itself_even_while_no_clerk_works(
    bank: Any, desk: Desk, later: Any, photo: UUID
) -> None:
    moment = desk.now + DAY
    made = desk.withdraw("license", "L-open", since=moment)
    assert made.withdrawal.took_effect_at is None
    assert desk.clears(photo) and desk.ranked(photo) and desk.clerk() == 0

    later(days=1, microseconds=-1)
    assert desk.clears(photo)
    later(microseconds=1)
    assert not desk.clears(photo)  # policy knows; ranking will after the clerk's next round
    assert desk.blocks(photo) == {"withdrawn"} and desk.ranked(photo)

    assert desk.clerk() == 1 and desk.clerk() == 0
    assert not desk.ranked(photo) and desk.blocks(photo) == {"withdrawn"}
    with bank.rt.transaction() as session:
        license = licensing.grants_by_ref(session, ["L-open/all"])["L-open/all"].license_id
        assert session.get_one(licensing.License, license).withdrawn_at == moment


@pytest.mark.parametrize("subject", ["license", "licensor", "grant", "photo"])
def test_hold_waits_stands_and_ends_by_itself(
    bank: Any, desk: Desk, later: Any, photo: UUID, subject: str
) -> None:
    ref = str(photo) if subject == "photo" else REFS[subject]
    desk.hold(subject, ref, starts_at=desk.now + DAY, ends_at=desk.now + 2 * DAY)
    assert desk.clears(photo) and desk.clerk() == 0

    later(days=1)
    assert not desk.clears(photo)
    assert desk.clerk() == 1
    assert not desk.clears(photo) and not desk.ranked(photo)
    assert desk.blocks(photo) == {"photo-held" if subject == "photo" else "denied"}

    later(days=1)
    if subject == "photo":
        assert desk.clears(photo) and desk.ranked(photo)  # the row itself knows until when
    assert desk.clerk() == 1
    assert desk.clears(photo) and desk.ranked(photo)
    assert [kind for kind in desk.kinds() if kind.startswith("hold.")] == [
        "hold.set", "hold.began", "hold.ended"
    ]  # fmt: skip


def test_of_two_holds_the_one_that_stands_longer_holds(
    bank: Any, desk: Desk, later: Any, photo: UUID
) -> None:
    first = desk.hold("license", "L-open")
    desk.hold("licensor", "agency", ends_at=desk.now + DAY)
    whole = desk.hold("photo", str(photo))
    desk.lift(first.id)
    assert desk.blocks(photo) == {"denied", "photo-held"}
    desk.lift(whole.id)
    assert desk.blocks(photo) == {"denied"} and not desk.ranked(photo)
    later(days=1)
    desk.clerk()
    assert desk.clears(photo) and desk.ranked(photo)

    with pytest.raises(HoldAlreadyOver, match="was over at"):
        desk.lift(first.id)
    with pytest.raises(HoldNotFound):
        desk.lift(photo)
    for more, words in (
        ({"ends_at": desk.now}, "which is not after it begins"),
        ({"starts_at": desk.now - SECOND}, "cannot begin in the past"),
    ):
        with pytest.raises(HoldUnfit, match=words):
            desk.hold("license", "L-open", **more)
    with pytest.raises(HoldUnfit, match="not on a `person`"):
        desk.hold("person", "P-1")


def test_what_comes_in_under_a_hold_is_held(bank: Any, desk: Desk, photo: UUID) -> None:
    hold = desk.hold("licensor", "agency")
    [new] = bank.take((bank.grant("second"),), first=5)
    assert not desk.ranked(new) and not desk.clears(new)
    desk.lift(hold.id)
    assert desk.ranked(new) and desk.clears(new) and desk.clears(photo)


def test_person_takes_out_every_photo_until_a_later_release_of_his_is_there(
    bank: Any, desk: Desk, later: Any, photo: UUID
) -> None:
    [other] = bank.take((bank.grant("other"),), first=7)
    desk.release("R-1", photo)
    desk.release("R-2", photo, subject="P-2")
    assert desk.clears(photo)

    desk.withdraw("person", "P-1", kind="consent-withdrawn")

    assert desk.blocks(photo) == {"photo-withdrawn"} and not desk.ranked(photo)
    assert desk.clears(other)
    later(days=1)
    desk.release("R-3", photo, subject="P-2")
    assert not desk.clears(photo)
    desk.release("R-4", photo, subject="P-1")
    assert desk.clears(photo) and desk.ranked(photo)
    desk.withdraw("release", "R-4", kind="release-revoked")
    assert not desk.clears(photo)


def test_marks_say_which_composites_rely_and_which_were_sealed_after(
    bank: Any, desk: Desk, later: Any, photo: UUID, composite: UUID
) -> None:
    assert isinstance(desk.give(composite), HandedOut)
    later(days=2)
    second = bank.make(bank.ask(seed=8))
    given = desk.give(_composite(bank, second.id))
    assert isinstance(given, HandedOut)

    made = desk.withdraw("license", "L-open", since=desk.now - DAY)

    assert (made.exposure.composites, made.exposure.handouts) == (2, 2)
    desk.clerk()
    with bank.rt.transaction() as session:
        marks = {mark.composite_id: mark.why for mark in reading.marks(session, made.withdrawal.id)}
        asked = reading.takedowns(session)
    assert marks == {composite: "relies", given.composite.id: "sealed-after"}
    assert [one.subject_id for one in asked] == [given.handout.id]  # what was given before may stand
    assert desk.kinds()[-1] == "withdrawal.marked"

    with bank.rt.transaction() as session:
        done = marking.confirm(session, asked[0].id, note="deleted, says the shop", by=desk.by, at=desk.now)
        assert done.done_by == desk.by.name
    with bank.rt.transaction() as session:
        assert reading.takedowns(session) == [] and len(reading.takedowns(session, done=True)) == 1
        with pytest.raises(TakedownAlreadyDone, match="was done at"):
            marking.confirm(session, asked[0].id, note="again", by=desk.by, at=desk.now)
        with pytest.raises(TakedownNotFound):
            marking.confirm(session, photo, note="what", by=desk.by, at=desk.now)


def test_void_from_start_asks_everything_back(
    bank: Any, desk: Desk, later: Any, photo: UUID, composite: UUID
) -> None:
    desk.give(composite)
    with bank.rt.transaction() as session:
        published = Publication(
            ref="P-1",
            composite_id=composite,
            channel="web",
            place="https://shop.example",
            territories=["JP"],
            copies=0,
            starts_on=desk.now.date(),
            zone="UTC",
            outside=[],
            recorded_at=desk.now,
            recorded_by="x",
        )
        session.add(published)
    later(days=1)

    made = desk.withdraw("license", "L-open", kind="void-from-start")
    desk.clerk()

    with bank.rt.transaction() as session:
        assert session.get_one(Withdrawal, made.withdrawal.id).marked_at == desk.now
        mark = session.scalars(select(ExposedComposite)).one()
        asked = {one.subject_id: one.told for one in reading.takedowns(session)}
        handout = session.scalars(select(Handout)).one()
    assert mark.why == "sealed-after"
    assert asked == {handout.id: "Shop, web", published.id: "https://shop.example"}
    assert desk.exposure("photo", str(photo)).takedowns_open == 2

    with bank.rt.transaction() as session:
        down = session.get_one(Publication, published.id)
        down.taken_down_on, down.taken_down_at, down.taken_down_by = desk.now.date(), desk.now, "web team"
    exposure = desk.exposure("photo", str(photo))
    assert (exposure.publications, exposure.takedowns_open) == (1, 1)
    with bank.rt.transaction() as session:
        assert {one.done_by for one in reading.takedowns(session, done=True)} == {None, "web team"}


def test_exposure_counts_the_same_things_from_every_side_and_pages(
    bank: Any, desk: Desk, later: Any, photo: UUID, composite: UUID
) -> None:
    desk.release("R-1", photo)
    desk.give(composite)
    found = {subject: desk.exposure(subject, ref) for subject, ref in {**REFS, "photo": str(photo)}.items()}
    for subject, one in found.items():
        assert (one.photos, one.composites, one.handouts, one.publications) == (1, 1, 1, 0), subject
        assert one.segments >= 1 and one.networks == ()
    with bank.rt.transaction() as session:
        named = find(session, "licensor", "agency", by=desk.by)
        [line] = reading.composites(session, named, by=desk.by)
        assert (line.composite_id, line.handouts, line.why) == (composite, 1, None)
        assert 0 < line.canvas_px <= line.height * line.width
        assert reading.composites(session, named, by=desk.by, after=composite) == []
    later(seconds=1)
    desk.withdraw("grant", "L-open/all")
    desk.clerk()
    with bank.rt.transaction() as session:
        assert reading.composites(session, named, by=desk.by)[0].why == "relies"


def test_another_department_is_told_of_none_of_its_composites(
    bank: Any, desk: Desk, database: Any, photo: UUID, composite: UUID
) -> None:
    with bank.rt.transaction() as session:
        other = access.record_department(session, "Other", by=desk.by, at=desk.now).id
    with database.owner_engine.begin() as connection:
        connection.execute(update(Composite).values(department_id=bank.department_id))
    stranger = Actor("user", "stranger", desk.by.roles, other)
    theirs = desk.exposure("license", "L-open", by=stranger)
    assert (theirs.composites, theirs.handouts) == (0, 0)
    assert desk.exposure("license", "L-open").composites == 1


def _composite(bank: Any, request_id: UUID) -> UUID:
    with bank.rt.transaction() as session:
        return session.scalars(select(Composite.id).where(Composite.request_id == request_id)).one()
