"""An erasure from the decision to the certificate, on a real database and store."""

import hashlib
import io
import json
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import func, select, text

from bankd.access.errors import NotPermitted
from bankd.audit import checkpoints, log, proofs
from bankd.audit import verify as verification
from bankd.catalog import service as catalog
from bankd.catalog.models import Descriptor, Photo, PhotoFingerprint, Segment, Tombstone
from bankd.db import make_engine
from bankd.erasure import certificates, covering, service
from bankd.erasure.errors import (
    AlreadyErased,
    CertificateInvalid,
    ErasureUnfit,
    RetentionAlreadyOver,
    RetentionUnfit,
)
from bankd.erasure.models import ErasurePhoto
from bankd.erasure.service import Handling
from bankd.licensing import service as licensing
from bankd.licensing.consents import ReleaseTerms
from bankd.licensing.depicted import Depictions
from bankd.licensing.models import Release
from bankd.provenance.errors import CompositeErased
from bankd.runtime import Runtime
from bankd.usage import mapping

LINKS = timedelta(minutes=31)  # an order's life, and the time in which it may still be sealed


def entry_of(eraser: Any, kind: str, photo: UUID) -> int:
    with eraser.rt.transaction() as session:
        return next(
            one.index
            for one in log.read(session)
            if one.kind == kind and one.payload and one.payload["objects"].get("photo") == str(photo)
        )


def test_an_erased_photo_leaves_no_bytes_no_personal_field_and_proofs_that_hold(
    served: Any, eraser: Any, later: Any
) -> None:
    rt = eraser.rt
    composite = eraser.desk.composite()
    photo = eraser.placed(composite.id)[0]
    before, name = eraser.photo(photo), eraser.photo(photo).name
    with rt.transaction() as session:
        look = session.scalars(select(PhotoFingerprint).where(PhotoFingerprint.photo_id == photo)).one()
    admitted = entry_of(eraser, "photo.admitted", photo)
    assert len(eraser.keys(str(photo))) >= 4
    assert eraser.tables_with(name) == {"batch_items", "photos"}

    decided = eraser.decide("photo", photo, handling=Handling(composites="blurred"))
    assert eraser.photo(photo).state == "erased" and eraser.keys(str(photo))  # out of use first
    eraser.carry_on()

    assert eraser.keys(str(photo)) == []
    assert eraser.tables_with(name) == set()
    assert eraser.tables_with(before.pixel_sha256) == {"tombstones"}
    # The hash of its bytes is what manifests are about, and what the tombstone refuses.
    assert eraser.tables_with(before.sha256) == {"tombstones", "composites"}
    with rt.transaction() as session:
        for table in (Segment, Descriptor):
            assert session.scalar(select(func.count()).where(table.photo_id == photo)) == 0
        mapping.signer(rt).sign(session, at=rt.now())
    with rt.transaction() as session:
        report = verification.verify(session, rt.log_key.public_key())
        assert report.holds and report.erased == 1 and report.signed == report.entries
        head = checkpoints.latest(session)
        assert head is not None
        proof = proofs.prove(session, admitted, head)
    assert proof.payload is None and proof.salt is None
    assert proofs.check(proof, rt.log_key.public_key()).size == report.entries

    # The order's links are out there yet: its archive is gone, the certificate waits.
    assert eraser.erasure(decided.id).finished_at is None
    later(seconds=LINKS.total_seconds())
    eraser.carry_on()
    done = eraser.erasure(decided.id)
    assert done.finished_at == rt.now()
    for order in eraser.rt.blobs._client.list_objects(rt.blobs._bucket, prefix="orders/", recursive=True):
        assert str(composite.order_id) not in str(order.object_name)

    given = eraser.certificate(decided.id)
    told = certificates.check(json.dumps(given).encode(), rt.manifest_key.public_key())
    assert told["complete"] and told["photos"][0]["log_payloads"] == [admitted]
    assert told["photos"][0]["objects"] >= 4 and told["photos"][0]["segments"] == 3
    assert [one["became"] for one in told["composites"]] == ["blurred"]
    assert {"tombstones", "log"} <= {one["where"] for one in told["remains"]}
    (buried,) = [one for one in told["remains"] if one["where"] == "tombstones"]
    for kept, named in ((look.pdq, "PDQ"), (look.phash, "pHash"), (look.crops, "crops"), (look.iscc, "ISCC")):
        needle = kept if isinstance(kept, str) else kept.hex()
        assert "fingerprints" in eraser.tables_with(needle) and named in buried["what"]
    assert name not in str(told)
    given["certificate"]["photos"][0]["segments"] = 0
    with pytest.raises(CertificateInvalid, match="not what was signed"):
        certificates.check(json.dumps(given).encode(), rt.manifest_key.public_key())
    assert eraser.carry_on() == 0  # nothing is left to do


