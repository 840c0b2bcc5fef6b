"""What the bank holds, by right."""

from bankd.access.permissions import Permission
from bankd.reports.kind import Kind
from bankd.reports.kinds.inventory.gathering import gather
from bankd.reports.kinds.inventory.model import InventoryReport, InventoryScope
from bankd.reports.kinds.inventory.showing import show

KIND = Kind(
    "inventory",
    InventoryScope,
    InventoryReport,
    gather,
    show,
    frozenset({Permission.PHOTOS_READ, Permission.TERMS_READ}),
)
