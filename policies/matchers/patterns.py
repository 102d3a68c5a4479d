"""Operators' patterns in RE2: linear time whatever they are. The only re2 import.

A pattern is compared with the normalised text, so that one for digits (`(?:\\d ){6}\\d`) hears them
spoken one by one, in words or in figures alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import re2

from policies.match import Layer
from policies.matchers.hit import Hit
from policies.normalize import Normalized

MAX_MEMORY = 1 << 18
"""Bytes that one compiled pattern may take."""
_ALL_MEMORY = 32 << 20


class PatternRefused(Exception):
    """A pattern is not RE2, too large, or matches no text at all as well as any other.

    Its text says which.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.remedy = remedy


class Patterns:
    """Compiled once, then only read: threads may share it.

    Pickled as its patterns, and compiled again where it is unpickled.

    Args:
        patterns: By number.

    Raises:
        PatternRefused
    """

    def __init__(self, patterns: Mapping[int, str]) -> None:
        self._wanted = patterns
        self._patterns = tuple((entry, compiled(each)) for entry, each in patterns.items())
        self._any = _any_of(tuple(patterns.values()))

    def __reduce__(self) -> tuple[type[Patterns], tuple[Mapping[int, str]]]:
        return Patterns, (self._wanted,)

    def find(self, heard: Normalized) -> Iterator[Hit]:
        """The places of every pattern; those of one pattern do not overlap."""
        if not self._patterns or (self._any and self._any.search(heard.text) is None):
            return
        for entry, pattern in self._patterns:
            for found in pattern.finditer(heard.text):
                start, end = found.span()
                words = heard.text[start:end]
                start += len(words) - len(words.lstrip())
                end -= len(words) - len(words.rstrip())
                if start < end:
                    first, last = heard.word_at(start), heard.word_at(end - 1)
                    yield Hit(entry, first, last, Layer.PATTERN)


def _any_of(patterns: Sequence[str]) -> Any:
    """One pattern for all: most of what is said fits none. None where it would be too large.

    RE2's own sets would do the same, but say nothing when they run out of memory.
    """
    try:
        joined = "|".join(f"(?:{pattern})" for pattern in patterns)
        return re2.compile(joined, _options(_ALL_MEMORY)) if len(patterns) > 1 else None
    except re2.error:
        return None


def compiled(pattern: str) -> Any:
    """Raises: PatternRefused"""
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
