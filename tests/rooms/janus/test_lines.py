from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rooms.connector import RoomLost
from service.rooms.janus.lines import Lines

NOBODY: dict[str, Any] = {"type": "audio", "active": False, "mindex": 0, "mid": "0"}


def line(mid: str, feed: object, feed_mid: str = "0") -> dict[str, Any]:
    return {"type": "audio", "active": True, "mid": mid, "feed_id": feed, "feed_mid": feed_mid}


def test_a_line_is_whose_janus_says_it_is() -> None:
    lines = Lines()
    lines.take([line("0", "ann"), line("1", "bob", "2")])
    assert lines.voice("0") == ("ann", "0")
    assert lines.voice("1") == ("bob", "2")
    assert lines.voice("2") is None
    assert ("bob", "2") in lines
    assert ("bob", "0") not in lines


def test_a_line_that_is_used_again_is_somebody_elses() -> None:
    lines = Lines()
    lines.take([line("0", "ann"), line("1", "bob")])
    lines.take([line("0", "cat"), line("1", "bob")])
    assert lines.voice("0") == ("cat", "0")
    assert ("ann", "0") not in lines


def test_lines_that_change_hands_are_told_however_their_last_voice_went() -> None:
    lines = Lines()
    assert lines.take([line("0", "ann"), line("1", "bob")]) == set()
    lines.forget("ann")
    assert lines.take([NOBODY, line("1", "bob")]) == set()
    assert lines.take([line("0", "cat"), line("1", "bob")]) == {"0"}
    assert lines.take([line("0", "cat"), line("1", "bob")]) == set()
    lines.forget("cat")
    assert lines.take([line("0", "cat"), line("1", "ann"), line("2", "dan")]) == {"1"}


def test_an_inactive_line_and_one_of_a_publisher_who_went_are_nobodys() -> None:
    lines = Lines()
    lines.take([line("0", "ann"), line("1", "bob")])
    lines.forget("ann")
    assert lines.voice("0") is None
    lines.take([NOBODY, line("1", "bob")])
    assert lines.voice("0") is None
    assert lines.voice("1") == ("bob", "0")


def test_of_two_lines_with_one_voice_the_second_is_spare() -> None:
    lines = Lines()
    lines.take([line("1", "ann")])
    lines.take([line("0", "ann"), line("1", "ann")])
    assert lines.voice("1") == ("ann", "0"), "as before"
    assert lines.voice("0") is None
    assert lines.spare == ["0"]
    lines.take([NOBODY, line("1", "ann")])
    assert lines.spare == []


def test_only_sound_comes_on_lines() -> None:
    lines = Lines()
    lines.take([{**line("0", "ann"), "type": "video"}])
    assert lines.voice("0") is None


@pytest.mark.parametrize("rubbish", [[{}], ["line"], [{**line("0", "a"), "type": None}, 7]])
def test_what_is_no_list_of_lines_loses_the_room(rubbish: Any) -> None:
    with pytest.raises(RoomLost, match="lines"):
        Lines().take(rubbish)


@given(st.lists(st.dictionaries(st.sampled_from("0123"), st.sampled_from("abc")), max_size=20))
def test_no_voice_is_ever_on_two_lines(history: list[dict[str, str]]) -> None:
    lines = Lines()
    for told in history:
        lines.take([line(mid, feed) for mid, feed in told.items()])
        voices = [lines.voice(mid) for mid in told]
        heard = [voice for voice in voices if voice is not None]
        assert len(set(heard)) == len(heard)
        assert {feed for feed, _ in heard} == set(told.values())
        assert len(heard) + len(lines.spare) == len(told)
