"""Matches in interim transcripts: certain once two transcripts in a row agree on the words. Pure.

Certain matches are worth a provisional alert. A grave match in words of one transcript only asks
for another transcript at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asr.speech import Transcript, Utterance
from policies.match import Match
from policies.severity import Severity
from service.verdict.agreement import agreed_until
from service.verdict.transcript_matches import TranscriptMatches

MOST_IN_A_ROW = 2
"""Interim transcripts in a row that are asked for at once; then the regular interval applies."""

_Key = tuple[str, str]
"""Room and speaker."""


@dataclass(frozen=True, slots=True)
class InterimResult:
    """
    Attributes:
        certain: All matches in agreed words, if one of their rules is new; else empty.
        confirm: True if a grave match lies in words that may still change.
    """

    certain: Sequence[Match]
    confirm: bool


@dataclass(slots=True)
class _Open:
    """An utterance that has not ended.

    Attributes:
        last: Latest interim transcript.
        asked: Transcripts in a row that were asked for at once.
        certain: Pack and rule id of every rule that was certain so far.
    """

    utterance_id: str
    last: Transcript | None = None
    asked: int = 0
    certain: frozenset[tuple[str, str]] = frozenset()


class InterimResults:
    """At most one open utterance per speaker."""

    def __init__(self) -> None:
        self._open: dict[_Key, _Open] = {}

    def open_utterance(self, utterance: Utterance) -> str | None:
        """Note that an interim transcript is on its way.

        Returns:
            The id of this speaker's utterance before, if it had certain matches and its end never
            came: those matches stand.
        """
        key = (utterance.room_id, utterance.speaker_id)
        before = self._open.get(key)
        if before is not None and before.utterance_id == utterance.id:
            return None
        self._open[key] = _Open(utterance.id)
        return before.utterance_id if before is not None and before.certain else None

    def compare_transcript(
        self, utterance: Utterance, transcript: Transcript, matches: TranscriptMatches
    ) -> InterimResult:
        """Compare an interim transcript with the one before, and sort its matches."""
        here = self._open.get((utterance.room_id, utterance.speaker_id))
        if here is None or here.utterance_id != utterance.id:  # the final transcript came first
            return InterimResult((), confirm=False)
        agreed = 0 if here.last is None else agreed_until(here.last, transcript)
        here.last = transcript
        # The text may begin with words of the part before, so count from its end.
        boundary = len(matches.text) - (len(transcript.text) - agreed)
        alarms = [match for match in matches.live if not match.review]
        certain = [match for match in alarms if _end(match) <= boundary]
        rules = frozenset((match.pack, match.rule_id) for match in certain)
        confirm = any(_is_grave(match) and _end(match) > boundary for match in alarms)
        here.asked = here.asked + 1 if confirm else 0
        has_new_rule = bool(rules - here.certain)
        here.certain |= rules
        return InterimResult(
            certain if has_new_rule else (), confirm and here.asked <= MOST_IN_A_ROW
        )

    def close_utterance(self, utterance: Utterance) -> bool:
        """Forget an utterance that has ended. Returns whether it had certain matches."""
        key = (utterance.room_id, utterance.speaker_id)
        here = self._open.get(key)
        if here is None or here.utterance_id != utterance.id:
            return False
        del self._open[key]
        return bool(here.certain)


def _end(match: Match) -> int:
    return max((end for _, end in match.spans), default=0)


def _is_grave(match: Match) -> bool:
    return match.severity.rank >= Severity.HIGH.rank