def test_who_signed_a_photo_is_forgotten_with_it(served: Any, eraser: Any) -> None:
    photo = eraser.placed(eraser.desk.composite().id)[0]
    engine = make_engine(eraser.rt.settings.database_owner_url)
    with engine.begin() as connection:
        arrived = {"state": "valid", "signer": "Camera of Aiko Mori"}
        written = text("UPDATE photos SET credentials = cast(:arrived AS jsonb) WHERE id = :photo")
        connection.execute(written, {"arrived": json.dumps(arrived), "photo": photo})
    engine.dispose()
    assert eraser.tables_with("Camera of Aiko Mori") == {"photos"}

    eraser.decide("photo", photo)
    eraser.carry_on()

    assert eraser.photo(photo).credentials is None and eraser.tables_with("Camera of Aiko Mori") == set()


def test_a_composite_is_covered_where_the_photo_fed_it_and_is_not_handed_out(
    served: Any, eraser: Any
) -> None:
    composite = eraser.desk.composite()
    photo = eraser.placed(composite.id)[0]
    original = eraser.rt.blobs.get(composite.blob_key, limit_bytes=1 << 24)

    eraser.erase("photo", photo)

    row = eraser.composite(composite.id)
    assert (row.erased_as, row.erased_at) == ("blurred", eraser.rt.now())
    assert eraser.keys(f"composites/{composite.id}") == [row.blurred_key]
    left = eraser.rt.blobs.get(row.blurred_key, limit_bytes=1 << 24)
    where = covering.area(composite.manifest, {photo})
    was, now = (np.asarray(Image.open(io.BytesIO(png)).convert("RGB")) for png in (original, left))
    assert where.any() and np.array_equal(was[~where], now[~where])
    assert (
        len(np.unique(now[where].reshape(-1, 3), axis=0))
        <= 3
        < len(np.unique(was[where].reshape(-1, 3), axis=0))
    )
    with pytest.raises(CompositeErased, match="was erased at"):
        eraser.desk.give(composite.id)


@pytest.mark.parametrize("wanted", ["kept", "deleted"])
def test_compliance_decides_what_becomes_of_composites(served: Any, eraser: Any, wanted: str) -> None:
    composite = eraser.desk.composite()
    photo = eraser.placed(composite.id)[0]

    eraser.erase("photo", photo, handling=Handling(composites=wanted))

    kept = [composite.blob_key] if wanted == "kept" else []
    assert eraser.keys(f"composites/{composite.id}") == kept
    if wanted == "kept":
        given = eraser.desk.give(composite.id)  # its file is there, and the photo does not clear
        assert "photo-erased" in given.reasons


def test_an_erased_photo_does_not_come_back(served: Any, eraser: Any) -> None:
    ref = eraser.bank.grant("again")
    [photo] = eraser.bank.take((ref,), first=7)
    eraser.erase("photo", photo)

    with pytest.raises(AssertionError, match="tombstoned"):
        eraser.bank.take((ref,), first=7)
    with pytest.raises(AlreadyErased, match="in erasure"):
        eraser.decide("photo", photo)


def test_a_tombstone_goes_on_its_day(served: Any, eraser: Any, later: Any) -> None:
    ref = eraser.bank.grant("again")
    [photo] = eraser.bank.take((ref,), first=7)
    eraser.erase("photo", photo, delete_after=eraser.rt.now() + timedelta(days=1))
    eraser.carry_on()
    with pytest.raises(AssertionError, match="tombstoned"):
        eraser.bank.take((ref,), first=7)

    later(days=1)
    eraser.carry_on()

    with eraser.rt.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Tombstone)) == 0
    assert eraser.bank.take((ref,), first=7) != [photo]


def test_a_licensors_photos_are_refused_by_way_of_him_alone(bank: Any, eraser: Any, BY: Any) -> None:
    mine, shared = bank.grant("mine"), bank.grant("shared")
    with bank.rt.transaction() as session:
        licensing.record_licensor(session, "other", name="Other", by=BY.librarian, at=bank.rt.now())
        theirs = licensing.record_license(
            session, "L-theirs", licensor="other", title="T", basis="licensed", by=BY.librarian,
            at=bank.rt.now(),
        )  # fmt: skip
        terms = licensing.grants_by_ref(session, [mine])[mine].terms
        licensing.record_grant(session, theirs.id, ref="all", terms=terms, by=BY.librarian, at=bank.rt.now())
    alone, both = bank.take((mine,), (shared, "L-theirs/all"))

    with bank.rt.transaction() as session:
        planned = service.plan(session, "licensor", "agency", by=BY.compliance, at=bank.rt.now())
    assert (planned.photos, planned.photos_elsewhere, planned.scope) == ((alone,), 1, "licensor")
    eraser.erase("licensor", "agency")

    assert eraser.photo(both).state == "admitted" and eraser.keys(str(both))
    assert eraser.keys(str(alone)) == []
    with pytest.raises(AssertionError, match="tombstoned"):
        bank.take((mine,))
    assert bank.take(("L-theirs/all",)) != [alone]


