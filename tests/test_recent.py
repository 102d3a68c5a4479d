from __future__ import annotations

from datetime import UTC, datetime, timedelta

from asr.speech import Transcript
from policies.match import Match
from policies.severity import Severity
from policies.spoken import Earlier, PastHit
from service.recent import MOST_HITS, MOST_ROOMS, MOST_UTTERANCES, Recent

START = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
LATER = START + timedelta(hours=1)
MATCH = Match("a-pack", "1.0.0", "a-rule", Severity.LOW, "hate", ((0, 1),), "heard")


def said(text: str, at_s: float = 0, room: str = "room", speaker: str = "ann") -> Transcript:
    at = START + timedelta(seconds=at_s)
    return Transcript("u", room, speaker, at, at + timedelta(seconds=1), "en", text)


def test_a_room_s_words_come_in_the_order_in_which_they_were_said() -> None:
    recent = Recent()
    recent.add(said("second", 5, speaker="bob"), [])
    recent.add(said("first", 2), [])
    recent.add(said("", 3), [])
    recent.add(said("elsewhere", 1, room="other"), [])
    found = recent.earlier("room", START + timedelta(seconds=10))
    assert found == [Earlier("first", "en", "ann", 8.0), Earlier("second", "en", "bob", 5.0)]


def test_only_what_came_before_counts() -> None:
    recent = Recent()
    recent.add(said("now", 5), [MATCH])
    at = START + timedelta(seconds=5)
    assert (recent.earlier("room", at), recent.hits("room", at)) == ([], [])
    assert (recent.earlier("nowhere", at), recent.hits("nowhere", at)) == ([], [])


def test_hits_are_remembered_but_not_what_is_excused() -> None:
    recent = Recent()
    excused = Match("p", "1.0.0", "r", Severity.LOW, "hate", (), "", excused_by=("allowed",))
    recent.add(said("words"), [MATCH, excused])
    assert recent.hits("room", LATER) == [PastHit("a-pack", "a-rule", "ann", 3600.0)]


def test_nothing_grows_without_bound() -> None:
    recent = Recent()
    for number in range(MOST_UTTERANCES + 5):
        recent.add(said(str(number), number), [MATCH] * (MOST_HITS // 10))
    assert [each.text for each in recent.earlier("room", LATER)][0] == "5"
    assert len(recent.hits("room", LATER)) == MOST_HITS
    for number in range(MOST_ROOMS):
        recent.add(said("words", room=f"room {number}"), [])
    assert recent.earlier("room", LATER) == []
    assert recent.earlier("room 0", LATER)
