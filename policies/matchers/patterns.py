"""Operators' patterns in RE2, which takes linear time for any pattern. The only re2 import.

Patterns are compared with the normalised text: one for digits (`(?:\\d ){6}\\d`) finds them whether
they were written in words or in figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import re2

from policies.match import Layer
from policies.matchers.hit import Hit
from policies.normalize import Normalized

MAX_MEMORY = 1 << 18
"""Most bytes of one compiled pattern."""
_ALL_MEMORY = 32 << 20
"""Most bytes of the pattern that joins them all."""


class PatternRefused(Exception):
    """A pattern is not RE2, is too large, or matches the empty text. The message says which."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.remedy = remedy


class Patterns:
    """Compiled patterns. Read-only, so that threads can share it.

    A pickle holds the patterns as text; unpickling compiles them again.

    Args:
        patterns: Patterns by number.

    Raises:
        PatternRefused
    """

    def __init__(self, patterns: Mapping[int, str]) -> None:
        self._wanted = patterns
        self._patterns = tuple((entry, compile_pattern(each)) for entry, each in patterns.items())
        self._any = _any_of(tuple(patterns.values()))

    def __reduce__(self) -> tuple[type[Patterns], tuple[Mapping[int, str]]]:
        return Patterns, (self._wanted,)

    def find_hits(self, words: Normalized) -> Iterator[Hit]:
        """Yield each place of each pattern; those of one pattern do not overlap."""
        if not self._patterns or (self._any and self._any.search(words.text) is None):
            return
        for entry, pattern in self._patterns:
            for found in pattern.finditer(words.text):
                start, end = found.span()
                found_text = words.text[start:end]
                start += len(found_text) - len(found_text.lstrip())
                end -= len(found_text) - len(found_text.rstrip())
                if start < end:
                    first, last = words.word_at(start), words.word_at(end - 1)
                    yield Hit(entry, first, last, Layer.PATTERN)


def _any_of(patterns: Sequence[str]) -> Any:
    """Join the patterns into one, because most utterances match none; None if it is too large.

    RE2's own sets would do the same, but do not report that they ran out of memory.
    """
    try:
        joined = "|".join(f"(?:{pattern})" for pattern in patterns)
        return re2.compile(joined, _options(_ALL_MEMORY)) if len(patterns) > 1 else None
    except re2.error:
        return None


def compile_pattern(pattern: str) -> Any:
    """Compile a pattern.

    Raises:
        PatternRefused
    """
    try:
        found = re2.compile(pattern, _options(MAX_MEMORY))
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        remedy = "write it without look-around, back-references or huge repeats"
        raise PatternRefused(f"is not RE2: {text}", remedy) from None
    if found.search("") is not None:
        remedy = "ask for one character at least"
        raise PatternRefused("matches an empty text, and so everything", remedy)
    return found


def _options(max_memory: int) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = max_memory
    return options
