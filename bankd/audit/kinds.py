"""Everything that can be written into the log, and which of it moves rights."""

from enum import StrEnum


class Kind(StrEnum):
    """A closed list: what is not here cannot have happened. A kind once written is never renamed."""

    LICENSOR_RECORDED = "licensor.recorded"
    DOCUMENT_RECORDED = "document.recorded"
    LICENSE_RECORDED = "license.recorded"
    LICENSE_WITHDRAWN = "license.withdrawn"
    LICENSE_SUPERSEDED = "license.superseded"
    LICENSE_VERIFIED = "license.verified"
    LICENSE_NOTICE_GIVEN = "license.notice-given"
    GRANT_RECORDED = "grant.recorded"
    GRANT_WITHDRAWN = "grant.withdrawn"
    GRANT_SUPERSEDED = "grant.superseded"
    GRANT_VERIFIED = "grant.verified"
    GRANT_RENEWED = "grant.renewed"
    GRANT_CAPPED_OUT = "grant.capped-out"
    GRANT_CAP_FREED = "grant.cap-freed"
    GRANT_DENIED = "grant.denied"
    GRANT_DENIAL_LIFTED = "grant.denial-lifted"
    RELEASE_RECORDED = "release.recorded"
    RELEASE_SUPERSEDED = "release.superseded"
    WITHDRAWAL_RECORDED = "withdrawal.recorded"
    WITHDRAWAL_TOOK_EFFECT = "withdrawal.took-effect"
    WITHDRAWAL_MARKED = "withdrawal.marked"
    WITHDRAWAL_SETTLED = "withdrawal.settled"
    TAKEDOWN_DONE = "takedown.done"
    HOLD_SET = "hold.set"
    HOLD_BEGAN = "hold.began"
    HOLD_ENDED = "hold.ended"
    HOLD_LIFTED = "hold.lifted"
    SIGNOFF_AWAITED = "signoff.awaited"
    SIGNOFF_GIVEN = "signoff.given"
    SIGNOFF_DECLINED = "signoff.declined"
    SIGNOFF_LAPSED = "signoff.lapsed"
    SIGNOFF_WITHDRAWN = "signoff.withdrawn"
    SIGNOFF_SUPERSEDED = "signoff.superseded"
    EXPIRIES_FORETOLD = "expiries.foretold"
    NOTICE_DIED = "notice.died"
    NOTICE_RETRIED = "notice.retried"
    RIGHTS_ATTACHED = "rights.attached"
    RIGHTS_IMPORTED = "rights.imported"

    TAXONOMY_RECORDED = "taxonomy.recorded"
    BATCH_OPENED = "batch.opened"
    BATCH_CLOSED = "batch.closed"
    PHOTO_ADMITTED = "photo.admitted"
    PHOTO_QUARANTINED = "photo.quarantined"
    PHOTO_REFUSED = "photo.refused"
    PHOTO_DISPUTED = "photo.disputed"
    PHOTO_DISPUTE_LIFTED = "photo.dispute-lifted"
    PHOTO_EMBARGOED = "photo.embargoed"
    EMBEDDED_SUPERSEDED = "photo.embedded-superseded"
    PHOTO_ERASED = "photo.erased"
    PHOTO_EMPTIED = "photo.emptied"
    PHOTO_RETURNED = "photo.returned"
    PHOTO_FACES_DISMISSED = "photo.faces-dismissed"
    PHOTO_PRODUCT_RECORDED = "photo.product-recorded"
    PHOTO_LIKENESS_FOUND = "photo.likeness-found"
    PHOTO_LIKENESS_REVIEWED = "photo.likeness-reviewed"
    ERASURE_DECIDED = "erasure.decided"
    ERASURE_PAYLOADS_ERASED = "erasure.payloads-erased"
    ERASURE_RELEASE_EMPTIED = "erasure.release-emptied"
    ERASURE_COMPOSITE_DONE = "erasure.composite-done"
    ERASURE_FINISHED = "erasure.finished"
    RETENTION_SET = "retention.set"
    RETENTION_LIFTED = "retention.lifted"

    BUNDLE_ACTIVATED = "bundle.activated"

    SNAPSHOT_PINNED = "snapshot.pinned"
    SNAPSHOT_EXPORTED = "snapshot.exported"
    NETWORK_REGISTERED = "network.registered"
    EVALUATION_STARTED = "evaluation.started"

    REQUEST_FILED = "request.filed"
    REQUEST_CLEARED = "request.cleared"
    REQUEST_AWAITS = "request.awaits"
    REQUEST_RESUMED = "request.resumed"
    REQUEST_REFUSED = "request.refused"
    REQUEST_CANCELLED = "request.cancelled"
    REQUEST_FAILED = "request.failed"
    REQUEST_DEFAULTS_RECORDED = "request.defaults-recorded"
    ORDER_MADE = "order.made"
    ORDER_EXPIRED = "order.expired"
    ORDER_FAILED = "order.failed"
    RESULT_REFUSED = "result.refused"
    COMPOSITE_SEALED = "composite.sealed"
    COMPOSITE_TIME_STAMPED = "composite.time-stamped"
    COMPOSITE_REFUSED = "composite.refused"
    COMPOSITE_HANDED_OUT = "composite.handed-out"
    HANDOUT_REFUSED = "handout.refused"
    PUBLICATION_RECORDED = "publication.recorded"
    PUBLICATION_REPLACED = "publication.replaced"
    PUBLICATION_TAKEN_DOWN = "publication.taken-down"
    ROYALTY_ACCRUED = "royalty.accrued"
    ROYALTY_CORRECTED = "royalty.corrected"
    PAYEE_RECORDED = "payee.recorded"
    SPLIT_RECORDED = "split.recorded"
    RATE_RECORDED = "rate.recorded"
    STATEMENT_COMPUTED = "statement.computed"
    REPORT_MADE = "report.made"
    REPORT_ISSUED = "report.issued"
    REPORT_REDACTED = "report.redacted"
    REPORT_SCHEDULED = "report.scheduled"
    REPORT_UNSCHEDULED = "report.unscheduled"

    DEPARTMENT_RECORDED = "department.recorded"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    LOG_KEY_ROTATED = "log.key-rotated"
    MANIFEST_KEY_ROTATED = "manifest.key-rotated"


