from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from small_bank import a_bank
from sqlalchemy import NullPool, create_engine


@pytest.fixture(scope="module")
def shared(
    cluster: Any, template: str, stack: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SimpleNamespace]:
    """A bank that the tests of a module share, and its database as the owner."""
    name = cluster.clone(template)
    urls = SimpleNamespace(app_url=cluster.app_url(name), owner_url=cluster.owner_url(name))
    owner = create_engine(urls.owner_url, poolclass=NullPool)
    opened = a_bank(urls, stack, tmp_path_factory.mktemp("home"))
    try:
        yield SimpleNamespace(bank=next(opened), owner=owner)
    finally:
        next(opened, None)
        owner.dispose()
        cluster.drop(name)
