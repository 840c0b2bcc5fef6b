"""The policies of the tree, and a grant and a use that agree with each other."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

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
