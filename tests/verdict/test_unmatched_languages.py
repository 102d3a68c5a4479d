from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from asr.quality import NOT_SPOKEN
from policies.matcher import Matcher
from service.metrics import Metrics
from service.rooms.room import RoomState, UnmatchedLanguage
from service.verdict.unmatched_languages import MOST_LANGUAGES, MOST_ROOMS, UnmatchedLanguages
from tests.asr.examples import START, a_transcript
from tests.policies.writing import pack, rule
from tests.rooms.fakes import NOW, a_room

ENGLISH = pack(rule("insult", en=["you fool"]), name="english")
CHINESE = pack(rule("insult-zh", zh=["你这个笨蛋"]), name="chinese")
SHADOW = pack(rule("tried", zh=["你这个笨蛋"], status="shadow"), name="shadow")
ROOM = a_room()
SECOND = timedelta(seconds=1)


class Floor:
    """Unmatched languages under packs that the test may change."""

    def __init__(self) -> None:
        self.matcher = Matcher([ENGLISH])
        self.metrics = Metrics()
        self.unmatched = UnmatchedLanguages(lambda: self.matcher, self.metrics)

    def counted(self, language: str) -> float:
        return float(self.metrics.unmatched_utterances.labels(language)._value.get())


@pytest.fixture
def floor() -> Floor:
    return Floor()


def test_utterances_without_rules_for_their_language_are_counted_by_language(floor: Floor) -> None:
    for second, language in enumerate(("fr", "de", "fr", "en")):
        said = a_transcript("some words", language=language, length_ms=1000 * second)
        floor.unmatched.count_utterance(ROOM, said)
    assert floor.unmatched.unmatched_languages(ROOM) == (
        UnmatchedLanguage("fr", 2, START + 2 * SECOND),
        UnmatchedLanguage("de", 1, START + SECOND),
    )
    assert [floor.counted(language) for language in ("fr", "de", "en")] == [2, 1, 0]


def test_a_rule_of_a_pack_that_the_room_does_not_use_covers_nothing(floor: Floor) -> None:
    floor.matcher = Matcher([ENGLISH, CHINESE])
    room = replace(ROOM, policies=["chinese"])
    floor.unmatched.count_utterance(room, a_transcript("some words", language="en"))
    floor.unmatched.count_utterance(room, a_transcript("一些话", language="zh"))
    assert [one.language for one in floor.unmatched.unmatched_languages(room)] == ["en"]


def test_a_rule_in_shadow_covers_nothing_because_it_raises_no_alert(floor: Floor) -> None:
    floor.matcher = Matcher([ENGLISH, SHADOW])
    floor.unmatched.count_utterance(ROOM, a_transcript("一些话", language="zh"))
    assert [one.language for one in floor.unmatched.unmatched_languages(ROOM)] == ["zh"]


def test_a_language_is_dropped_once_the_packs_cover_it(floor: Floor) -> None:
    for language in ("zh", "fr"):
        floor.unmatched.count_utterance(ROOM, a_transcript("words", language=language))
    floor.matcher = Matcher([ENGLISH, CHINESE])
    assert [one.language for one in floor.unmatched.unmatched_languages(ROOM)] == ["fr"]
    floor.matcher = Matcher([ENGLISH])
    assert [one.language for one in floor.unmatched.unmatched_languages(ROOM)] == ["fr"]


def test_silence_and_words_that_nobody_said_are_not_counted(floor: Floor) -> None:
    floor.unmatched.count_utterance(ROOM, a_transcript("", language="fr"))
    nobody = replace(a_transcript("merci", language="fr"), marks=(NOT_SPOKEN,))
    floor.unmatched.count_utterance(ROOM, nobody)
    assert floor.unmatched.unmatched_languages(ROOM) == ()
    assert floor.counted("fr") == 0


def test_a_room_that_is_closed_and_opened_again_begins_without_unmatched_languages(
    floor: Floor,
) -> None:
    floor.unmatched.count_utterance(ROOM, a_transcript("des mots", language="fr"))
    assert floor.unmatched.unmatched_languages(replace(ROOM, state=RoomState.ENDED)) == ()
    again = replace(ROOM, joined_at=NOW + SECOND)
    assert floor.unmatched.unmatched_languages(again) == ()
    floor.unmatched.count_utterance(again, a_transcript("Worte", language="de"))
    assert [one.language for one in floor.unmatched.unmatched_languages(again)] == ["de"]


def test_memory_is_bounded_in_languages_and_in_rooms(floor: Floor) -> None:
    for number in range(MOST_LANGUAGES + 5):
        floor.unmatched.count_utterance(ROOM, a_transcript("x", language=f"x{number}"))
    languages = [one.language for one in floor.unmatched.unmatched_languages(ROOM)]
    assert len(languages) == MOST_LANGUAGES
    assert languages[0] == f"x{MOST_LANGUAGES + 4}"
    for number in range(MOST_ROOMS):
        room = replace(ROOM, id=f"room-{number}")
        floor.unmatched.count_utterance(room, a_transcript("x", language="fr"))
    assert floor.unmatched.unmatched_languages(ROOM) == ()
