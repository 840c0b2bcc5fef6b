"""Every kind of report, by its word."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from bankd.reports.errors import ReportUnknown, ScopeUnreadable
from bankd.reports.kind import Kind
from bankd.reports.kinds import (
    expiries,
    exposure,
    inventory,
    marking,
    period,
    provenance,
    statement,
    training,
)
from bankd.reports.report import Scope

KINDS: Mapping[str, Kind[Any, Any]] = {
    kind.name: kind
    for kind in (
        provenance.KIND,
        exposure.KIND,
        expiries.KIND,
        statement.KIND,
        training.KIND,
        inventory.KIND,
        period.KIND,
        marking.KIND,
    )
}


def kind_of(name: str) -> Kind[Any, Any]:
    """Raises: ReportUnknown."""
    if name not in KINDS:
        raise ReportUnknown(name, KINDS)
    return KINDS[name]


def scope_of(name: str, asked: Mapping[str, Any]) -> Scope:
    """What is asked of a report, read from plain values.

    Raises:
        ReportUnknown: there is no such kind.
        ScopeUnreadable: something is missing, or not what it should be.
    """
    kind = kind_of(name)
    try:
        scope: Scope = kind.scope.model_validate(dict(asked))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "scope"
        raise ScopeUnreadable(name, field, first["msg"].removeprefix("Value error, ")) from error
    return scope
