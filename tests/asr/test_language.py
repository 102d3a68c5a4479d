from __future__ import annotations

from dataclasses import replace

from asr.language import Languages
from asr.speech import Utterance
from tests.asr.examples import an_utterance

LONG = an_utterance(pcm=bytes(32 * 2_000))
SHORT = an_utterance(pcm=bytes(32 * 1_900))
ENGLISH = [("en", 0.9), ("zh", 0.05)]
CHINESE = [("zh", 0.8), ("en", 0.1)]


def settled(utterance: Utterance = LONG) -> Languages:
    languages = Languages()
    languages.detected(utterance, [], ENGLISH)
    languages.detected(utterance, [], ENGLISH)
    return languages


def test_a_language_detected_twice_for_sure_is_not_detected_again() -> None:
    languages = Languages()
    assert languages.known(LONG, []) is None
    assert languages.detected(LONG, [], ENGLISH) == "en"
    assert languages.known(LONG, []) is None, "once is not enough"
    assert languages.known(SHORT, []) == "en", "but better than what little speech tells"
    languages.detected(LONG, [], ENGLISH)
    assert languages.known(LONG, []) == "en"


def test_short_speech_is_taken_as_it_sounds_and_not_remembered() -> None:
    languages = Languages()
    assert languages.detected(SHORT, [], CHINESE) == "zh"
    assert len(languages) == 0


def test_an_unsure_detection_does_not_outweigh_what_was_heard_before() -> None:
    languages = Languages()
    languages.detected(LONG, [], ENGLISH)
    assert languages.detected(LONG, [], [("zh", 0.4), ("en", 0.35)]) == "en"
    assert languages.detected(LONG, [], CHINESE) == "zh"
    assert languages.known(LONG, []) is None
    languages.detected(LONG, [], CHINESE)
    assert languages.known(LONG, []) == "zh"


def test_words_gone_wrong_have_the_language_detected_again() -> None:
    languages = settled()
    assert not languages.heard(LONG, -0.8)
    assert languages.known(LONG, []) == "en"
    assert languages.heard(LONG, -0.81)
    assert languages.known(LONG, []) is None
    assert not languages.heard(LONG, -0.81), "nothing was known"


def test_only_languages_that_may_be_spoken_are_taken() -> None:
    languages = settled()
    assert languages.known(LONG, ["zh"]) == "zh"
    assert languages.known(LONG, ["zh", "ja"]) is None
    assert languages.known(LONG, ["zh", "en"]) == "en"
    assert languages.detected(LONG, ["zh", "ja"], ENGLISH) == "zh"
    assert languages.detected(LONG, ["ja"], ENGLISH) == "ja"


def test_speakers_and_rooms_are_apart() -> None:
    languages = settled()
    assert languages.known(replace(LONG, speaker_id="bob"), []) is None
    assert languages.known(replace(LONG, room_id="stage"), []) is None


def test_whoever_was_silent_longest_is_forgotten_first() -> None:
    languages = Languages(capacity=2)
    ann, bob, eve = (replace(LONG, speaker_id=name) for name in ("ann", "bob", "eve"))
    for speaker in (ann, bob, ann, bob):
        languages.detected(speaker, [], ENGLISH)
    assert languages.known(ann, []) == "en"
    languages.detected(eve, [], ENGLISH)
    assert len(languages) == 2
    assert (languages.known(ann, []), languages.known(bob, [])) == ("en", None)
