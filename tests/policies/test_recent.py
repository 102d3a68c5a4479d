from __future__ import annotations

from policies.match import Match
from policies.recent import MOST_HITS, MOST_ROOMS, MOST_UTTERANCES, Recent
from policies.severity import Severity
from policies.spoken import Earlier, PastHit, Spoken

LATER_S = 3600.0
MATCH = Match("a-pack", "1.0.0", "a-rule", Severity.LOW, "hate", ((0, 1),), "heard")


def add(
    recent: Recent,
    text: str,
    at_s: float = 0,
    *matches: Match,
    room: str = "room",
    speaker: str = "ann",
) -> None:
    recent.add(room, speaker, at_s, Spoken(text, "en"), matches)


def test_a_room_s_words_come_in_the_order_in_which_they_were_said() -> None:
    recent = Recent()
    add(recent, "second", 5, speaker="bob")
    add(recent, "first", 2)
    add(recent, "", 3)
    add(recent, "elsewhere", 1, room="other")
    assert list(recent.earlier("room", 10)) == [
        Earlier("first", "en", "ann", 8.0),
        Earlier("second", "en", "bob", 5.0),
    ]


def test_only_what_came_before_counts() -> None:
    recent = Recent()
    add(recent, "now", 5, MATCH)
    assert [*recent.earlier("room", 5), *recent.hits("room", 5)] == []
    assert [*recent.earlier("nowhere", 5), *recent.hits("nowhere", 5)] == []


def test_hits_are_remembered_but_not_what_is_excused() -> None:
    recent = Recent()
    excused = Match("p", "1.0.0", "r", Severity.LOW, "hate", (), "", excused_by=("allowed",))
    add(recent, "words", 0, MATCH, excused)
    assert list(recent.hits("room", LATER_S)) == [PastHit("a-pack", "a-rule", "ann", 3600.0)]


def test_nothing_grows_without_bound() -> None:
    recent = Recent()
    for number in range(MOST_UTTERANCES + 5):
        add(recent, str(number), number, *[MATCH] * (MOST_HITS // 10))
    assert recent.earlier("room", LATER_S)[0].text == "5"
    assert len(recent.hits("room", LATER_S)) == MOST_HITS
    for number in range(MOST_ROOMS):
        add(recent, "words", room=f"room {number}")
    assert not recent.earlier("room", LATER_S)
    assert recent.earlier("room 0", LATER_S)
