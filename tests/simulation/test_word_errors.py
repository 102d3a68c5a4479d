from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.simulation.word_errors import word_errors, words

SENTENCES = st.lists(st.sampled_from("abc"), max_size=8)


@pytest.mark.parametrize(
    ("spoken", "transcribed", "errors"),
    [
        ("send me your codes", "send me your codes", 0),
        ("send me your codes", "send me the codes", 1),
        ("send me your codes", "send your codes", 1),
        ("send me your codes", "please send me your codes", 1),
        ("send me your codes", "", 4),
        ("", "send me", 2),
        ("a b c d", "b c d a", 2),
    ],
)
def test_errors_are_replaced_deleted_and_inserted_words(
    spoken: str, transcribed: str, errors: int
) -> None:
    assert word_errors(words(spoken), words(transcribed)) == errors


def test_case_punctuation_and_kinds_of_apostrophe_do_not_count() -> None:
    assert words("Don’t listen, to THAT!") == words("don't listen to that")


@given(SENTENCES, SENTENCES)
def test_errors_are_symmetric_and_bounded_by_the_longer_sentence(
    spoken: list[str], transcribed: list[str]
) -> None:
    errors = word_errors(spoken, transcribed)
    assert errors == word_errors(transcribed, spoken)
    assert abs(len(spoken) - len(transcribed)) <= errors <= max(len(spoken), len(transcribed))
    assert (errors == 0) == (spoken == transcribed)


@given(SENTENCES, st.integers(0, 8), st.sampled_from("abc"))
def test_an_inserted_word_is_one_error(spoken: list[str], place: int, word: str) -> None:
    assert word_errors(spoken, [*spoken[:place], word, *spoken[place:]]) == 1
