"""Word error rate: distance between a transcript and the spoken words."""

from __future__ import annotations

import re
from collections.abc import Sequence


def words(text: str) -> list[str]:
    """Return the words to compare, in lower case, with letters, digits and apostrophes only."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower().replace("’", "'"))


def word_errors(spoken: Sequence[str], transcribed: Sequence[str]) -> int:
    """Return the least number of words to replace, delete or insert to make the two equal."""
    row = list(range(len(transcribed) + 1))
    for before, word in enumerate(spoken):
        diagonal, row[0] = row[0], before + 1
        for column, other in enumerate(transcribed, 1):
            same_or_replaced = diagonal + (word != other)
            diagonal = row[column]
            row[column] = min(same_or_replaced, row[column] + 1, row[column - 1] + 1)
    return row[-1]
