"""What Postgres does for a statement: counts of work, which no machine's speed changes."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy.dialects.postgresql import dialect
from sqlalchemy.orm import Session


def rows_read(session: Session, statement: Any, values: Mapping[str, Any] = MappingProxyType({})) -> int:
    """Rows that the scans of a statement took from tables, those that a condition turned away included."""
    compiled = statement.compile(dialect=dialect())
    driver = session.connection().connection.cursor()
    with driver as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + str(compiled), {**compiled.params, **values})
        [[plan]] = cursor.fetchall()
    plans = plan if isinstance(plan, list) else json.loads(plan)

    def read(node: dict[str, Any]) -> int:
        own = 0
        if "Relation Name" in node:
            own = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            own = int((own + node.get("Rows Removed by Index Recheck", 0)) * node["Actual Loops"])
        return own + sum(read(inner) for inner in node.get("Plans", ()))

    return read(plans[0]["Plan"])
