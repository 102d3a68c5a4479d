from __future__ import annotations

import json

from httpx import Response
from httpx_sse import EventSource, ServerSentEvent
from hypothesis import given
from hypothesis import strategies as st

from service.feed.broadcaster import LiveEvent, Reset
from service.feed.ports import Recorded
from service.feed.sse import HEARTBEAT, encode, opening
from tests.storage.examples import NOW


def decode(stream: bytes) -> list[ServerSentEvent]:
    """Parse the bytes with the SSE parser of httpx-sse."""
    headers = {"Content-Type": "text/event-stream"}
    return list(EventSource(Response(200, headers=headers, content=stream)).iter_sse())


def test_an_event_is_its_type_its_cursor_and_its_body() -> None:
    event = Recorded(41, "audio.gap", NOW, "lobby", {"reason": "naïve ☕"})
    assert encode(event, NOW).decode() == (
        "event: audio.gap\nid: 41\n"
        'data: {"type":"audio.gap","timestamp":"2026-05-17T12:00:00.123Z",'
        '"data":{"reason":"naïve ☕"}}\n\n'
    )


def test_a_transient_event_carries_no_cursor() -> None:
    assert b"\nid:" not in encode(LiveEvent("speaker.levels", NOW, "lobby", {}), NOW)


def test_a_reset_carries_the_cursor_to_go_on_from() -> None:
    assert encode(Reset(cursor=9, missed_from=3), NOW).decode() == (
        "event: feed.reset\nid: 9\n"
        'data: {"type":"feed.reset","timestamp":"2026-05-17T12:00:00.123Z",'
        '"data":{"missed_from":3}}\n\n'
    )


def test_the_opening_gives_a_cursor_before_the_first_event() -> None:
    (event,) = decode(opening(7))
    assert (event.id, event.retry, event.data) == ("7", 2000, "")


@given(st.dictionaries(st.text(), st.one_of(st.text(), st.none(), st.lists(st.text()))))
def test_whatever_people_say_or_are_called_arrives_as_one_event(data: dict[str, object]) -> None:
    event = Recorded(41, "transcript.heard", NOW, "lobby", data)
    (found,) = decode(HEARTBEAT + encode(event, NOW) + HEARTBEAT)
    assert (found.event, found.id) == ("transcript.heard", "41")
    assert json.loads(found.data)["data"] == data
