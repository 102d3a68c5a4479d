from __future__ import annotations

from dataclasses import replace

from asr.language import SpeakerLanguages
from asr.speech import Utterance
from tests.asr.examples import an_utterance

LONG = an_utterance(pcm=bytes(32 * 2_000))
SHORT = an_utterance(pcm=bytes(32 * 1_900))
ENGLISH = [("en", 0.9), ("zh", 0.05)]
CHINESE = [("zh", 0.8), ("en", 0.1)]


def settled(utterance: Utterance = LONG) -> SpeakerLanguages:
    languages = SpeakerLanguages()
    languages.record_detection(utterance, [], ENGLISH)
    languages.record_detection(utterance, [], ENGLISH)
    return languages


def test_a_language_detected_twice_for_sure_is_not_detected_again() -> None:
    languages = SpeakerLanguages()
    assert languages.known_language(LONG, []) is None
    assert languages.record_detection(LONG, [], ENGLISH) == "en"
    assert languages.known_language(LONG, []) is None, "once is not enough"
    assert languages.known_language(SHORT, []) == "en", "but better than what little speech tells"
    languages.record_detection(LONG, [], ENGLISH)
    assert languages.known_language(LONG, []) == "en"


def test_the_language_of_short_speech_is_detected_but_not_remembered() -> None:
    languages = SpeakerLanguages()
    assert languages.record_detection(SHORT, [], CHINESE) == "zh"
    assert len(languages) == 0


def test_an_unsure_detection_does_not_replace_the_known_language() -> None:
    languages = SpeakerLanguages()
    languages.record_detection(LONG, [], ENGLISH)
    assert languages.record_detection(LONG, [], [("zh", 0.4), ("en", 0.35)]) == "en"
    assert languages.record_detection(LONG, [], CHINESE) == "zh"
    assert languages.known_language(LONG, []) is None
    languages.record_detection(LONG, [], CHINESE)
    assert languages.known_language(LONG, []) == "zh"


def test_the_language_is_detected_again_after_words_went_wrong() -> None:
    languages = settled()
    assert not languages.forget_if_wrong(LONG, -0.8)
    assert languages.known_language(LONG, []) == "en"
    assert languages.forget_if_wrong(LONG, -0.81)
    assert languages.known_language(LONG, []) is None
    assert not languages.forget_if_wrong(LONG, -0.81), "nothing was known"


def test_only_allowed_languages_are_chosen() -> None:
    languages = settled()
    assert languages.known_language(LONG, ["zh"]) == "zh"
    assert languages.known_language(LONG, ["zh", "ja"]) is None
    assert languages.known_language(LONG, ["zh", "en"]) == "en"
    assert languages.record_detection(LONG, ["zh", "ja"], ENGLISH) == "zh"
    assert languages.record_detection(LONG, ["ja"], ENGLISH) == "ja"


def test_speakers_and_rooms_have_separate_languages() -> None:
    languages = settled()
    assert languages.known_language(replace(LONG, speaker_id="bob"), []) is None
    assert languages.known_language(replace(LONG, room_id="stage"), []) is None


def test_the_speaker_silent_for_longest_is_forgotten_first() -> None:
    languages = SpeakerLanguages(capacity=2)
    ann, bob, eve = (replace(LONG, speaker_id=name) for name in ("ann", "bob", "eve"))
    for speaker in (ann, bob, ann, bob):
        languages.record_detection(speaker, [], ENGLISH)
    assert languages.known_language(ann, []) == "en"
    languages.record_detection(eve, [], ENGLISH)
    assert len(languages) == 2
    assert (languages.known_language(ann, []), languages.known_language(bob, [])) == ("en", None)
