from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.feed.ports import Recorded
from service.webhooks.message import MAX_BYTES, body_of
from tests.storage.examples import NOW


def recorded(data: dict[str, Any], type_: str = "alert.raised") -> Recorded:
    return Recorded(7, type_, NOW, "lobby", data)


def test_a_body_that_fits_is_the_feeds() -> None:
    body = json.loads(body_of(recorded({"id": "al_1", "excerpt": "hé"})))
    assert body == {
        "type": "alert.raised",
        "timestamp": "2026-05-17T12:00:00.123Z",
        "data": {"id": "al_1", "excerpt": "hé"},
    }


def test_what_is_too_long_is_cut_and_says_where_all_of_it_is() -> None:
    data = {"id": "al_1", "excerpt": "é" * 20_000, "matches": [{"n": n} for n in range(2)]}
    body = json.loads(body_of(recorded(data)))["data"]
    assert body["excerpt"] == "é" * 500
    assert body["matches"] == data["matches"]
    assert body["cut"] == {"fields": ["excerpt"], "read": "/v1/alerts/al_1"}
    gap = json.loads(body_of(recorded({"reason": "x" * 30_000}, "audio.gap")))["data"]
    assert gap["cut"]["read"] == "/v1/feed?since=6&types=audio.gap"


LONG = st.builds(lambda text, times: text * times, st.text(min_size=1), st.integers(500, 2_000))
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=50) | LONG,
    lambda inner: (
        st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=10), VALUES, max_size=10), st.integers(400, MAX_BYTES))
def test_whatever_the_event_its_body_is_json_below_the_bound(
    data: dict[str, Any], limit: int
) -> None:
    body = body_of(recorded(data), limit)
    assert len(body) < limit
    shown = json.loads(body)["data"]
    if shown != data:
        assert shown["cut"]["fields"]
    assert body == body_of(recorded(data), limit)
