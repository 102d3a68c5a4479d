"""Phrases of a rule that were found, and their utterances."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from policies.languages.plugin import LanguagePlugin
from policies.match import Span
from policies.matchers.hit import Hit
from policies.normalize import Normalized
from policies.spoken import Timed


@dataclass(frozen=True, slots=True, eq=False)
class PlacedUtterance:
    """One utterance, placed among those that count together.

    Attributes:
        offset: Number of its first word, counted from the judged utterance; negative before it.
        from_s: Start of the utterance, in seconds from the start of the judged one.
        now: It is the judged utterance.
    """

    words: Normalized
    language: LanguagePlugin
    times: Sequence[Timed] = ()
    offset: int = 0
    from_s: float = 0.0
    now: bool = True

    def seconds(self, first: int, last: int) -> tuple[float, float]:
        """Return start and end of the words `first` to `last`, estimated if no times are known."""
        known = self.known_seconds(self.words.span(first, last)) if self.times else None
        if known is None:
            each = 60 / self.language.words_per_minute
            known = first * each, (last + 1) * each
        return self.from_s + known[0], self.from_s + known[1]

    def known_seconds(self, span: Span) -> tuple[float, float] | None:
        """Return start and end of a span in the utterance; None if the recogniser gave no times."""
        low = bisect_right(self.times, span[0], key=lambda timed: timed.end)
        high = bisect_left(self.times, span[1], key=lambda timed: timed.start)
        if low >= high:
            return None
        return self.times[low].from_s, self.times[high - 1].to_s


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A phrase or pattern of one of a rule's groups, in one utterance."""

    group: str
    utterance: PlacedUtterance
    hit: Hit

    @property
    def first(self) -> int:
        """Number of its first word, counted from the judged utterance."""
        return self.utterance.offset + self.hit.first

    @property
    def last(self) -> int:
        """Number of its last word, counted from the judged utterance."""
        return self.utterance.offset + self.hit.last

    @property
    def span(self) -> Span:
        """Place in the text of its utterance."""
        return self.utterance.words.span(self.hit.first, self.hit.last)

    @property
    def seconds(self) -> tuple[float, float]:
        """Start and end, in seconds from the start of the judged utterance."""
        return self.utterance.seconds(self.hit.first, self.hit.last)
