from __future__ import annotations

import pytest

from policies.alignment import MOST_WORDS, align_words


@pytest.mark.parametrize(
    ("words", "place", "others", "found"),
    [
        ("read me the code now", (3, 3), "read me the coat now", "coat"),
        ("read me the code now", (2, 3), "read me now", "me"),
        ("read me now", (1, 1), "read me the code now", "me"),
        ("gift card", (0, 1), "something else entirely", "something else entirely"),
        ("a b c", (0, 2), "a b c", "a b c"),
        ("new words", (0, 0), "words", "words"),
    ],
)
def test_words_stand_where_others_do(
    words: str, place: tuple[int, int], others: str, found: str
) -> None:
    other = others.split()
    placed = align_words(words.split(), *place, other)
    assert placed is not None
    assert " ".join(other[placed[0] : placed[1] + 1]) == found


def test_where_there_is_nothing_nothing_stands() -> None:
    assert align_words(["a"], 0, 0, []) is None
    assert align_words(["a"] * (MOST_WORDS + 1), 0, 0, ["a"]) is None
