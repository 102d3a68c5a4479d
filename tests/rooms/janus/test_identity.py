from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rooms.janus.identity import SPEAKER_ID_PATTERN, SpeakerIds, inaudible_reason, person_of
from service.rooms.janus.roster import Publisher, Roster, Stream
from service.rooms.new_room import ID_PATTERN
from service.rooms.room import Speaker


def a_publisher(feed: str | int, *mids: str, **changes: Any) -> Publisher:
    streams = [Stream(mid, "opus", muted=False, disabled=False) for mid in mids or "0"]
    fields: dict[str, Any] = {"display": "", "metadata": {}, "streams": streams}
    return Publisher(feed, **(fields | changes))


def rostered(*publishers: Publisher) -> Roster:
    roster = Roster()
    roster.publishers = {publisher.feed: publisher for publisher in publishers}
    return roster


def speakers(source: str, *publishers: Publisher) -> list[Speaker]:
    return list(SpeakerIds("lobby", source).speakers(rostered(*publishers)).values())


@pytest.mark.parametrize(
    ("source", "publisher", "id_", "name", "role"),
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
def test_the_id_is_read_from_the_place_the_operator_names(
    source: str, publisher: Publisher, id_: str, name: str, role: str
) -> None:
    assert re.match(SPEAKER_ID_PATTERN, source)
    (speaker,) = speakers(source, publisher)
    assert (speaker.id, speaker.name, speaker.role) == (id_, name, role)


def test_a_second_claim_of_an_id_gets_the_feed_appended() -> None:
    first, second = (a_publisher(feed, display="Ann") for feed in (1, 2))
    speaker_ids = SpeakerIds("lobby", "display")
    before = speaker_ids.speakers(rostered(first, second))
    assert [speaker.id for speaker in before.values()] == ["Ann", "Ann=f2"]
    after = speaker_ids.speakers(rostered(second))
    assert [speaker.id for speaker in after.values()] == ["Ann=f2"], "as long as they are here"


def test_actions_concern_every_publisher_who_claims_the_id() -> None:
    claims = ["Ann", "Ann", "Ann=f2", "Ann=3Df2"]
    publishers = [a_publisher(feed, "0", "1", display=name) for feed, name in enumerate(claims, 1)]
    speaker_ids = SpeakerIds("lobby", "display")
    ids = [speaker.id for speaker in speaker_ids.speakers(rostered(*publishers)).values()]
    assert ids[:4] == ["Ann", "Ann=m1", "Ann=f2", "Ann=m1=f2"]
    assert len(set(ids)) == len(ids)
    assert [person_of(id_) for id_ in ids[::2]] == ["Ann", "Ann", "Ann=3Df2", "Ann=3D3Df2"]
    assert [speaker_ids.person(one) for one in publishers] == [person_of(id_) for id_ in ids[::2]]
    assert [person_of(id_) for id_ in ids[1::2]] == [person_of(id_) for id_ in ids[::2]]


def test_feeds_with_the_same_beginning_get_different_ids() -> None:
    feeds = ["x" * 30 + str(number) for number in range(3)]
    ids = [one.id for one in speakers("display", *(a_publisher(f, display="A") for f in feeds))]
    assert ids == ["A", f"A=f{'x' * 20}", f"A=f{'x' * 20}=n2"]


def test_a_second_microphone_is_a_speaker_of_its_own() -> None:
    ann, again = speakers("feed", a_publisher("ann", "0", "3", display="Ann"))
    assert (ann.id, again.id) == ("ann", "ann=m3")
    assert (ann.name, again.name) == ("Ann", "Ann (3)")


@pytest.mark.parametrize(
    ("streams", "more", "count", "why"),
    [
        ([Stream("0", "opus", False, False)], 0, 1, ""),
        ([Stream("0", "opus", False, True)], 0, 0, ""),
        ([Stream("0", "pcmu", False, False)], 0, 0, "Ann is not heard: they send pcmu"),
        ([Stream("0", "pcmu", False, False), Stream("1", "opus", False, False)], 0, 1, ""),
        ([Stream("0", "opus", False, False)], 3, 1, "Ann sends 3 more sounds than are listened"),
        ([], 0, 0, ""),
    ],
)
def test_an_inaudible_publisher_has_a_reason(
    streams: Sequence[Stream], more: int, count: int, why: str
) -> None:
    publisher = a_publisher(1, display="Ann", streams=streams, more=more)
    assert len(speakers("feed", publisher)) == count
    assert inaudible_reason(publisher).startswith(why)
    assert bool(inaudible_reason(publisher)) is bool(why)


def test_a_name_contains_no_control_characters_and_is_bounded() -> None:
    (speaker,) = speakers("feed", a_publisher(1, display="A\u202enn\x07\ud800" + "x" * 500))
    assert speaker.name.startswith("Annx")
    assert len(speaker.name) <= 200
    speaker.name.encode()


@given(st.lists(st.text(max_size=150), unique=True, max_size=6))
def test_every_id_is_valid_and_different_ids_stay_different(displays: list[str]) -> None:
    publishers = [a_publisher(feed, display=shown) for feed, shown in enumerate(displays)]
    ids = [speaker.id for speaker in speakers("display", *publishers)]
    assert len(set(ids)) == len(displays)
    assert all(re.match(ID_PATTERN, id_) for id_ in ids)
