from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rooms.connector import RoomLost
from service.rooms.janus.roster import (
    LONGEST_DISPLAY,
    MOST_STREAMS,
    Ended,
    Roster,
    Talking,
    Unmuted,
)


def a_publisher(feed: object, *mids: str, **more: Any) -> dict[str, Any]:
    """Return a publisher as Janus describes one."""
    streams = [{"type": "audio", "mindex": 0, "mid": mid, "codec": "opus"} for mid in mids or "0"]
    return {"id": feed, "display": str(feed).title(), "streams": streams, **more}


def joined(*publishers: dict[str, Any]) -> dict[str, Any]:
    return {"videoroom": "joined", "room": "one", "id": "us", "publishers": list(publishers)}


def event(**fields: Any) -> dict[str, Any]:
    return {"videoroom": "event", "room": "one", **fields}


def test_present_and_new_publishers_are_in_the_roster() -> None:
    roster = Roster()
    assert roster.apply_event(joined(a_publisher("ann"))) is None
    assert roster.apply_event(event(publishers=[a_publisher(7, "0", "3")])) is None
    assert list(roster.publishers) == ["ann", 7]
    assert [stream.mid for stream in roster.publishers[7].streams] == ["0", "3"]
    assert roster.publishers["ann"].display == "Ann"


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("unpublished", "the speaker stopped publishing"),
        ("leaving", "the speaker left"),
        ("kicked", "removed by a moderator"),
    ],
)
def test_a_departure_has_a_reason_until_the_publisher_comes_back(what: str, reason: str) -> None:
    roster = Roster()
    roster.apply_event(joined(a_publisher("ann"), a_publisher("bob")))
    roster.apply_event(event(**{what: "ann"}))
    roster.apply_event(event(**{what: "nobody"}))
    assert list(roster.publishers) == ["bob"]
    assert roster.gone == {"ann": reason}
    roster.apply_event(event(publishers=[a_publisher("ann")]))
    assert roster.gone == {}


def test_the_first_reason_of_a_departure_counts() -> None:
    roster = Roster()
    roster.apply_event(joined(a_publisher("ann")))
    roster.apply_event(event(kicked="ann"))
    roster.apply_event(event(unpublished="ann"))
    roster.apply_event(event(leaving="ann"))
    assert roster.gone == {"ann": "removed by a moderator"}


def test_only_audio_streams_are_listed() -> None:
    roster = Roster()
    streams = [{"type": "video", "mid": "1", "codec": "vp8"}, {"type": "data", "mid": "2"}]
    roster.apply_event(joined({"id": "ann", "streams": streams}))
    assert roster.publishers["ann"].streams == []


def test_a_mute_concerns_one_stream() -> None:
    roster = Roster()
    roster.apply_event(joined(a_publisher("ann", "0", "1")))
    assert roster.apply_event(event(id="ann", mid="1", moderation="muted")) is None
    assert [stream.muted for stream in roster.publishers["ann"].streams] == [False, True]
    assert roster.apply_event(event(id="ann", mid="1", moderation="unmuted")) == Unmuted("ann", "1")
    assert [stream.muted for stream in roster.publishers["ann"].streams] == [False, False]


def test_a_publisher_muted_before_we_came_is_muted() -> None:
    roster = Roster()
    ann = a_publisher("ann")
    ann["streams"][0]["moderated"] = True
    roster.apply_event(joined(ann))
    assert roster.publishers["ann"].streams[0].muted


def test_a_mute_outlasts_a_renegotiation() -> None:
    roster = Roster()
    roster.apply_event(joined(a_publisher("ann")))
    roster.apply_event(event(id="ann", mid="0", moderation="muted"))
    roster.apply_event(event(publishers=[a_publisher("ann", "0", "1")]))
    assert [stream.muted for stream in roster.publishers["ann"].streams] == [True, False]


def test_the_fields_of_a_publisher_are_bounded() -> None:
    roster = Roster()
    mids = [str(number) for number in range(MOST_STREAMS + 3)]
    metadata: dict[str, Any] = {f"field {number}": "x" * 5000 for number in range(500)} | {
        "deep": [[[]]]
    }
    roster.apply_event(joined(a_publisher("ann", *mids, display="x" * 10**6, metadata=metadata)))
    ann = roster.publishers["ann"]
    assert (len(ann.display), len(ann.streams), ann.more) == (LONGEST_DISPLAY, MOST_STREAMS, 3)
    assert len(str(ann.metadata)) < 60 * LONGEST_DISPLAY


def test_a_publisher_who_stops_is_idle_until_they_leave_or_publish_again() -> None:
    roster = Roster()
    roster.apply_event(joined(a_publisher("ann"), a_publisher("bob")))
    roster.apply_event(event(unpublished="ann"))
    roster.apply_event(event(unpublished="bob"))
    assert set(roster.idle) == {"ann", "bob"}
    roster.apply_event(event(leaving="ann"))
    roster.apply_event(event(publishers=[a_publisher("bob")]))
    assert roster.idle == {}


def test_a_publisher_may_be_called_ok() -> None:
    roster = Roster()
    roster.apply_event(joined(a_publisher("ok")))
    roster.apply_event(event(leaving="ok", reason="bye"))
    assert roster.gone == {"ok": "the speaker left"}


def test_talking_is_a_hint_and_our_own_departure_changes_nothing() -> None:
    roster = Roster()
    roster.apply_event(joined(a_publisher("ann")))
    assert roster.apply_event({"videoroom": "talking", "room": "one", "id": "ann"}) == Talking(
        "ann"
    )
    assert roster.apply_event({"videoroom": "stopped-talking", "room": "one", "id": "ann"}) is None
    assert roster.apply_event(event(unpublished="ok")) is None
    assert list(roster.publishers) == ["ann"]


def test_the_end_of_the_room_and_our_removal_are_events() -> None:
    roster = Roster()
    assert roster.apply_event({"videoroom": "destroyed", "room": "one"}) == Ended(
        "the room was destroyed at Janus"
    )
    assert roster.apply_event(event(leaving="ok", reason="kicked")) == Ended(
        "we were removed from the room by its moderators"
    )


@pytest.mark.parametrize(
    "rubbish",
    [
        event(publishers="everybody"),
        event(publishers=[{"display": "nobody"}]),
        event(publishers=[{"id": True}]),
        event(publishers=[{"id": "ann", "streams": [{"mid": "0"}]}]),
        event(publishers=[a_publisher("ann", metadata="text")]),
        event(leaving={"id": 1}),
        event(moderation="muted"),
        {"videoroom": "talking"},
    ],
)
def test_a_malformed_event_loses_the_room(rubbish: dict[str, Any]) -> None:
    with pytest.raises(RoomLost, match="not understood"):
        Roster().apply_event(rubbish)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
_FIELDS = ("videoroom", "publishers", "leaving", "kicked", "unpublished", "moderation", "id", "mid")


@given(st.dictionaries(st.sampled_from(_FIELDS), _JSON | st.sampled_from(["event", "talking"])))
def test_any_message_is_applied_or_loses_the_room(message: dict[str, Any]) -> None:
    roster = Roster()
    try:
        roster.apply_event(message)
    except RoomLost:
        assert True
