"""The head of a report, from what is on record at its moment."""

from sqlalchemy.orm import Session

from bankd.audit import checkpoints, log
from bankd.audit.canonical import moment
from bankd.policy import service as policy
from bankd.reports.kind import Context
from bankd.reports.report import Checkpoint, Head


def head(session: Session, context: Context, *, unverified: int) -> Head:
    """On what a report stands that this transaction gathers."""
    size = log.epoch(session)
    last = checkpoints.latest(session, up_to=size)
    return Head(
        entity=context.entity,
        as_of=moment(context.at),
        data_cut_off=size,
        policy_bundle=policy.active_digest(session),
        log_checkpoint=None
        if last is None
        else Checkpoint(size=last.size, root=last.root.hex(), at=moment(last.at)),
        unverified_facts=unverified,
        prepared_by=context.by.name,
    )
