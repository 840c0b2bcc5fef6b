"""Carry out what was decided: rows, then what the log told, bytes last, and a certificate when all is gone.

Each step is a transaction of its own that says what it did; bytes are deleted after rows say so, and the
stamp that they are gone comes after. So whatever dies at any moment leaves a step to be done again, and every
step may be done twice. The clerk calls `carry_on`; so does the command, to be done when it returns.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import exists, func, literal, or_, select, text, union, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.kinds import Kind
from bankd.catalog.models import PhotoRelease
from bankd.erasure import certificates, covering, retaining
from bankd.erasure.models import Erasure, ErasureComposite, ErasurePhoto, ErasureRelease
from bankd.issued import service as issued
from bankd.issued.models import IssuedReport, ReportSubject, prefix
from bankd.licensing import service as licensing
from bankd.licensing.ending import Withdrawal
from bankd.licensing.models import Release
from bankd.provenance.models import Composite, Usage
from bankd.retrieval import keeping
from bankd.runtime import Runtime
from bankd.synthesis import service as synthesis
from bankd.synthesis.models import Clearance, Order, OrderState
from bankd.synthesis.steps import SEAL_GRACE

LATE_REPORTS = timedelta(days=1)  # the longest that making one may take
BATCH = 500  # photos of which composites, orders and the log's payloads are looked for at once


def carry_on(rt: Runtime) -> int:
    """Do all that can be done now; how many steps that were. Nothing is done of what a duty keeps."""
    done = 0
    with rt.transaction() as session:
        done += session.scalar(text("SELECT expire_tombstones(:at)"), {"at": rt.now()}) or 0
    while _empty_photo(rt):
        done += 1
    while _gather(rt):
        done += 1
    while _empty_release(rt):
        done += 1
    done += _delete_of_photos(rt) + _delete_of_releases(rt)
    while _cover(rt):
        done += 1
    done += _drop_reports(rt)
    _clear_orders(rt)
    while _finish(rt):
        done += 1
    return done


def _empty_photo(rt: Runtime) -> bool:
    """Erase the rows of one photo that no duty keeps; False if there is none."""
    at = rt.now()
    with rt.transaction() as session:
        retaining.erasing(session)
        kept = exists().where(retaining.standing(at), retaining.on_photo(ErasurePhoto.photo_id))
        item = session.scalar(
            select(ErasurePhoto)
            .where(ErasurePhoto.rows_erased_at.is_(None), ~kept)
            .order_by(ErasurePhoto.photo_id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if item is None:
            return False
        found = session.execute(
            select(func.erase_photo_rows(item.photo_id, at, type_=postgresql.JSONB))
        ).scalar_one()
        item.prefixes = found.pop("prefixes")
        item.found = found
        item.rows_erased_at = at
        session.flush()
        log.append(
            session, Kind.PHOTO_EMPTIED, by=rt.actor, at=at,
            photo=item.photo_id, erasure=item.erasure_id, segments=found["segments"],
            descriptors=found["descriptors"],
        )  # fmt: skip
    return True


def _gather(rt: Runtime) -> bool:
    """Note which composites and orders used emptied photos, end the orders, erase what the log told of them.

    After the rows, and so after the decision committed: no seal and no order comes any more that uses them.
    """
    at = rt.now()
    with rt.transaction() as session:
        items = session.scalars(
            select(ErasurePhoto)
            .where(ErasurePhoto.rows_erased_at.is_not(None), ErasurePhoto.gathered_at.is_(None))
            .order_by(ErasurePhoto.erasure_id, ErasurePhoto.photo_id)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        ).all()
        if not items:
            return False
        of = items[0].erasure_id
        items = [item for item in items if item.erasure_id == of]
        photos = [item.photo_id for item in items]
        placed = select(Usage.composite_id).where(Usage.photo_id.in_(photos)).distinct().subquery()
        session.execute(
            postgresql.insert(ErasureComposite)
            .from_select(
                ["erasure_id", "composite_id"],
                select(literal(of), placed.c.composite_id),
            )
            .on_conflict_do_nothing()
        )
        _end_orders(session, rt, of, photos, at=at)
        entries: dict[str, list[int]] = {}
        for entry, subject in _erase_payloads(session, photos=photos):
            entries.setdefault(subject, []).append(entry)
        whose = {place: item for item in items for place in (*item.prefixes, str(item.photo_id))}
        for subject, numbers in entries.items():
            item = whose[subject]
            item.payloads = sorted({*item.payloads, *numbers})
        for item in items:
            item.gathered_at = at
        session.flush()
        log.append(
            session, Kind.ERASURE_PAYLOADS_ERASED, by=rt.actor, at=at,
            erasure=of, photos=photos, entries=sorted(number for some in entries.values() for number in some),
        )  # fmt: skip
    return True


def _end_orders(session: Session, rt: Runtime, erasure_id: UUID, photos: list[UUID], *, at: datetime) -> None:
    used = Clearance.relied.has_any(postgresql.array([str(photo) for photo in photos]))
    orders = session.scalars(
        select(Order).join(Clearance, Clearance.id == Order.clearance_id).where(used).order_by(Order.id)
    ).all()
    if not orders:
        return
    for order in orders:
        if order.state == OrderState.MADE:
            synthesis.void(
                session, order, why="a photo in it was erased", kind=Kind.ORDER_FAILED, by=rt.actor, at=at
            )
    erasure = session.get_one(Erasure, erasure_id, with_for_update=True, populate_existing=True)
    erasure.orders = sorted({*erasure.orders, *(order.id for order in orders)})
    # A result can be put, and the archive read, by links that live as long as the order.
    last = max(order.expires_at for order in orders) + SEAL_GRACE
    erasure.links_until = max(last, erasure.links_until or last)
    session.flush()


def _empty_release(rt: Runtime) -> bool:
    """Erase one release that no duty keeps, once no photo holds it and its withdrawals are marked."""
    at = rt.now()
    with rt.transaction() as session:
        retaining.erasing(session)
        kept = exists().where(retaining.standing(at), retaining.on_release()).correlate(Release)
        held = exists().where(PhotoRelease.release_id == Release.id).correlate(Release)
        unmarked = (
            exists()
            .where(
                Withdrawal.marked_at.is_(None),
                (Withdrawal.subject == "release") & (Withdrawal.subject_id == Release.id)
                | (Withdrawal.subject == "person") & (Withdrawal.ref == Release.subject),
            )
            .correlate(Release)
        )
        item = session.scalar(
            select(ErasureRelease)
            .join(Release, Release.id == ErasureRelease.release_id)
            .where(ErasureRelease.rows_erased_at.is_(None), ~kept, ~held, ~unmarked)
            .order_by(ErasureRelease.release_id)
            .limit(1)
            .with_for_update(skip_locked=True, of=ErasureRelease)
        )
        if item is None:
            return False
        found = session.execute(
            select(func.erase_release_rows(item.release_id, at, type_=postgresql.JSONB))
        ).scalar_one()
        item.documents = found["documents"]
        item.rows_erased_at = at
        session.flush()
        told = _erase_payloads(
            session,
            releases=[item.release_id],
            withdrawals=[UUID(one) for one in found["withdrawals"]],
            documents=item.documents,
        )
        item.payloads = sorted(entry for entry, _ in told)
        session.flush()
        log.append(
            session, Kind.ERASURE_RELEASE_EMPTIED, by=rt.actor, at=at,
            erasure=item.erasure_id, release=item.release_id, entries=item.payloads,
            documents=len(item.documents),
        )  # fmt: skip
    return True


def _erase_payloads(
    session: Session,
    *,
    photos: list[UUID] | None = None,
    releases: list[UUID] | None = None,
    withdrawals: list[UUID] | None = None,
    documents: list[str] | None = None,
) -> list[tuple[int, str]]:
    """The entries whose payload went, each with what it was about. Reads the log of these kinds once."""
    rows = session.execute(
        text(
            "SELECT entry, of_subject FROM erase_log_payloads(CAST(:photos AS uuid[]),"
            " CAST(:releases AS uuid[]), CAST(:withdrawals AS uuid[]), CAST(:documents AS text[]))"
        ),
        {
            "photos": photos or [],
            "releases": releases or [],
            "withdrawals": withdrawals or [],
            "documents": documents or [],
        },
    )
    return [(entry, subject) for entry, subject in rows]


def _delete_of_photos(rt: Runtime) -> int:
    """Delete what the store has of photos whose rows are gone, and only then say so."""
    with rt.transaction() as session:
        waiting = session.execute(
            select(ErasurePhoto.photo_id, ErasurePhoto.prefixes).where(
                ErasurePhoto.gathered_at.is_not(None), ErasurePhoto.bytes_erased_at.is_(None)
            )
        ).all()
    _drop_index_files(rt, [photo_id for photo_id, _ in waiting])
    for photo_id, prefixes in waiting:
        objects = sum(rt.blobs.delete_prefix(prefix) for prefix in prefixes)
        with rt.transaction() as session:
            item = session.scalars(
                select(ErasurePhoto).where(ErasurePhoto.photo_id == photo_id).with_for_update()
            ).one()
            # Of a step done twice, the first run deleted them and could not say so.
            item.found = {**item.found, "objects": item.found.get("objects", 0) + objects}
            item.bytes_erased_at = item.bytes_erased_at or rt.now()
    return len(waiting)


def _delete_of_releases(rt: Runtime) -> int:
    with rt.transaction() as session:
        waiting = session.execute(
            select(ErasureRelease.release_id, ErasureRelease.documents).where(
                ErasureRelease.rows_erased_at.is_not(None), ErasureRelease.bytes_erased_at.is_(None)
            )
        ).all()
    for release_id, documents in waiting:
        for sha256 in documents:
            rt.blobs.delete(licensing.document_key(sha256))
        with rt.transaction() as session:
            session.execute(
                update(ErasureRelease)
                .where(ErasureRelease.release_id == release_id, ErasureRelease.bytes_erased_at.is_(None))
                # Their hashes were for this alone.
                .values(bytes_erased_at=rt.now(), documents=["erased"] * len(documents))
            )
    return len(waiting)


def _cover(rt: Runtime) -> bool:
    """Bring one composite into the shape that its erasure says; False if all are."""
    with rt.transaction() as session:
        found = session.execute(
            select(ErasureComposite.composite_id, Erasure)
            .join(Erasure, Erasure.id == ErasureComposite.erasure_id)
            .where(ErasureComposite.done_at.is_(None))
            .order_by(ErasureComposite.erasure_id, ErasureComposite.composite_id)
            .limit(1)
        ).one_or_none()
        if found is None:
            return False
        composite_id, erasure = found
        composite = session.get_one(Composite, composite_id)
        photos = set(
            session.scalars(
                select(ErasurePhoto.photo_id)
                .join(Usage, Usage.photo_id == ErasurePhoto.photo_id)
                .where(Usage.composite_id == composite_id, ErasurePhoto.rows_erased_at.is_not(None))
            )
        )
    became = covering.became(erasure.composites, before=composite.erased_as)
    if became == "deleted":
        _stamp(rt, erasure.id, composite_id, became, None, leftover=set())
        rt.blobs.delete_prefix(f"composites/{composite_id}")
    elif became == "blurred":
        made = covering.keep_covered(composite, photos, blobs=rt.blobs)
        others = covering.others(composite, keep=made)
        for key in _stamp(rt, erasure.id, composite_id, became, made, leftover=others):
            rt.blobs.delete(key)
    elif erasure.gates == "deleted":
        rt.blobs.delete(covering.gate_key(composite_id))
    with rt.transaction() as session:
        done = _item(session, erasure.id, composite_id)
        if done.done_at is None:
            done.done_at = rt.now()
            log.append(
                session, Kind.ERASURE_COMPOSITE_DONE, by=rt.actor, at=rt.now(),
                erasure=erasure.id, composite=composite_id, became=became, gate=erasure.gates,
            )  # fmt: skip
    return True


def _stamp(
    rt: Runtime, erasure_id: UUID, composite_id: UUID, became: str, key: str | None, *, leftover: set[str]
) -> list[str]:
    """Say what a composite is now, and what is still to be deleted of it, also by an earlier try."""
    with rt.transaction() as session:
        item = _item(session, erasure_id, composite_id)
        item.leftover = sorted({*item.leftover, *leftover} - {key})
        composite = session.get_one(Composite, composite_id, with_for_update=True, populate_existing=True)
        composite.erased_at = composite.erased_at or rt.now()
        composite.erased_as, composite.blurred_key = became, key
        return item.leftover


def _item(session: Session, erasure_id: UUID, composite_id: UUID) -> ErasureComposite:
    return session.get_one(
        ErasureComposite, (erasure_id, composite_id), with_for_update=True, populate_existing=True
    )


def _drop_reports(rt: Runtime) -> int:
    """Take kept reports out of use that name what is erased by now, and delete their bytes; how many.

    One that was made since names it no more than the bank itself does: by its id. One that was being made
    meanwhile may be filed late, so erasures that were finished a while ago are looked at too.
    """
    at = rt.now()
    open_ = or_(Erasure.finished_at.is_(None), Erasure.finished_at > at - LATE_REPORTS)
    of_photos = (
        select(ReportSubject.report_id, Erasure.id.label("erasure_id"), ReportSubject.asked)
        .join(ErasurePhoto, ErasurePhoto.photo_id == ReportSubject.subject_id)
        .join(Erasure, Erasure.id == ErasurePhoto.erasure_id)
        .join(IssuedReport, IssuedReport.id == ReportSubject.report_id)
        .where(
            ReportSubject.subject == "photo",
            IssuedReport.dropped_at.is_(None),
            IssuedReport.as_of < ErasurePhoto.gathered_at,
            open_,
        )
    )
    of_releases = (
        select(ReportSubject.report_id, Erasure.id.label("erasure_id"), ReportSubject.asked)
        .join(ErasureRelease, ErasureRelease.release_id == ReportSubject.subject_id)
        .join(Erasure, Erasure.id == ErasureRelease.erasure_id)
        .join(IssuedReport, IssuedReport.id == ReportSubject.report_id)
        .where(
            ReportSubject.subject == "release",
            IssuedReport.dropped_at.is_(None),
            IssuedReport.as_of < ErasureRelease.bytes_erased_at,
            open_,
        )
    )
    with rt.transaction() as session:
        rows = session.execute(union(of_photos, of_releases)).all()
    found: dict[UUID, tuple[UUID, bool]] = {}
    for report_id, erasure_id, asked in rows:
        found[report_id] = (erasure_id, asked or found.get(report_id, (None, False))[1])
    dropped = 0
    for report_id, (erasure_id, about) in sorted(found.items()):
        with rt.transaction() as session:
            dropped += issued.drop(
                session, report_id, erasure_id=erasure_id, about=about, by=rt.actor, at=rt.now()
            )
    with rt.transaction() as session:
        going = issued.going(session)
    for report_id in going:
        rt.blobs.delete_prefix(prefix(report_id))
        with rt.transaction() as session:
            issued.gone(session, report_id, at=rt.now())
    return dropped


def _clear_orders(rt: Runtime) -> None:
    """Delete what orders left, again and again until nobody has a link any more."""
    at = rt.now()
    with rt.transaction() as session:
        using = session.scalars(select(Erasure).where(func.cardinality(Erasure.orders) > 0)).all()
    for erasure in using:
        for order_id in erasure.orders:
            rt.blobs.delete_prefix(f"orders/{order_id}")
        if erasure.links_until is not None and erasure.links_until <= at:
            with rt.transaction() as session:
                session.execute(
                    update(Erasure)
                    .where(Erasure.id == erasure.id, Erasure.orders == erasure.orders)
                    .values(orders=[], links_until=None)
                )


def _drop_index_files(rt: Runtime, photos: Collection[UUID]) -> None:
    """Delete index files of this machine that hold rows of these photos; workers write them anew."""
    folder = rt.settings.home / "indexes"
    gone = frozenset(photo.bytes for photo in photos)
    for file in sorted(folder.iterdir()) if gone and folder.is_dir() else ():
        if not keeping.being_written(file) and keeping.holds(file, gone):
            file.unlink(missing_ok=True)


def _finish(rt: Runtime) -> bool:
    """Close one erasure of which nothing is left to do, and sign its certificate."""
    at = rt.now()
    with rt.transaction() as session:
        photos = exists().where(ErasurePhoto.erasure_id == Erasure.id, ErasurePhoto.bytes_erased_at.is_(None))
        releases = exists().where(
            ErasureRelease.erasure_id == Erasure.id, ErasureRelease.bytes_erased_at.is_(None)
        )
        composites = exists().where(
            ErasureComposite.erasure_id == Erasure.id, ErasureComposite.done_at.is_(None)
        )
        erasure = session.scalar(
            select(Erasure)
            .where(
                Erasure.finished_at.is_(None),
                Erasure.links_until.is_(None),
                ~photos,
                ~releases,
                ~composites,
            )
            .order_by(Erasure.decided_at, Erasure.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if erasure is None:
            return False
        if erasure.subject in ("person", "release"):
            erasure.ref = "erased"
        drawn = certificates.draw_up(session, erasure, house=rt.log_origin, complete=True, at=at)
        erasure.certificate = drawn
        erasure.signature = certificates.sign(drawn, rt.manifest_key).hex()
        erasure.finished_at = at
        session.flush()
        log.append(
            session, Kind.ERASURE_FINISHED, by=rt.actor, at=at,
            erasure=erasure.id, certificate=certificates.digest(drawn),
        )  # fmt: skip
    return True