def test_a_legal_hold_blocks_until_it_is_lifted(served: Any, eraser: Any) -> None:
    [photo] = eraser.bank.take((eraser.bank.grant("held"),), first=9)
    hold = eraser.retain("license", "L-held")
    with eraser.rt.transaction() as session:
        planned = service.plan(session, "photo", str(photo), **eraser.who)
    assert [(one.what, one.id, one.retentions[0].id) for one in planned.kept] == [("photo", photo, hold.id)]

    made = eraser.erase("photo", photo)

    assert eraser.photo(photo).state == "erased"  # out of use at once all the same
    assert eraser.photo(photo).name == "photo-9.png" and eraser.keys(str(photo))
    facts = eraser.facts(made.id)
    assert facts["state"] == "kept" and facts["kept"][0]["by"][0]["class"] == "legal-hold"
    part = eraser.certificate(made.id)["certificate"]
    assert not part["complete"] and part["photos"][0]["kept_by"] == [{"class": "legal-hold", "until": None}]
    assert part["remains"][0]["what"].startswith("photos out of use")

    eraser.lift(hold.id)
    eraser.carry_on()
    assert eraser.keys(str(photo)) == [] and eraser.facts(made.id)["state"] == "done"
    with pytest.raises(RetentionAlreadyOver):
        eraser.lift(hold.id)


@pytest.mark.parametrize("class_", ["tax", "contract", "claim"])
def test_what_has_to_be_kept_for_a_time_is_erased_when_that_is_over(
    served: Any, eraser: Any, later: Any, class_: str
) -> None:
    [photo] = eraser.bank.take((eraser.bank.grant("kept"),), first=9)
    eraser.retain("photo", photo, class_=class_, ends_at=eraser.rt.now() + timedelta(days=9))
    eraser.erase("photo", photo)
    later(days=8)
    eraser.carry_on()
    assert eraser.keys(str(photo))

    later(days=1)
    eraser.carry_on()

    assert eraser.keys(str(photo)) == [] and eraser.photo(photo).name == "erased"


def test_a_person_is_gone_with_every_photo_and_paper(bank: Any, eraser: Any) -> None:
    first, other = bank.take((bank.grant("a"),), (bank.grant("b"),))
    paper = b"I, Hanako Yamada, agree"
    rt = eraser.rt
    with rt.transaction() as session:
        sha256 = licensing.record_document(
            session, paper, name="yamada.txt", media_type="text/plain", blobs=rt.blobs, **eraser.who
        ).sha256
        terms = ReleaseTerms(kind="model", status="released", youngest="adult", synthetic_depiction=True)
        made = licensing.record_release(
            session, "R-hanako", terms=terms, subject="P-hanako", document_sha256=sha256,
            quote="I, Hanako", **eraser.who,
        )  # fmt: skip
        shown = Depictions(
            persons=True, model_release="released", youngest="adult", property_release="not-needed"
        )
        catalog.attach_grants(session, first, [], release_ids=[made.id], depictions=shown, **eraser.who)
    assert rt.blobs.exists(licensing.document_key(sha256))

    erasure = eraser.erase("person", "P-hanako")

    assert erasure.finished_at and erasure.ref == "erased"
    for needle in ("hanako", "yamada", sha256):
        assert eraser.tables_with(needle) == set(), needle
    assert not rt.blobs.exists(licensing.document_key(sha256))
    assert eraser.photo(first).state == "erased" and eraser.photo(other).state == "admitted"
    with rt.transaction() as session:
        assert session.get_one(Release, made.id).erased_at == rt.now()
    told = eraser.certificate(erasure.id)["certificate"]
    digest = hashlib.sha256(f"{erasure.id}\nperson\nP-hanako".encode()).hexdigest()
    assert told["subject_digest"] == digest and "hanako" not in str(told).lower()
    assert told["releases"][0]["documents"] == 1 and len(told["releases"][0]["log_payloads"]) == 2


