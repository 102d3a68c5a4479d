from __future__ import annotations

import resource

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.web.descriptors import LEAST_CONNECTIONS, MOST_CONNECTIONS, OWN, http_share


@given(limit=st.integers(0, 2**31))
def test_http_never_takes_more_than_a_quarter_of_what_is_free(limit: int) -> None:
    share = http_share(limit)
    assert LEAST_CONNECTIONS <= share.connections <= MOST_CONNECTIONS
    assert share.connections <= max(LEAST_CONNECTIONS, (limit - OWN) / 4)
    assert 0 < share.accepted_at_once <= share.connections
    assert share.feeds < share.connections, "a request finds a place beside all feeds"


@pytest.mark.parametrize(
    ("limit", "connections"),
    [(64, 8), (256, 48), (1024, 240), (20_000, 4096), (resource.RLIM_INFINITY, 4096)],
)
def test_the_bound_grows_with_the_limit(limit: int, connections: int) -> None:
    assert http_share(limit).connections == connections