TOUCHES_RIGHTS = frozenset(
    {
        Kind.LICENSE_RECORDED,
        Kind.LICENSE_WITHDRAWN,
        Kind.LICENSE_SUPERSEDED,
        Kind.GRANT_RECORDED,
        Kind.GRANT_WITHDRAWN,
        Kind.GRANT_SUPERSEDED,
        Kind.GRANT_RENEWED,
        Kind.GRANT_CAPPED_OUT,
        Kind.GRANT_CAP_FREED,
        Kind.GRANT_DENIED,
        Kind.GRANT_DENIAL_LIFTED,
        Kind.RELEASE_RECORDED,
        Kind.RELEASE_SUPERSEDED,
        Kind.PHOTO_FACES_DISMISSED,
        Kind.PHOTO_PRODUCT_RECORDED,
        Kind.PHOTO_LIKENESS_FOUND,
        Kind.PHOTO_LIKENESS_REVIEWED,
        Kind.WITHDRAWAL_TOOK_EFFECT,
        Kind.SIGNOFF_WITHDRAWN,
        Kind.SIGNOFF_SUPERSEDED,
        Kind.HOLD_BEGAN,
        Kind.HOLD_ENDED,
        Kind.HOLD_LIFTED,
        Kind.RIGHTS_ATTACHED,
        Kind.RIGHTS_IMPORTED,
        Kind.PHOTO_DISPUTED,
        Kind.PHOTO_DISPUTE_LIFTED,
        Kind.PHOTO_EMBARGOED,
        Kind.EMBEDDED_SUPERSEDED,
        Kind.PHOTO_ERASED,
        Kind.BUNDLE_ACTIVATED,
    }
)
"""After one of these a clearance made before must be looked at again."""
