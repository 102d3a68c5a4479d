from __future__ import annotations

import gc

import pytest

from policies.collector import without_collector


def test_the_collector_is_off_inside_and_as_before_after() -> None:
    assert gc.isenabled()
    with without_collector():
        assert not gc.isenabled()
        with without_collector():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_is_on_again_after_an_error() -> None:
    with pytest.raises(ValueError, match="bad"), without_collector():
        raise ValueError("bad")
    assert gc.isenabled()
