"""Matches in doubtful words: a person reviews them; none is dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from asr.quality import COMPRESSION, NO_SPEECH, NOISE, PHANTOM, REPETITION, TOO_FAST
from policies.match import Match
from policies.severity import Severity

MAY_BE_NOISE = "the transcript may be noise"
MAY_REPEAT = "the transcript may repeat itself by mistake"
MAY_BE_WRONG = "the transcript has too many words for its sound"

_REASONS = {
    NO_SPEECH: MAY_BE_NOISE,
    PHANTOM: MAY_BE_NOISE,
    NOISE: MAY_BE_NOISE,
    COMPRESSION: MAY_REPEAT,
    REPETITION: MAY_REPEAT,
    TOO_FAST: MAY_BE_WRONG,
}


def for_review(match: Match, marks: Sequence[str]) -> Match:
    """Return the match as one for review, with a reason for each quality mark.

    Its severity is low and repetition does not count it, as for a match that an exception excuses.
    """
    reasons = tuple(dict.fromkeys(_REASONS[mark] for mark in marks if mark in _REASONS))
    return replace(
        match,
        severity=Severity.LOW,
        review=True,
        excused_by=(*match.excused_by, *reasons),
        explanation=f"{match.explanation} (for review: {'; '.join(reasons)})",
        raised_from=None,
        reached=False,
    )
