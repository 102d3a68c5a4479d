"""Where the words of one reading of a sound stand in another."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

MOST_WORDS = 400
"""Of a reading that is aligned: an utterance is half a minute at most."""


def in_its_place(
    words: Sequence[str], first: int, last: int, others: Sequence[str]
) -> tuple[int, int] | None:
    """First and last of `others` that stand where `words[first]` to `words[last]` do.

    None where there are no others, or too many words to tell.
    """
    if not others or max(len(words), len(others)) > MOST_WORDS:
        return None
    places: list[int] = []
    aligned = SequenceMatcher(None, words, others, autojunk=False).get_opcodes()
    for kind, begin, end, other_begin, other_end in aligned:
        if end <= first or begin > last:
            continue
        if kind == "equal":
            shift = other_begin - begin
            places += [max(begin, first) + shift, min(end - 1, last) + shift]
        elif other_end > other_begin:
            places += [other_begin, other_end - 1]
        else:  # the other reading has nothing here: the word before stands for it
            places.append(max(0, min(other_begin, len(others)) - 1))
    return (min(places), max(places)) if places else None
