from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rooms.janus.identity import SPEAKER_ID_PATTERN, Cast, inaudible
from service.rooms.janus.roster import Publisher, Roster, Stream
from service.rooms.new_room import ID_PATTERN
from service.rooms.room import Speaker


def a_publisher(feed: str | int, *mids: str, **changes: Any) -> Publisher:
    streams = [Stream(mid, "opus", muted=False, disabled=False) for mid in mids or "0"]
    fields: dict[str, Any] = {"display": "", "metadata": {}, "streams": streams, "encrypted": False}
    return Publisher(feed, **(fields | changes))


def rostered(*publishers: Publisher) -> Roster:
    roster = Roster()
    roster.publishers = {publisher.feed: publisher for publisher in publishers}
    return roster


def speakers(how: str, *publishers: Publisher) -> list[Speaker]:
    return list(Cast("lobby", how).speakers(rostered(*publishers)).values())


@pytest.mark.parametrize(
    ("how", "publisher", "id_", "name", "role"),
    [
        ("feed", a_publisher("ann", display="Ann Lee"), "ann", "Ann Lee", "speaker"),
        ("feed", a_publisher(4711), "4711", "4711", "speaker"),
        ("display", a_publisher(1, display="Ann Lee"), "Ann=20Lee", "Ann Lee", "speaker"),
        ("display", a_publisher(1), "1", "1", "speaker"),
        (
            "display.uid",
            a_publisher(1, display='{"uid": "u-7", "name": "Ann", "role": "host"}'),
            "u-7",
            "Ann",
            "host",
        ),
        ("display.uid", a_publisher(1, display='{"uid": 7}'), "7", "7", "speaker"),
        ("display.uid", a_publisher(1, display="Ann"), "1", "Ann", "speaker"),
        ("display.uid", a_publisher(1, display='{"uid": true}'), "1", '{"uid": true}', "speaker"),
        (
            "metadata.user",
            a_publisher(1, display="Ann", metadata={"user": "u-7", "role": "host"}),
            "u-7",
            "Ann",
            "host",
        ),
        ("metadata.user", a_publisher(1, display="Ann"), "1", "Ann", "speaker"),
    ],
)
def test_who_somebody_is_stands_where_the_operator_says(
    how: str, publisher: Publisher, id_: str, name: str, role: str
) -> None:
    assert re.match(SPEAKER_ID_PATTERN, how)
    (speaker,) = speakers(how, publisher)
    assert (speaker.id, speaker.name, speaker.role) == (id_, name, role)


def test_nobody_speaks_under_an_id_that_somebody_has() -> None:
    first, second = (a_publisher(feed, display="Ann") for feed in (1, 2))
    cast = Cast("lobby", "display")
    before = cast.speakers(rostered(first, second))
    assert [speaker.id for speaker in before.values()] == ["Ann", "Ann:2"]
    after = cast.speakers(rostered(second))
    assert [speaker.id for speaker in after.values()] == ["Ann:2"], "as long as they are here"


def test_a_second_microphone_is_a_voice_of_its_own() -> None:
    ann, again = speakers("feed", a_publisher("ann", "0", "3", display="Ann"))
    assert (ann.id, again.id) == ("ann", "ann:3")
    assert (ann.name, again.name) == ("Ann", "Ann (3)")


@pytest.mark.parametrize(
    ("streams", "encrypted", "count", "why"),
    [
        ([Stream("0", "opus", False, False)], False, 1, ""),
        ([Stream("0", "opus", False, True)], False, 0, ""),
        ([Stream("0", "pcmu", False, False)], False, 0, "Ann is not heard: they send pcmu"),
        ([Stream("0", "pcmu", False, False), Stream("1", "opus", False, False)], False, 1, ""),
        ([Stream("0", "opus", False, False)], True, 0, "Ann is not heard: their sound is encr"),
        ([], False, 0, ""),
    ],
)
def test_what_cannot_be_heard_says_why(
    streams: Sequence[Stream], encrypted: bool, count: int, why: str
) -> None:
    publisher = a_publisher(1, display="Ann", streams=streams, encrypted=encrypted)
    assert len(speakers("feed", publisher)) == count
    assert inaudible(publisher).startswith(why)
    assert bool(inaudible(publisher)) is bool(why)


def test_a_name_cannot_turn_the_page_round() -> None:
    (speaker,) = speakers("feed", a_publisher(1, display="A\u202enn\x07\ud800" + "x" * 500))
    assert speaker.name.startswith("Annx")
    assert len(speaker.name) <= 200
    speaker.name.encode()


@given(st.lists(st.text(max_size=150), unique=True, max_size=6))
def test_every_id_is_one_and_different_ones_stay_different(displays: list[str]) -> None:
    publishers = [a_publisher(feed, display=shown) for feed, shown in enumerate(displays)]
    ids = [speaker.id for speaker in speakers("display", *publishers)]
    assert len(set(ids)) == len(displays)
    assert all(re.match(ID_PATTERN, id_) for id_ in ids)
