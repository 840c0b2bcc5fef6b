"""What a network was trained on."""

from bankd.access.permissions import Permission
from bankd.reports.kind import Kind
from bankd.reports.kinds.training.gathering import gather
from bankd.reports.kinds.training.model import TrainingReport, TrainingScope
from bankd.reports.kinds.training.showing import show

KIND = Kind(
    "training",
    TrainingScope,
    TrainingReport,
    gather,
    show,
    frozenset({Permission.MODELS_READ, Permission.LICENSES_READ, Permission.TERMS_READ}),
    lambda report: {"network": report.network, "snapshot": report.snapshot},
    whole_house=True,
)
