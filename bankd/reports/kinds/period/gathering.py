"""The figures of a period audit, counted by the database in one snapshot.

What happened is counted in the log, whose indexes lead to proofs; the state that requests are in, and what
the log does not tell, in the records. Nothing is read row by row: memory does not grow with the period.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.canonical import moment
from bankd.audit.kinds import Kind
from bankd.reports.errors import PeriodRefused
from bankd.reports.heading import head
from bankd.reports.kind import Context, Gathered
from bankd.reports.kinds.period import annexes, requests
from bankd.reports.kinds.period.agreement import agreement, unverified
from bankd.reports.kinds.period.asking import Asking, counted
from bankd.reports.kinds.period.model import (
    Access,
    Activation,
    Annex,
    Checkpoints,
    ErasureRow,
    Erasures,
    HandoutRow,
    Holds,
    KeyChange,
    Log,
    Period,
    PeriodReport,
    PeriodScope,
    Policies,
    PublicationRow,
    Uses,
    WithdrawalRow,
    Withdrawals,
    Witness,
)

MOST_KEYS = 200  # changes of signing keys named
ROTATED = tuple(kind for kind in Kind if kind.endswith(".key-rotated"))


def gather(session: Session, scope: PeriodScope, context: Context) -> Gathered[PeriodReport]:
    """The audit of a period. The session has to be of one snapshot.

    Of a period that is not over it tells what there was by then.

    Raises:
        PeriodRefused: it has not begun, or the actor is of one department and it is of the whole house.
    """
    if context.by.department_id is not None:
        raise PeriodRefused("the period audit is of the whole house: it takes a key of no department")
    if scope.since > context.at:
        raise PeriodRefused(f"the period begins on `{scope.first_day}`, which is not yet")
    cutoff = log.epoch(session)
    asking = Asking(session, scope, cutoff=cutoff)
    kinds = asking.all(
        """
        SELECT kind, count(*) AS count, min(index) AS first, max(index) AS last FROM log_entries
        WHERE index < :cutoff AND at >= :since AND at < :until GROUP BY kind ORDER BY kind
        """
    )
    counts = Counter({row.kind: row.count for row in kinds})
    weak = unverified(asking)
    listings: tuple[Annex, ...] = ()
    if context.aside is not None:
        listings = annexes.write(session, context.aside, scope, cutoff=cutoff)
    report = PeriodReport(
        head=head(session, context, unverified=len(weak.grants) + weak.left_off),
        period=Period(
            first_day=scope.first_day,
            last_day=scope.last_day,
            zone=scope.zone,
            since=moment(scope.since),
            until=moment(scope.until),
        ),
        requests=requests.requests(asking),
        refusals=requests.refusals(asking, counts),
        failures=requests.failures(asking),
        signoffs=requests.signoffs(asking),
        uses=_uses(asking, counts),
        withdrawals=_withdrawals(asking, counts),
        holds=_holds(asking, counts),
        erasures=_erasures(asking, counts),
        policies=_policies(asking),
        log=_log(asking, kinds),
        access=Access(
            keys_created=counts[Kind.KEY_CREATED],
            keys_revoked=counts[Kind.KEY_REVOKED],
            departments=counts[Kind.DEPARTMENT_RECORDED],
        ),
        agreement=agreement(asking),
        unverified=weak,
        annexes=listings,
    )
    return Gathered(report)


def _log(asking: Asking, kinds: Sequence[Any]) -> Log:
    signed = asking.one(
        """
        SELECT count(*) AS signed, min(size) AS first, max(size) AS last, max(gap) AS gap FROM (
            SELECT size, extract(epoch FROM at - lag(at) OVER (ORDER BY size))::bigint AS gap
            FROM log_checkpoints WHERE at >= :since AND at < :until AND size <= :cutoff
        ) AS heads
        """
    )
    keys = asking.told(ROTATED, "SELECT index, at, kind FROM told ORDER BY index LIMIT :most", most=MOST_KEYS)
    witnesses = asking.all(
        """
        SELECT witness, count(*) AS checkpoints, max(size) AS last_size FROM log_witnessed
        WHERE at >= :since AND at < :until AND size <= :cutoff GROUP BY witness ORDER BY witness
        """
    )
    return Log(
        entries=sum(row.count for row in kinds),
        first_index=min((row.first for row in kinds), default=None),
        last_index=max((row.last for row in kinds), default=None),
        kinds=counted({row.kind: row.count for row in kinds}),
        checkpoints=Checkpoints(
            signed=signed.signed,
            first_size=signed.first,
            last_size=signed.last,
            longest_gap_s=signed.gap,
        ),
        witnesses=tuple(
            Witness(witness=row.witness, checkpoints=row.checkpoints, last_size=row.last_size)
            for row in witnesses
        ),
        keys=tuple(KeyChange(at=moment(row.at), kind=row.kind, log_index=row.index) for row in keys),
    )


def _uses(asking: Asking, counts: Counter[str]) -> Uses:
    handouts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in asking.grouped([Kind.COMPOSITE_HANDED_OUT], "channel", "comp"):
        handouts[row.channel or "erased"]["comps" if row.comp == "true" else "composites"] += row.count
    published: dict[str, Counter[str]] = defaultdict(Counter)
    rows = asking.all(
        """
        SELECT channel, cardinality(outside) > 0 AS outside, count(*) AS count FROM publications
        WHERE recorded_at >= :since AND recorded_at < :until GROUP BY 1, 2
        """
    )
    for row in rows:
        published[row.channel]["recorded"] += row.count
        published[row.channel]["outside"] += row.count if row.outside else 0
    return Uses(
        sealed=counts[Kind.COMPOSITE_SEALED],
        handouts=tuple(
            HandoutRow(channel=channel, composites=of["composites"], comps=of["comps"])
            for channel, of in sorted(handouts.items())
        ),
        publications=tuple(
            PublicationRow(channel=channel, recorded=of["recorded"], outside=of["outside"])
            for channel, of in sorted(published.items())
        ),
        replaced=counts[Kind.PUBLICATION_REPLACED],
        taken_down=counts[Kind.PUBLICATION_TAKEN_DOWN],
    )


def _withdrawals(asking: Asking, counts: Counter[str]) -> Withdrawals:
    rows = asking.all(
        """
        SELECT kind, subject, count(*) AS count FROM withdrawals
        WHERE recorded_at >= :since AND recorded_at < :until GROUP BY 1, 2 ORDER BY 1, 2
        """
    )
    marked = asking.told(
        [Kind.WITHDRAWAL_MARKED],
        """
        SELECT count(*) AS marked, coalesce(sum((objects ->> 'composites')::bigint), 0) AS composites,
            coalesce(sum((objects ->> 'takedowns')::bigint), 0) AS takedowns
        FROM told
        """,
    )[0]
    open_ = asking.one("SELECT count(*) AS count FROM takedowns WHERE done_at IS NULL")
    return Withdrawals(
        recorded=tuple(WithdrawalRow(kind=row.kind, subject=row.subject, recorded=row.count) for row in rows),
        took_effect=counts[Kind.WITHDRAWAL_TOOK_EFFECT],
        marked=marked.marked,
        composites=int(marked.composites),
        takedowns_asked=int(marked.takedowns),
        takedowns_done=counts[Kind.TAKEDOWN_DONE],
        takedowns_open=open_.count,
    )


def _holds(asking: Asking, counts: Counter[str]) -> Holds:
    standing = asking.one(
        "SELECT count(*) AS count FROM deny_holds WHERE began_at IS NOT NULL AND ended_at IS NULL"
    )
    return Holds(
        set=counts[Kind.HOLD_SET],
        began=counts[Kind.HOLD_BEGAN],
        ended=counts[Kind.HOLD_ENDED] + counts[Kind.HOLD_LIFTED],
        lifted=counts[Kind.HOLD_LIFTED],
        standing=standing.count,
    )


def _erasures(asking: Asking, counts: Counter[str]) -> Erasures:
    decided = asking.grouped([Kind.ERASURE_DECIDED], "subject", "ground")
    return Erasures(
        decided=tuple(
            ErasureRow(subject=row.subject or "erased", ground=row.ground or "erased", decided=row.count)
            for row in decided
        ),
        finished=counts[Kind.ERASURE_FINISHED],
        photos=counts[Kind.PHOTO_ERASED],
        duties_set=counts[Kind.RETENTION_SET],
        duties_lifted=counts[Kind.RETENTION_LIFTED],
    )


def _policies(asking: Asking) -> Policies:
    before = asking.all(
        """
        SELECT digest FROM policy_activations WHERE activated_at < :since ORDER BY id DESC LIMIT 1
        """
    )
    rows = asking.told(
        [Kind.BUNDLE_ACTIVATED],
        "SELECT index, at, objects ->> 'bundle' AS bundle, name FROM told ORDER BY index",
    )
    return Policies(
        before=before[0].digest if before else None,
        activations=tuple(
            Activation(at=moment(row.at), bundle=row.bundle or "", by=row.name or "", log_index=row.index)
            for row in rows
        ),
    )
