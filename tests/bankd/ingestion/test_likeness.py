"""What an altered photo meets when it comes in: a tombstone, a photo of the same licensor, one of another."""

import io
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from sqlalchemy import delete, func, select, text

from bankd.audit import log
from bankd.catalog import fingerprints, likenesses, reviewing
from bankd.catalog import service as catalog
from bankd.catalog.errors import NotHeldForLikeness
from bankd.catalog.models import Descriptor, PhotoFingerprint
from bankd.errors import BankError
from bankd.ingestion import comparing
from bankd.ingestion.service import NewPhoto
from bankd.licensing import service as licensing
from bankd.licensing.terms import GrantTerms

Bank = Any
DEADLINE_S = 300
SCENES = sorted((Path(__file__).parents[3] / "sample" / "photos").iterdir())
FRAME = (160, 240)
TERMS = GrantTerms.model_validate(
    {
        "territories": ["JP"],
        "channels": ["web"],
        "purposes": ["commercial"],
        "sectors": ["any"],
        "audiences": ["public"],
        "generative": True,
        "starts_on": "2026-01-01",
        "ends_on": None,
    }
)


def scene(number: int) -> np.ndarray:
    """(160, 240, 3) of a rendered scene, another for each number."""
    rgb = np.asarray(Image.open(SCENES[number]).convert("RGB"))
    return cv2.resize(rgb, FRAME[::-1], interpolation=cv2.INTER_AREA)


def shared(rgb: np.ndarray) -> np.ndarray:
    """As a picture comes back from where it was shared: mirrored, smaller, as a poor JPEG."""
    out = io.BytesIO()
    Image.fromarray(cv2.resize(cv2.flip(rgb, 1), None, fx=0.75, fy=0.75)).save(out, "JPEG", quality=40)
    return np.asarray(Image.open(out).convert("RGB"))


