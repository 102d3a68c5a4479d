"""What can be told of speech that goes on. Pure: looks come in one after another.

A rule that applies to words on which two looks agree is worth a provisional alert. A grave one that
was found in words of one look only is looked for again at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asr.speech import Transcript, Utterance
from policies.match import Match
from policies.severity import Severity
from service.verdict.agreement import agreed_until
from service.verdict.reading import Reading

MOST_AGAIN = 2
"""Looks in a row that are asked for; then the next comes in its own time."""

_Key = tuple[str, str]
"""Room and speaker."""


@dataclass(frozen=True, slots=True)
class Seen:
    """
    Attributes:
        certain: Matches in words on which the looks agree, if any rule is new since the last look;
            else empty.
        again: Something grave was found in words that may yet change.
    """

    certain: Sequence[Match]
    again: bool


@dataclass(slots=True)
class _Open:
    """Speech that goes on, and the last look at it."""

    utterance_id: str
    last: Transcript | None = None
    asked: int = 0
    told: frozenset[tuple[str, str]] = frozenset()


class Glimpses:
    """Of every speaker at most one stretch of speech that goes on."""

    def __init__(self) -> None:
        self._open: dict[_Key, _Open] = {}

    def begin(self, utterance: Utterance) -> str | None:
        """A look is on its way. The speech of this speaker that was looked at before, if its end
        never came: whatever was told of it stands."""
        key = (utterance.room_id, utterance.speaker_id)
        before = self._open.get(key)
        if before is not None and before.utterance_id == utterance.id:
            return None
        self._open[key] = _Open(utterance.id)
        return before.utterance_id if before is not None and before.told else None

    def see(self, utterance: Utterance, transcript: Transcript, reading: Reading) -> Seen:
        """What a look found."""
        here = self._open.get((utterance.room_id, utterance.speaker_id))
        if here is None or here.utterance_id != utterance.id:  # its end came first
            return Seen((), again=False)
        certain_to = 0 if here.last is None else agreed_until(here.last, transcript)
        here.last = transcript
        # The reading may begin with words of the part before, so it is counted from its end.
        boundary = len(reading.text) - (len(transcript.text) - certain_to)
        worth = [match for match in reading.matches if not match.review]
        certain = [match for match in worth if _end(match) <= boundary]
        rules = frozenset((match.pack, match.rule_id) for match in certain)
        again = any(_is_grave(match) and _end(match) > boundary for match in worth)
        here.asked = here.asked + 1 if again else 0
        fresh = bool(rules - here.told)
        here.told |= rules
        return Seen(certain if fresh else (), again and here.asked <= MOST_AGAIN)

    def end(self, utterance: Utterance) -> bool:
        """The speech has ended. Whether anything was told of it before."""
        key = (utterance.room_id, utterance.speaker_id)
        here = self._open.get(key)
        if here is None or here.utterance_id != utterance.id:
            return False
        del self._open[key]
        return bool(here.told)


def _end(match: Match) -> int:
    return max((end for _, end in match.spans), default=0)


def _is_grave(match: Match) -> bool:
    return match.severity.rank >= Severity.HIGH.rank
