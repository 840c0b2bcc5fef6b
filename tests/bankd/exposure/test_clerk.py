"""The clerk carries out what fell due, and marks and tells beside its rounds."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from bankd.audit import log
from bankd.clerk import Clerk
from bankd.exposure import withdrawing
from bankd.licensing.ending import DenyHold, Withdrawal
from bankd.notices.models import Notice


def test_a_round_carries_out_what_fell_due_and_the_rest_follows_beside_it(
    served: Any, later: Any, BY: SimpleNamespace
) -> None:
    rt = served.rt
    rt.settings = rt.settings.model_copy(
        update={"webhook_url": "http://127.0.0.1:9/hook", "webhook_secret": "x" * 32}
    )
    who = {"by": BY.compliance, "at": rt.now()}
    with rt.transaction() as session:
        withdrawing.withdraw(
            session, "license", "L-open", reason="r", since=rt.now() + timedelta(hours=1), **who
        )
        withdrawing.hold(
            session, "licensor", "agency", reason="r", ends_at=rt.now() + timedelta(hours=1), **who
        )
    clerk = Clerk(rt)
    try:
        clerk.stand()
        assert clerk._beside is not None
        clerk._beside.result(60)
        with rt.transaction() as session:
            assert session.scalars(select(Withdrawal.took_effect_at)).one() is None
        later(hours=1)
        clerk.stand()
        clerk._beside.result(60)
        clerk.stand()
        clerk._beside.result(60)
    finally:
        clerk.close()

    with rt.transaction() as session:
        withdrawal = session.scalars(select(Withdrawal)).one()
        hold = session.scalars(select(DenyHold)).one()
        told = {notice.kind: notice for notice in session.scalars(select(Notice))}
        kinds = [entry.kind for entry in log.read(session)]
    assert withdrawal.took_effect_at == withdrawal.marked_at == hold.ended_at == rt.now()
    assert set(told) == {"expiries", "withdrawal"}  # the hold was about to end
    assert told["withdrawal"].tries == 1 and "127.0.0.1:9" in (told["withdrawal"].last_error or "")
    assert kinds.index("withdrawal.took-effect") < kinds.index("withdrawal.marked")
