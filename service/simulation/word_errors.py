"""Word error rate: how far what was heard is from what was said."""

from __future__ import annotations

import re
from collections.abc import Sequence


def words(text: str) -> list[str]:
    """The words to compare: lower case, letters, digits and apostrophes only."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower().replace("’", "'"))


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Least number of words to replace, leave out or put in to turn one into the other."""
    row = list(range(len(heard) + 1))
    for before, word in enumerate(said):
        diagonal, row[0] = row[0], before + 1
        for column, other in enumerate(heard, 1):
            same_or_replaced = diagonal + (word != other)
            diagonal = row[column]
            row[column] = min(same_or_replaced, row[column] + 1, row[column - 1] + 1)
    return row[-1]
