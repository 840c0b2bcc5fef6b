"""Which photos a composite was made from, on which grants."""

from bankd.access.permissions import Permission
from bankd.reports.kind import Kind
from bankd.reports.kinds.provenance.gathering import gather
from bankd.reports.kinds.provenance.model import ProvenanceReport, ProvenanceScope
from bankd.reports.kinds.provenance.showing import show

KIND = Kind(
    "provenance",
    ProvenanceScope,
    ProvenanceReport,
    gather,
    show,
    frozenset({Permission.COMPOSITES_READ}),
    lambda report: {"composite": report.composite_id},
)
