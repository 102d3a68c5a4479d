"""What the policies make of a transcript, over the cuts in unbroken speech."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from asr.speech import EndedBy, Transcript, Utterance
from asr.stitch import Join, end_of, joins
from policies.match import Match
from policies.matcher import Matcher
from policies.spoken import Context, Spoken

_APART = timedelta(seconds=1)
"""Two parts of one stretch lie closer together, whatever packets were lost at the cut."""

_Rule = tuple[str, str]
"""Pack and rule id."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was made of a transcript.

    Attributes:
        text: What the matches' spans point into: the transcript's text, or that with the words
            before it in which a phrase over a cut began.
        new_from: Where in `text` the transcript's own words begin.
    """

    text: str
    matches: Sequence[Match]
    new_from: int = 0


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of unbroken speech that the next part goes on from."""

    number: int
    transcript: Transcript
    reading: Reading

    def goes_on_in(self, utterance: Utterance) -> bool:
        overlap = timedelta(milliseconds=utterance.overlap_ms)
        apart = abs(utterance.started_at + overlap - self.transcript.ended_at)
        return utterance.part == self.number + 1 and apart < _APART


class Reader:
    """Matches transcripts in the order in which they were spoken, speaker by speaker.

    Args:
        matcher: The policies in force, asked for anew for every transcript.
    """

    def __init__(self, matcher: Callable[[], Matcher]) -> None:
        self._matcher = matcher
        self._before: dict[tuple[str, str], _Part] = {}

    def read(
        self, utterance: Utterance, transcript: Transcript, packs: frozenset[str] | None
    ) -> Reading:
        """Match the words; over the cut, too, where the utterance goes on from another."""
        key = (utterance.room_id, utterance.speaker_id)
        context = Context(*key, packs)
        matcher = self._matcher()
        before = self._before.pop(key, None)
        if before is not None and before.goes_on_in(utterance):
            reading = _over_the_cut(matcher, context, before, utterance, transcript)
        else:
            spoken = Spoken(transcript.text, transcript.language)
            reading = Reading(transcript.text, matcher.match(spoken, context))
        if utterance.ended_by is EndedBy.LENGTH:
            self._before[key] = _Part(utterance.part, transcript, reading)
        return reading

    def forget(self, utterance: Utterance) -> None:
        """The utterance got no transcript: what follows it cannot be joined to it."""
        self._before.pop((utterance.room_id, utterance.speaker_id), None)


def _over_the_cut(
    matcher: Matcher, context: Context, before: _Part, utterance: Utterance, transcript: Transcript
) -> Reading:
    """The plausible reading over the cut in which most rules match, each rule told once."""
    told = _told_at_the_end(before, utterance.overlap_ms)

    def read(join: Join) -> Reading:
        matches = [
            match
            for match in matcher.match(
                Spoken(join.text, transcript.language, join.new_from), context
            )
            if (match.pack, match.rule_id) not in told
            or any(end > join.repeated_until for _, end in match.spans)
        ]
        return Reading(join.text, matches, join.new_from)

    readings = [read(join) for join in joins(before.transcript, transcript, utterance.overlap_ms)]
    return _without_what_was_carried(max(readings, key=lambda reading: len(reading.matches)))


def _told_at_the_end(before: _Part, overlap_ms: int) -> frozenset[_Rule]:
    """Rules already matched in the last words of the part before, which the next part repeats."""
    told_from = len(before.reading.text) - end_of(before.transcript, overlap_ms)
    return frozenset(
        (match.pack, match.rule_id)
        for match in before.reading.matches
        if any(end > told_from for _, end in match.spans)
    )


def _without_what_was_carried(reading: Reading) -> Reading:
    """Drop the words of the part before, but for those in which a match begins."""
    starts = [start for match in reading.matches for start, _ in match.spans]
    shift = min([reading.new_from, *starts])
    return Reading(
        reading.text[shift:],
        [
            replace(match, spans=tuple((a - shift, b - shift) for a, b in match.spans))
            for match in reading.matches
        ],
        reading.new_from - shift,
    )
