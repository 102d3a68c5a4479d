"""What the policies make of a transcript, over the cuts in unbroken speech."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from asr.quality import Trust, trust
from asr.speech import EndedBy, Transcript, Utterance
from asr.stitch import Join, end_of, joins
from policies.match import Match
from policies.matcher import Matcher
from policies.recent import Recent
from policies.spoken import Context, Spoken, Timed
from service.rulebook.past_utterance import PastUtterance
from service.verdict.doubt import for_review

_APART = timedelta(seconds=1)
"""Two parts of one stretch lie closer together, whatever packets were lost at the cut."""
_KEPT_S = 120.0
"""A part whose next has not come for so long has none."""

_Rule = tuple[str, str]
"""Pack and rule id."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was made of a transcript.

    Attributes:
        text: What the matches' spans point into: the transcript's text, or that with the words
            before it in which a phrase over a cut began.
        matches: Of rules that are active: what becomes alerts.
        shadow: Of rules in shadow: to be counted, never an alert.
        new_from: Where in `text` the transcript's own words begin.
    """

    text: str
    matches: Sequence[Match]
    new_from: int = 0
    shadow: Sequence[Match] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of unbroken speech that the next part goes on from."""

    number: int
    transcript: Transcript
    reading: Reading

    def ended_before(self, at_s: float) -> bool:
        return self.transcript.ended_at.timestamp() < at_s

    def goes_on_in(self, utterance: Utterance) -> bool:
        overlap = timedelta(milliseconds=utterance.overlap_ms)
        apart = abs(utterance.started_at + overlap - self.transcript.ended_at)
        return utterance.part == self.number + 1 and apart < _APART


def recall(recent: Recent, said: Iterable[PastUtterance]) -> None:
    """What is on record, the oldest first: a restart forgets nothing that rules look back at."""
    for each in said:
        spoken = Spoken(each.text, each.language)
        recent.remember(each.room_id, each.speaker_id, each.at.timestamp(), spoken, each.rules)


class Reader:
    """Matches transcripts in the order in which they were spoken, speaker by speaker.

    Args:
        matcher: The policies in force, asked for anew for every transcript.
        recent: What was said lately, where more is known than nothing.
    """

    def __init__(self, matcher: Callable[[], Matcher], recent: Recent | None = None) -> None:
        self._matcher = matcher
        self._recent = recent or Recent()
        self._before: dict[tuple[str, str], _Part] = {}

    def read(
        self,
        utterance: Utterance,
        transcript: Transcript,
        packs: frozenset[str] | None,
        role: str = "",
    ) -> Reading:
        """Match the words; over the cut, too, where the utterance goes on from another.

        What is in a doubtful transcript (`asr.quality.trust`) is for review; what nobody said
        matches nothing and is not remembered. `role` is the speaker's.
        """
        key = (utterance.room_id, utterance.speaker_id)
        at_s = transcript.started_at.timestamp()
        spoken = _spoken(transcript)
        reading = self.glimpse(utterance, transcript, packs, role)
        self._before.pop(key, None)
        kept_s = at_s - _KEPT_S
        for alone in [one for one, part in self._before.items() if part.ended_before(kept_s)]:
            del self._before[alone]
        if trust(transcript.marks) is Trust.NONE:
            return reading
        if utterance.ended_by is EndedBy.LENGTH:
            self._before[key] = _Part(utterance.part, transcript, reading)
        self._recent.add(*key, at_s, spoken, (*reading.matches, *reading.shadow))
        return reading

    def glimpse(
        self,
        utterance: Utterance,
        transcript: Transcript,
        packs: frozenset[str] | None,
        role: str = "",
    ) -> Reading:
        """What `read` would give. It is remembered nowhere: the speech goes on."""
        key = (utterance.room_id, utterance.speaker_id)
        at_s = transcript.started_at.timestamp()
        context = Context(
            *key,
            packs,
            role=role,
            earlier=self._recent.earlier(utterance.room_id, at_s),
            hits=self._recent.hits(utterance.room_id, at_s),
        )
        if trust(transcript.marks) is Trust.NONE:
            return Reading(transcript.text, ())
        before = self._before.get(key)
        if before is not None and before.goes_on_in(utterance):
            reading = _over_the_cut(self._matcher(), context, before, utterance, transcript)
            return _doubtful(reading, transcript, before.transcript)
        verdict = self._matcher().verdict(_spoken(transcript), context)
        return _doubtful(Reading(transcript.text, verdict.live, shadow=verdict.shadow), transcript)

    def forget(self, utterance: Utterance) -> None:
        """The utterance got no transcript: what follows it cannot be joined to it."""
        self._before.pop((utterance.room_id, utterance.speaker_id), None)