def cropped(rgb: np.ndarray) -> np.ndarray:
    height, width = rgb.shape[:2]
    return np.ascontiguousarray(rgb[height // 10 :, : width - width // 10])


@pytest.fixture
def photo(bank: Bank, encode: Callable[..., bytes]) -> Callable[..., NewPhoto]:
    def photo(name: str, rgb: np.ndarray, *grants: str, licensed: bool = True) -> NewPhoto:
        labels = np.zeros(rgb.shape[:2], np.uint8)
        labels[10:40, 20:60] = 1
        rights = bank.rights(grants=grants or ("L-1/jp",)) if licensed else None
        return NewPhoto(name, encode(Image.fromarray(rgb)), encode(Image.fromarray(labels)), rights=rights)

    return photo


@pytest.fixture
def rival(bank: Bank) -> str:
    """The ref of a grant of another licensor."""
    with bank.sessions.begin() as session:
        who = {"by": bank.by.librarian, "at": bank.at}
        licensing.record_licensor(session, "rival", name="Rival", **who)
        license = licensing.record_license(
            session, "L-2", licensor="rival", title="Agreement", basis="licensed", **who
        )
        licensing.record_grant(session, license.id, ref="jp", terms=TERMS, **who)
    return "L-2/jp"


def take(bank: Bank, new: NewPhoto) -> Any:
    return bank.work(bank.open(new))[new.name]


def bury(bank: Bank, photo_id: Any) -> None:
    with bank.sessions.begin() as session:
        catalog.tombstone(session, photo_id, reason="asked for", by=bank.by.compliance, at=bank.at)


def decide(bank: Bank, what: Any, photo_id: Any) -> None:
    with bank.sessions.begin() as session:
        what(session, photo_id, reason="looked at both", by=bank.by.compliance, at=bank.at)


def alike(bank: Bank, photo_id: Any) -> list[tuple[Any, str]]:
    with bank.sessions() as session:
        found = likenesses.likenesses(session, photo_id, by=bank.by.compliance)
    return [("tombstone" if one.tombstone else one.photo, one.how) for one in found.alike]


def kinds(bank: Bank) -> list[str]:
    with bank.sessions() as session:
        return [entry.kind for entry in log.read(session)]


def test_an_altered_copy_of_what_was_erased_is_refused_and_another_photo_is_not(
    bank: Bank, photo: Callable[..., NewPhoto]
) -> None:
    first = take(bank, photo("first.png", scene(0)))
    bury(bank, first.photo_id)

    back = take(bank, photo("back.png", shared(scene(0))))
    other = take(bank, photo("other.png", scene(1)))

    assert (back.state, back.reason) == ("refused", "tombstone-likeness")
    assert "erased" in back.detail and back.photo_id is None
    assert other.state == "taken"
    with bank.sessions() as session:
        assert session.scalar(select(func.count()).where(PhotoFingerprint.tombstone_id.is_not(None))) == 1
        assert session.scalar(select(func.count()).where(PhotoFingerprint.photo_id == first.photo_id)) == 0


def test_a_crop_of_what_was_erased_waits_for_a_person_who_can_let_it_in(
    bank: Bank, photo: Callable[..., NewPhoto]
) -> None:
    bury(bank, take(bank, photo("first.png", scene(2))).photo_id)

    held = take(bank, photo("crop.png", cropped(scene(2))))

    assert held.state == "quarantined"
    assert bank.photo(held.photo_id).quarantine_reason == "likeness"
    assert alike(bank, held.photo_id) == [("tombstone", "crop")]
    again = bank.open(photo("crop.png", cropped(scene(2))))
    assert bank.work(again)["crop.png"].state == "quarantined"  # its rights record alone lets nothing in

    decide(bank, reviewing.release, held.photo_id)

    released = bank.photo(held.photo_id)
    assert (released.state, released.quarantine_reason) == ("admitted", None)
    with bank.sessions() as session:
        profiles = set(
            session.scalars(select(Descriptor.profile_id).where(Descriptor.photo_id == released.id))
        )
    assert profiles == {released.profile_id} != {None}
    assert kinds(bank)[-1] == "photo.likeness-reviewed"
    with pytest.raises(NotHeldForLikeness, match="not held"):
        decide(bank, reviewing.refuse, held.photo_id)


def test_a_refused_crop_of_what_was_erased_is_erased_too(bank: Bank, photo: Callable[..., NewPhoto]) -> None:
    bury(bank, take(bank, photo("first.png", scene(3))).photo_id)
    held = take(bank, photo("crop.png", cropped(scene(3))))

    decide(bank, reviewing.refuse, held.photo_id)

    assert bank.photo(held.photo_id).state == "erased"
    assert kinds(bank)[-2:] == ["photo.erased", "photo.likeness-reviewed"]
    assert take(bank, photo("same.png", cropped(scene(3)))).reason == "tombstoned"
    assert take(bank, photo("near.png", shared(cropped(scene(3))))).reason == "tombstone-likeness"


def test_a_picture_with_little_in_it_is_never_refused_for_what_it_looks_like(
    bank: Bank, photo: Callable[..., NewPhoto]
) -> None:
    faint = np.full((*FRAME, 3), 120, np.uint8)
    faint[60:100, 90:150] = 126
    bury(bank, take(bank, photo("faint.png", faint)).photo_id)

    held = take(bank, photo("mirrored.png", cv2.flip(np.roll(faint, 1, axis=1), 1)))

    assert held.state == "quarantined"
    assert [other for other, _ in alike(bank, held.photo_id)] == ["tombstone"]


def test_photos_of_one_licensor_that_look_alike_are_linked_and_both_taken(
    bank: Bank, photo: Callable[..., NewPhoto]
) -> None:
    first = take(bank, photo("first.png", scene(4)))

    second = take(bank, photo("second.png", shared(scene(4)), "L-1/fr"))

    assert second.state == "taken"
    assert alike(bank, second.photo_id) == [(first.photo_id, "pdq")]
    assert alike(bank, first.photo_id) == [(second.photo_id, "pdq")]
    with bank.sessions() as session:
        admitted = [e.payload["objects"] for e in log.read(session) if e.kind == "photo.admitted"]
    assert "alike" not in admitted[0]
    assert admitted[1]["alike"][0]["photo"] == str(first.photo_id)


def test_a_photo_that_looks_like_another_licensors_waits_for_a_person(
    bank: Bank, photo: Callable[..., NewPhoto], rival: str
) -> None:
    first = take(bank, photo("first.png", scene(5)))
    held = take(bank, photo("held.png", shared(scene(5)), rival))
    assert bank.photo(held.photo_id).quarantine_reason == "likeness"
    assert bank.photo(first.photo_id).state == "admitted"
    with bank.sessions() as session:
        [waiting] = likenesses.waiting(session, by=bank.by.compliance)
    assert waiting.photo == held.photo_id

    decide(bank, reviewing.refuse, held.photo_id)

    assert bank.photo(held.photo_id).quarantine_reason == "likeness"
    assert bank.photo(first.photo_id).state == "admitted"
    decide(bank, reviewing.release, held.photo_id)  # somebody was wrong
    assert bank.photo(held.photo_id).state == "admitted"
    with bank.sessions() as session:
        shown = likenesses.likenesses(session, held.photo_id, by=bank.by.compliance)
    assert (shown.verdict, shown.reviewed_by) == ("released", bank.by.compliance.name)


def test_a_photo_without_a_license_is_held_when_it_gets_another_licensors(
    bank: Bank, photo: Callable[..., NewPhoto], rival: str
) -> None:
    take(bank, photo("first.png", scene(6)))
    copy = shared(scene(6))
    later = take(bank, photo("later.png", copy, licensed=False))
    assert bank.photo(later.photo_id).quarantine_reason == "unlicensed"

    assert take(bank, photo("later.png", copy, rival)).state == "quarantined"

    assert bank.photo(later.photo_id).quarantine_reason == "likeness"


def test_a_copy_waits_for_a_tombstone_that_is_being_made(bank: Bank, photo: Callable[..., NewPhoto]) -> None:
    first = take(bank, photo("first.png", scene(7)))
    batch_id = bank.open(photo("copy.png", shared(scene(7))))
    outcomes: list[Any] = []
    taking = threading.Thread(target=lambda: outcomes.append(bank.work(batch_id)["copy.png"]))
    with bank.sessions.begin() as session:
        catalog.tombstone(session, first.photo_id, reason="r", by=bank.by.compliance, at=bank.at)
        taking.start()
        deadline = time.monotonic() + DEADLINE_S
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while not session.scalar(text(waiting)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert not outcomes
    taking.join(DEADLINE_S)

    assert [(one.state, one.reason) for one in outcomes] == [("refused", "tombstone-likeness")]


def test_what_a_transaction_that_failed_has_written_is_like_nothing(
    bank: Bank, photo: Callable[..., NewPhoto]
) -> None:
    class Stop(BankError):
        pass

    first = take(bank, photo("first.png", scene(8)))
    with pytest.raises(Stop), bank.sessions.begin() as session:
        catalog.tombstone(session, first.photo_id, reason="r", by=bank.by.compliance, at=bank.at)
        assert fingerprints.any_buried(session)
        raise Stop

    assert take(bank, photo("copy.png", shared(scene(8)))).state == "taken"


def test_photos_from_before_are_hashed_and_compared_and_what_a_backup_brought_back_is_held(
    bank: Bank, photo: Callable[..., NewPhoto]
) -> None:
    old = take(bank, photo("old.png", scene(9)))
    twin = take(bank, photo("twin.png", cropped(scene(9))))
    with bank.sessions.begin() as session:
        session.execute(delete(PhotoFingerprint))
    gone = take(bank, photo("gone.png", scene(10)))
    bury(bank, gone.photo_id)
    with bank.sessions.begin() as session:  # as if the photo, and not its tombstone, came out of a backup
        session.execute(
            text("UPDATE photos SET state = 'admitted', erased_at = NULL WHERE id = :id"),
            {"id": gone.photo_id},
        )
    told: list[tuple[int, int]] = []

    done = comparing.compare(
        bank.sessions.begin,
        blobs=bank.blobs,
        by=bank.by.compliance,
        at=bank.at,
        said=lambda *numbers: told.append(numbers),
    )

    assert done.hashed == 3 and done.unreadable == {}
    assert told[-1] == (3, 3)
    assert done.held == (gone.photo_id,)
    assert bank.photo(gone.photo_id).quarantine_reason == "likeness"
    assert {bank.photo(one.photo_id).state for one in (old, twin)} == {"admitted"}
    again = comparing.compare(
        bank.sessions.begin, blobs=bank.blobs, by=bank.by.compliance, at=bank.at, said=lambda *_: None
    )
    assert again.hashed == 0
