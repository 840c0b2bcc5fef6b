"""The policies of the tree, and a grant and a use that agree with each other."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Column, MetaData, Table
from sqlalchemy.orm import Session

from bankd.licensing.models import ProfileGrant
from bankd.policy import load
from bankd.policy.load import Bundle

POLICIES = Path(__file__).parents[3] / "policies"


@pytest.fixture(scope="session")
def policies() -> Path:
    return POLICIES


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return load.read(POLICIES)


@pytest.fixture(scope="session")
def agreeing() -> Mapping[str, Mapping[str, Any]]:
    """`use` and `grant`: advertising food on a geo-blocked web page for Japan, July 2026; a grant for it."""
    return yaml.safe_load((POLICIES / "cases" / "territory.yaml").read_text())


@pytest.fixture(scope="session")
def a_use(agreeing: Mapping[str, Mapping[str, Any]]) -> Callable[..., dict[str, Any]]:
    return lambda **other: {**agreeing["use"], **other}


@pytest.fixture(scope="session")
def a_grant(agreeing: Mapping[str, Mapping[str, Any]]) -> Callable[..., dict[str, Any]]:
    return lambda **other: {**agreeing["grant"], **other}


@pytest.fixture
def unconstrained(session: Session) -> Iterator[Table]:
    """A table like `profile_grants` that takes NULLs anywhere."""
    columns = [Column(column.name, column.type) for column in ProfileGrant.__table__.c]
    table = Table("profile_grants_drawn", MetaData(), *columns, prefixes=["TEMPORARY"])
    table.create(session.connection())
    yield table
    table.drop(session.connection())
