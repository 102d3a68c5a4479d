"""What was found of a rule, and the utterances that it was found in."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from policies.language import Language
from policies.match import Span
from policies.matchers.hit import Hit
from policies.normalize import Normalized
from policies.spoken import Timed

_SECONDS_A_WORD: Mapping[Language, float] = {Language.EN: 0.4, Language.ZH: 0.25}
"""150 words, or 240 characters, a minute: where a recogniser gave no times."""


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """One utterance on the scale that conditions measure on.

    Attributes:
        offset: Words said before it, of the utterances that count together; negative before now.
        from_s: When it began, in seconds from the beginning of the utterance that is judged.
        now: It is the utterance that is judged.
    """

    words: Normalized
    language: Language
    times: Sequence[Timed] = ()
    offset: int = 0
    from_s: float = 0.0
    now: bool = True

    def seconds(self, first: int, last: int) -> tuple[float, float]:
        """When the words `first` to `last` were said; by their number where that is not known."""
        known = self.known_seconds(self.words.span(first, last)) if self.times else None
        if known is None:
            each = _SECONDS_A_WORD[self.language]
            known = first * each, (last + 1) * each
        return self.from_s + known[0], self.from_s + known[1]

    def known_seconds(self, span: Span) -> tuple[float, float] | None:
        """From the beginning of the utterance; None where the recogniser gave no times."""
        low = bisect_right(self.times, span[0], key=lambda timed: timed.end)
        high = bisect_left(self.times, span[1], key=lambda timed: timed.start)
        if low >= high:
            return None
        return self.times[low].from_s, self.times[high - 1].to_s


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A phrase or pattern of one of a rule's groups, in one utterance."""

    group: str
    said: Said
    hit: Hit

    @property
    def first(self) -> int:
        return self.said.offset + self.hit.first

    @property
    def last(self) -> int:
        return self.said.offset + self.hit.last

    @property
    def span(self) -> Span:
        return self.said.words.span(self.hit.first, self.hit.last)

    @property
    def seconds(self) -> tuple[float, float]:
        return self.said.seconds(self.hit.first, self.hit.last)
