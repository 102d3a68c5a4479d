"""Contract of a language plug-in. It runs on every folder in policies/languages/."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.languages import CODES, find_language, guess_language, load_language, load_languages
from policies.languages.plugin import LanguagePlugin
from policies.match import AS_WRITTEN
from policies.normalize import normalize
from policies.tolerance import Tolerance

LANGUAGES = pytest.mark.parametrize("language", load_languages(), ids=lambda each: each.code)
TEXTS = st.text(max_size=40) | st.lists(st.text("abdegiklmno'", min_size=1, max_size=6)).map(
    " ".join
)
LOOSER = frozenset(Tolerance) - {Tolerance.EXACT, Tolerance.BY_LENGTH}


def test_a_language_without_a_folder_has_no_plug_in() -> None:
    assert find_language("xx") is None
    with pytest.raises(KeyError):
        load_language("xx")


@LANGUAGES
def test_the_plug_in_is_found_by_its_code(language: LanguagePlugin) -> None:
    assert language.code in CODES
    assert find_language(language.code) is language
    assert language.name
    assert language.tag.startswith(language.code)


@LANGUAGES
def test_its_constants_can_be_used(language: LanguagePlugin) -> None:
    assert language.words_per_minute > 0
    assert language.shortest_phrase > 0
    assert language.sounds.layer not in AS_WRITTEN
    assert LOOSER.issuperset(language.sounds.shortest)
    assert all(least > 0 for least in language.sounds.shortest.values())


@LANGUAGES
@given(TEXTS)
def test_every_word_has_its_place_in_the_text(language: LanguagePlugin, text: str) -> None:
    words = normalize(text, language)
    assert words.text == language.separator.join(words.words)
    for number in range(len(words.words)):
        start, end = words.span(number, number)
        assert 0 <= start < end <= len(text)


@LANGUAGES
@given(TEXTS)
def test_a_phrase_is_found_in_its_own_words_or_not_at_all(
    language: LanguagePlugin, text: str
) -> None:
    words = normalize(text, language)
    for tolerance, least in language.sounds.shortest.items():
        if language.sounds.count(words.words) >= least:
            for hit in language.sounds.compile({7: (words, tolerance)}).find_hits(words):
                assert hit.entry == 7
                assert 0 <= hit.first <= hit.last < len(words.words)
                assert hit.layer is language.sounds.layer
                assert 0 <= hit.distance < 1


@LANGUAGES
@given(TEXTS)
def test_a_matcher_that_was_pickled_finds_the_same(language: LanguagePlugin, text: str) -> None:
    words = normalize(text, language)
    matcher = language.sounds.compile({0: (words, Tolerance.EXACT)})
    for tolerance, least in language.sounds.shortest.items():
        if language.sounds.count(words.words) >= least:
            matcher = language.sounds.compile({0: (words, tolerance)})
    again = pickle.loads(pickle.dumps(matcher))
    assert list(again.find_hits(words)) == list(matcher.find_hits(words))


@LANGUAGES
@given(TEXTS)
def test_nothing_is_found_by_the_sound_of_exact_phrases(
    language: LanguagePlugin, text: str
) -> None:
    words = normalize(text, language)
    for phrases in ({}, {0: (words, Tolerance.EXACT)}):
        assert list(language.sounds.compile(phrases).find_hits(words)) == []


@LANGUAGES
@given(TEXTS)
def test_sounds_can_be_counted_and_shown(language: LanguagePlugin, text: str) -> None:
    words = normalize(text, language).words
    assert language.sounds.count(words) >= 0
    assert isinstance(language.sounds.spell(words), str)


@LANGUAGES
@given(TEXTS, st.integers(0, 6), st.integers(0, 6))
def test_a_cue_is_in_the_words_before_a_match(
    language: LanguagePlugin, text: str, one: int, other: int
) -> None:
    words = normalize(text, language).words
    start, end = sorted(min(place, len(words)) for place in (one, other))
    for find_cue in (language.find_negation, language.find_report):
        assert find_cue(words, start, end) in language.separator.join(words)
        assert find_cue(words, end, end) == ""


@LANGUAGES
def test_its_own_script_shows_the_language(language: LanguagePlugin) -> None:
    scripts = [each.code for each in load_languages() if each.own_script is not None]
    assert guess_language("hello").code not in scripts
