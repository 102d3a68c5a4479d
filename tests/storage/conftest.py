"""One suite for both kinds of database."""

from __future__ import annotations

import pytest

from tests.storage.examples import EACH_DATABASE


@pytest.fixture(params=EACH_DATABASE)
def backend(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind
