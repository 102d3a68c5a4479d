"""Server that the black-box tests share. A test that restarts or floods one has its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.blackbox.scoped_server import Tenants, add_scoped_keys, make_tenants
from tests.server import Server


@pytest.fixture(scope="session")
def unscoped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    """Server with rooms of two tenants. A test gives its rooms and keys names of their own."""
    with Server(tmp_path_factory.mktemp("tenants")) as server, server.client() as admin:
        yield make_tenants(server, admin)


@pytest.fixture(scope="session")
def tenants(unscoped: Tenants) -> Tenants:
    """The same server, with keys that are scoped to one tenant's rooms."""
    add_scoped_keys(unscoped)
    return unscoped