def test_a_kill_at_any_moment_leaves_what_the_sweep_completes(
    served: Any, eraser: Any, later: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    composite = eraser.desk.composite()
    photo = eraser.placed(composite.id)[0]
    decided = eraser.decide("photo", photo)
    later(seconds=LINKS.total_seconds())
    deaths = 0
    for step in range(1, 40):
        child = os.fork()
        if child == 0:
            _die(eraser, step)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        deaths += 1
        with eraser.rt.transaction() as session:
            item = session.get_one(ErasurePhoto, (decided.id, photo))
            # Whatever was reached: what says that it is gone is gone.
            if item.rows_erased_at is not None:
                assert eraser.photo(photo).name == "erased"
            if item.bytes_erased_at is not None:
                assert eraser.keys(str(photo)) == []
    eraser.carry_on()

    assert deaths >= 5
    assert eraser.keys(str(photo)) == [] and eraser.erasure(decided.id).finished_at
    row = eraser.composite(composite.id)
    assert eraser.keys(f"composites/{composite.id}") == [row.blurred_key]
    with eraser.rt.transaction() as session:
        kinds = [one.kind for one in log.read(session)]
    for once in ("photo.erased", "photo.emptied", "erasure.finished", "erasure.composite-done"):
        assert kinds.count(once) == 1


def _die(eraser: Any, step: int) -> None:
    """Carry on in a process that is killed when it comes to its `step`th touch of database or store."""
    touched = 0
    failed = 1
    signal.alarm(600)  # should it hang on what a thread held when it was forked
    try:
        rt = eraser.rt
        rt.engine.dispose(close=False)
        rt.__dict__.pop("engine", None)
        rt.__dict__.pop("blobs", None)
        real, blobs = Runtime.transaction, rt.blobs

        def touch() -> None:
            nonlocal touched
            touched += 1
            if touched > step:
                os.kill(os.getpid(), signal.SIGKILL)

        def transaction() -> Any:
            touch()
            return real(rt)

        rt.transaction = transaction
        for name in ("delete_prefix", "delete", "put"):
            setattr(blobs, name, _touching(getattr(blobs, name), touch))
        eraser.carry_on()
        failed = 0
    finally:
        os._exit(failed)


def _touching(do: Callable[..., Any], touch: Callable[[], None]) -> Callable[..., Any]:
    def touching(*args: Any, **more: Any) -> Any:
        touch()
        return do(*args, **more)

    return touching


def test_nobody_blanks_what_no_erasure_names(served: Any, eraser: Any, BY: Any) -> None:
    with eraser.rt.transaction() as session:
        photo = session.scalars(select(Photo.id)).first()
        index = log.epoch(session) - 1
    for statement, words in (
        ("SELECT erase_photo_rows(:photo, now())", "no erasure of photo"),
        ("SELECT erase_release_rows(:photo, now())", "no erasure of release"),
        ("DELETE FROM log_payloads WHERE index = :index", "permission denied"),
        ("DELETE FROM segments WHERE photo_id = :photo", "permission denied"),
        ("UPDATE tombstones SET delete_after = now()", "permission denied"),
    ):
        with pytest.raises(Exception, match=words), eraser.rt.transaction() as session:
            session.execute(text(statement), {"photo": photo, "index": index})
    with eraser.rt.transaction() as session:
        gone = session.execute(
            text("SELECT * FROM erase_log_payloads(ARRAY[CAST(:photo AS uuid)], '{}', '{}', '{}')"),
            {"photo": photo},
        ).all()
    assert gone == []
    with pytest.raises(NotPermitted), eraser.rt.transaction() as session:
        service.carry_out(
            session, "photo", str(photo), reason="r", ground="house", handling=Handling(),
            by=BY.librarian, at=eraser.rt.now(),
        )  # fmt: skip


def test_what_cannot_be_is_refused_in_a_sentence(served: Any, eraser: Any) -> None:
    now = eraser.rt.now()
    with eraser.rt.transaction() as session:
        photo = session.scalars(select(Photo.id)).first()
    for more, words in (
        ({"ground": "whim"}, "unknown ground"),
        ({"scope": "licensor"}, "one licensor's way in"),
        ({"delete_after": now}, "not ahead"),
        ({"handling": Handling(composites="sold")}, "composites are"),
        ({"handling": Handling(composites="deleted", gates="kept")}, "gate map"),
        ({"handling": Handling(backups="deleted")}, "by when"),
        ({"handling": Handling(backups_until=now)}, "which is past"),
    ):
        with pytest.raises(ErasureUnfit, match=words):
            eraser.decide("photo", photo, **more)
    with pytest.raises(ErasureUnfit, match="not a `license`"):
        eraser.decide("license", "L-open")
    for more, words in (
        ({"class_": "tax"}, "needs an end"),
        ({"class_": "whim"}, "unknown class"),
        ({"ends_at": now}, "not ahead"),
    ):
        with pytest.raises(RetentionUnfit, match=words):
            eraser.retain("photo", photo, **more)
    assert eraser.photo(photo).state == "admitted"
