"""Asking the database about a period, in one snapshot; rows come back counted."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from bankd.audit.kinds import Kind
from bankd.policy import service as policy
from bankd.policy.explain import says
from bankd.policy.load import BUILT_IN
from bankd.reports.kinds.period.model import Counted, PeriodScope
from bankd.synthesis import redeclaring, shortfall
from bankd.usage.handouts import FULL

OWN_SAYS: Mapping[str, str] = {
    shortfall.NO_SEGMENTS: shortfall.NO_SEGMENTS_SAYS,
    shortfall.NO_PRODUCT: shortfall.NO_PRODUCT_SAYS,
    **shortfall.OWN,
    **dict(FULL.values()),
    redeclaring.REDECLARED: redeclaring.SAYS,
    "uncovered": "The frame could not be covered with what was chosen",
}
"""Sentences of what refuses without being a policy."""

# The entries of some kinds in the period, below the cut-off; what they say is erased where `told` is null.
TOLD = """
    WITH told AS MATERIALIZED (
        SELECT e.index, e.at, e.kind, p.payload::jsonb AS told, p.payload::jsonb -> 'objects' AS objects,
            p.payload::jsonb #>> '{by,name}' AS name
        FROM log_entries AS e LEFT JOIN log_payloads AS p ON p.index = e.index
        WHERE e.kind = ANY(:kinds) AND e.index < :cutoff AND e.at >= :since AND e.at < :until
    )
"""


class Asking:
    """The session of a snapshot, the period that is asked about, and the log's size."""

    def __init__(self, session: Session, scope: PeriodScope, *, cutoff: int) -> None:
        self.session, self.scope = session, scope
        self.period = {"since": scope.since, "until": scope.until, "cutoff": cutoff, "zone": scope.zone}

    def all(self, statement: str, **values: Any) -> Sequence[Any]:
        return self.session.execute(text(statement), self.period | values).all()

    def one(self, statement: str, **values: Any) -> Any:
        return self.session.execute(text(statement), self.period | values).one()

    def told(self, kinds: Iterable[Kind], statement: str, **values: Any) -> Sequence[Any]:
        """A statement over `told`, the entries of these kinds."""
        return self.all(TOLD + statement, kinds=[kind.value for kind in kinds], **values)

    def grouped(self, kinds: Iterable[Kind], *names: str) -> Sequence[Any]:
        """How many entries of some kinds there are for each combination of objects of these names."""
        columns = ", ".join(f"objects ->> '{name}' AS {name}" for name in names)
        places = ", ".join(str(place) for place in range(1, len(names) + 2))
        return self.told(
            kinds,
            f"SELECT kind, {columns}, count(*) AS count FROM told GROUP BY {places} ORDER BY {places}",  # noqa: S608  our own words
        )

    def sentences(self, policies: Iterable[str]) -> dict[str, str]:
        """The sentence of each, of the last bundle that has it; of what is no policy, its own."""
        left = set(policies)
        known = {**BUILT_IN, **OWN_SAYS}
        found = {one: known[one] for one in left & known.keys()}
        left -= found.keys()
        digests = self.all("SELECT digest FROM policy_activations GROUP BY digest ORDER BY max(id) DESC")
        for row in digests if left else ():
            bundle = policy.stored(self.session, row.digest)
            told = {one: says(bundle, one) for one in left if one in bundle.policies}
            found |= told
            left -= told.keys()
            if not left:
                break
        return found | {one: one for one in left}


def counted(counts: Mapping[str, int]) -> tuple[Counted, ...]:
    """The commonest first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Counted(word=word, count=count) for word, count in ordered if count)
