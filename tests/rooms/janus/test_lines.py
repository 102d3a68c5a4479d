from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rooms.connector import RoomLost
from service.rooms.janus.lines import Lines

INACTIVE: dict[str, Any] = {"type": "audio", "active": False, "mindex": 0, "mid": "0"}


def line(mid: str, feed: object, feed_mid: str = "0") -> dict[str, Any]:
    return {"type": "audio", "active": True, "mid": mid, "feed_id": feed, "feed_mid": feed_mid}


def test_a_line_carries_the_track_that_janus_lists() -> None:
    lines = Lines()
    lines.assign_tracks([line("0", "ann"), line("1", "bob", "2")])
    assert lines.track("0") == ("ann", "0")
    assert lines.track("1") == ("bob", "2")
    assert lines.track("2") is None
    assert ("bob", "2") in lines
    assert ("bob", "0") not in lines


def test_a_line_used_again_carries_the_new_track() -> None:
    lines = Lines()
    lines.assign_tracks([line("0", "ann"), line("1", "bob")])
    lines.assign_tracks([line("0", "cat"), line("1", "bob")])
    assert lines.track("0") == ("cat", "0")
    assert ("ann", "0") not in lines


def test_reassigned_lines_are_returned_however_their_last_track_went() -> None:
    lines = Lines()
    assert lines.assign_tracks([line("0", "ann"), line("1", "bob")]) == set()
    lines.forget("ann")
    assert lines.assign_tracks([INACTIVE, line("1", "bob")]) == set()
    assert lines.assign_tracks([line("0", "cat"), line("1", "bob")]) == {"0"}
    assert lines.assign_tracks([line("0", "cat"), line("1", "bob")]) == set()
    lines.forget("cat")
    assert lines.assign_tracks([line("0", "cat"), line("1", "ann"), line("2", "dan")]) == {"1"}


def test_an_inactive_line_and_one_of_a_publisher_who_left_carry_no_track() -> None:
    lines = Lines()
    lines.assign_tracks([line("0", "ann"), line("1", "bob")])
    lines.forget("ann")
    assert lines.track("0") is None
    lines.assign_tracks([INACTIVE, line("1", "bob")])
    assert lines.track("0") is None
    assert lines.track("1") == ("bob", "0")


def test_the_second_line_with_the_same_track_is_spare() -> None:
    lines = Lines()
    lines.assign_tracks([line("1", "ann")])
    lines.assign_tracks([line("0", "ann"), line("1", "ann")])
    assert lines.track("1") == ("ann", "0"), "as before"
    assert lines.track("0") is None
    assert lines.spare == ["0"]
    lines.assign_tracks([INACTIVE, line("1", "ann")])
    assert lines.spare == []


def test_a_video_line_carries_no_track() -> None:
    lines = Lines()
    lines.assign_tracks([{**line("0", "ann"), "type": "video"}])
    assert lines.track("0") is None


@pytest.mark.parametrize("rubbish", [[{}], ["line"], [{**line("0", "a"), "type": None}, 7]])
def test_a_malformed_list_of_lines_loses_the_room(rubbish: Any) -> None:
    with pytest.raises(RoomLost, match="lines"):
        Lines().assign_tracks(rubbish)


@given(st.lists(st.dictionaries(st.sampled_from("0123"), st.sampled_from("abc")), max_size=20))
def test_a_track_is_never_on_two_lines(history: list[dict[str, str]]) -> None:
    lines = Lines()
    for listed in history:
        lines.assign_tracks([line(mid, feed) for mid, feed in listed.items()])
        tracks = [track for mid in listed if (track := lines.track(mid)) is not None]
        assert len(set(tracks)) == len(tracks)
        assert {feed for feed, _ in tracks} == set(listed.values())
        assert len(tracks) + len(lines.spare) == len(listed)
