"""Alignment of two readings of one sound."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

MOST_WORDS = 400
"""Most words of a reading to align. An utterance has half a minute at most."""


def align_words(
    words: Sequence[str], first: int, last: int, others: Sequence[str]
) -> tuple[int, int] | None:
    """Return first and last of the `others` in the place of `words[first]` to `words[last]`.

    None if there are no others, or too many words to align.
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
        else:  # the other reading has no word here: use the word before
            places.append(max(0, min(other_begin, len(others)) - 1))
    return (min(places), max(places)) if places else None