def _doubtful(
    reading: Reading, transcript: Transcript, before: Transcript | None = None
) -> Reading:
    """Put what rests on doubtful words up for review: those of the transcript, or of the part
    before in which a match begins."""
    carried = before.marks if before is not None else ()

    def weighed(match: Match) -> Match:
        begins_before = any(start < reading.new_from for start, _ in match.spans)
        for marks in (transcript.marks, carried if begins_before else ()):
            if trust(marks) is Trust.DOUBTFUL:
                return for_review(match, marks)
        return match

    return replace(
        reading,
        matches=list(map(weighed, reading.matches)),
        shadow=list(map(weighed, reading.shadow)),
    )


def _spoken(transcript: Transcript) -> Spoken:
    """Each word with its place in the text; without times where one cannot be found there."""
    times: list[Timed] = []
    at = 0
    for word in transcript.words:
        start = transcript.text.find(word.text, at)
        if start < 0:
            times.clear()
            break
        at = start + len(word.text)
        times.append(Timed(start, at, word.start_ms / 1000, word.end_ms / 1000))
    return Spoken(
        transcript.text, transcript.language, hypotheses=transcript.hypotheses, times=times
    )


def _over_the_cut(
    matcher: Matcher, context: Context, before: _Part, utterance: Utterance, transcript: Transcript
) -> Reading:
    """The plausible reading over the cut in which most rules match, each rule told once."""
    told = _told_at_the_end(before, utterance.overlap_ms)

    def read(join: Join) -> Reading:
        def fresh(match: Match) -> bool:
            again = any(end > join.repeated_until for _, end in match.spans)
            return again or (match.pack, match.rule_id) not in told

        spoken = Spoken(join.text, transcript.language, join.new_from)
        verdict = matcher.verdict(spoken, context)
        live, shadow = (list(filter(fresh, each)) for each in (verdict.live, verdict.shadow))
        return Reading(join.text, live, join.new_from, shadow)

    readings = [read(join) for join in joins(before.transcript, transcript, utterance.overlap_ms)]
    return _without_what_was_carried(max(readings, key=lambda reading: len(reading.matches)))


def _told_at_the_end(before: _Part, overlap_ms: int) -> frozenset[_Rule]:
    """Rules already matched in the last words of the part before, which the next part repeats.

    None where these words were doubtful: the next part may have them without a doubt.
    """
    if trust(before.transcript.marks) is Trust.DOUBTFUL:
        return frozenset()
    told_from = len(before.reading.text) - end_of(before.transcript, overlap_ms)
    return frozenset(
        (match.pack, match.rule_id)
        for match in (*before.reading.matches, *before.reading.shadow)
        if any(end > told_from for _, end in match.spans)
    )


def _without_what_was_carried(reading: Reading) -> Reading:
    """Drop the words of the part before, but for those in which a match begins."""
    everything = (*reading.matches, *reading.shadow)
    starts = [start for match in everything for start, _ in match.spans]
    shift = min([reading.new_from, *starts])

    def shifted(match: Match) -> Match:
        return replace(match, spans=tuple((a - shift, b - shift) for a, b in match.spans))

    return Reading(
        reading.text[shift:],
        list(map(shifted, reading.matches)),
        reading.new_from - shift,
        list(map(shifted, reading.shadow)),
    )
