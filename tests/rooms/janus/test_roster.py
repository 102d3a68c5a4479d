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


def told(feed: object, *mids: str, **more: Any) -> dict[str, Any]:
    """A publisher as Janus describes one."""
    streams = [{"type": "audio", "mindex": 0, "mid": mid, "codec": "opus"} for mid in mids or "0"]
    return {"id": feed, "display": str(feed).title(), "streams": streams, **more}


def joined(*publishers: dict[str, Any]) -> dict[str, Any]:
    return {"videoroom": "joined", "room": "one", "id": "us", "publishers": list(publishers)}


def event(**fields: Any) -> dict[str, Any]:
    return {"videoroom": "event", "room": "one", **fields}


def test_who_is_there_and_who_comes_is_in_the_roster() -> None:
    roster = Roster()
    assert roster.take(joined(told("ann"))) is None
    assert roster.take(event(publishers=[told(7, "0", "3")])) is None
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
def test_who_goes_has_gone_for_a_reason(what: str, reason: str) -> None:
    roster = Roster()
    roster.take(joined(told("ann"), told("bob")))
    roster.take(event(**{what: "ann"}))
    roster.take(event(**{what: "nobody"}))
    assert list(roster.publishers) == ["bob"]
    assert roster.gone == {"ann": reason}
    roster.take(event(publishers=[told("ann")]))
    assert roster.gone == {}


def test_the_first_reason_to_go_is_the_one_that_counts() -> None:
    roster = Roster()
    roster.take(joined(told("ann")))
    roster.take(event(kicked="ann"))
    roster.take(event(unpublished="ann"))
    roster.take(event(leaving="ann"))
    assert roster.gone == {"ann": "removed by a moderator"}


def test_sound_alone_is_a_stream() -> None:
    roster = Roster()
    streams = [{"type": "video", "mid": "1", "codec": "vp8"}, {"type": "data", "mid": "2"}]
    roster.take(joined({"id": "ann", "streams": streams}))
    assert roster.publishers["ann"].streams == []


def test_a_mute_is_the_streams_and_is_told_by_anybody() -> None:
    roster = Roster()
    roster.take(joined(told("ann", "0", "1")))
    assert roster.take(event(id="ann", mid="1", moderation="muted")) is None
    assert [stream.muted for stream in roster.publishers["ann"].streams] == [False, True]
    assert roster.take(event(id="ann", mid="1", moderation="unmuted")) == Unmuted("ann", "1")
    assert [stream.muted for stream in roster.publishers["ann"].streams] == [False, False]


def test_whoever_was_muted_before_we_came_is_muted() -> None:
    roster = Roster()
    ann = told("ann")
    ann["streams"][0]["moderated"] = True
    roster.take(joined(ann))
    assert roster.publishers["ann"].streams[0].muted


def test_a_mute_outlasts_a_renegotiation_of_which_janus_says_nothing() -> None:
    roster = Roster()
    roster.take(joined(told("ann")))
    roster.take(event(id="ann", mid="0", moderation="muted"))
    roster.take(event(publishers=[told("ann", "0", "1")]))
    assert [stream.muted for stream in roster.publishers["ann"].streams] == [True, False]


def test_what_a_publisher_chooses_has_bounds() -> None:
    roster = Roster()
    mids = [str(number) for number in range(MOST_STREAMS + 3)]
    metadata: dict[str, Any] = {f"field {number}": "x" * 5000 for number in range(500)} | {
        "deep": [[[]]]
    }
    roster.take(joined(told("ann", *mids, display="x" * 10**6, metadata=metadata)))
    ann = roster.publishers["ann"]
    assert (len(ann.display), len(ann.streams), ann.more) == (LONGEST_DISPLAY, MOST_STREAMS, 3)
    assert len(str(ann.metadata)) < 60 * LONGEST_DISPLAY


def test_who_stops_publishing_is_idle_until_they_leave_or_publish_again() -> None:
    roster = Roster()
    roster.take(joined(told("ann"), told("bob")))
    roster.take(event(unpublished="ann"))
    roster.take(event(unpublished="bob"))
    assert set(roster.idle) == {"ann", "bob"}
    roster.take(event(leaving="ann"))
    roster.take(event(publishers=[told("bob")]))
    assert roster.idle == {}


def test_a_publisher_may_be_called_ok() -> None:
    roster = Roster()
    roster.take(joined(told("ok")))
    roster.take(event(leaving="ok", reason="bye"))
    assert roster.gone == {"ok": "the speaker left"}


def test_talking_is_a_hint_and_our_own_farewells_are_nobodys() -> None:
    roster = Roster()
    roster.take(joined(told("ann")))
    assert roster.take({"videoroom": "talking", "room": "one", "id": "ann"}) == Talking("ann")
    assert roster.take({"videoroom": "stopped-talking", "room": "one", "id": "ann"}) is None
    assert roster.take(event(unpublished="ok")) is None
    assert list(roster.publishers) == ["ann"]


def test_the_end_of_the_room_and_of_our_stay_are_told() -> None:
    roster = Roster()
    assert roster.take({"videoroom": "destroyed", "room": "one"}) == Ended(
        "the room was destroyed at Janus"
    )
    assert roster.take(event(leaving="ok", reason="kicked")) == Ended(
        "we were removed from the room by its moderators"
    )


@pytest.mark.parametrize(
    "rubbish",
    [
        event(publishers="everybody"),
        event(publishers=[{"display": "nobody"}]),
        event(publishers=[{"id": True}]),
        event(publishers=[{"id": "ann", "streams": [{"mid": "0"}]}]),
        event(publishers=[told("ann", metadata="text")]),
        event(leaving={"id": 1}),
        event(moderation="muted"),
        {"videoroom": "talking"},
    ],
)
def test_what_is_not_janus_loses_the_room(rubbish: dict[str, Any]) -> None:
    with pytest.raises(RoomLost, match="not understood"):
        Roster().take(rubbish)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
_FIELDS = ("videoroom", "publishers", "leaving", "kicked", "unpublished", "moderation", "id", "mid")


@given(st.dictionaries(st.sampled_from(_FIELDS), _JSON | st.sampled_from(["event", "talking"])))
def test_whatever_comes_is_taken_or_refused_as_a_whole(message: dict[str, Any]) -> None:
    roster = Roster()
    try:
        roster.take(message)
    except RoomLost:
        assert True
