"""Server that the black-box tests share. A test that restarts or floods one has its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.blackbox.scoped_server import Tenants, make_tenants
from tests.server import Server


@pytest.fixture(scope="session")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    """Server with two tenants. A test gives its rooms and keys names of their own."""
    with Server(tmp_path_factory.mktemp("tenants")) as server, server.client() as admin:
        yield make_tenants(server, admin)
