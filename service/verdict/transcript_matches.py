"""Matches in a transcript, also across the cuts in unbroken speech."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from asr.quality import Trust, trust
from asr.speech import EndedBy, Transcript, Utterance
from asr.stitch import Join, count_tail, join_parts
from policies.match import Match
from policies.matcher import Matcher
from policies.recent import Recent
from policies.spoken import Context, Spoken, Timed
from service.rulebook.past_utterance import PastUtterance
from service.verdict.doubt import for_review

_APART = timedelta(seconds=1)
"""Two parts of one utterance lie closer together, even if packets were lost at the cut."""
_REMEMBERED_S = 120.0
"""Time for which a part waits for the next one."""

_Rule = tuple[str, str]
"""Pack and rule id."""


@dataclass(frozen=True, slots=True)
class TranscriptMatches:
    """Matches in one transcript.

    Attributes:
        text: Text that the spans point into: the transcript's own, preceded by words of the part
            before if a phrase across the cut begins there.
        live: Matches of active rules: these become alerts.
        new_from: Offset in `text` of the transcript's own first word.
        shadow: Matches of rules in shadow: these are counted, and never become an alert.
    """

    text: str
    live: Sequence[Match]
    new_from: int = 0
    shadow: Sequence[Match] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of unbroken speech that another part continues."""

    number: int
    transcript: Transcript
    matches: TranscriptMatches

    def ended_before(self, at_s: float) -> bool:
        return self.transcript.ended_at.timestamp() < at_s

    def continues_in(self, utterance: Utterance) -> bool:
        overlap = timedelta(milliseconds=utterance.overlap_ms)
        apart = abs(utterance.started_at + overlap - self.transcript.ended_at)
        return utterance.part == self.number + 1 and apart < _APART


def restore_recent(recent: Recent, past: Iterable[PastUtterance]) -> None:
    """Remember utterances on record, oldest first, so that a restart loses no context."""
    for each in past:
        spoken = Spoken(each.text, each.language)
        recent.remember(each.room_id, each.speaker_id, each.at.timestamp(), spoken, each.rules)


class TranscriptMatcher:
    """Match transcripts, each speaker's in the order in which they were spoken.

    Args:
        matcher: Returns the matcher of the packs in force; called for every transcript.
        recent: Recent words and hits of each room, for rules that look back.
    """

    def __init__(self, matcher: Callable[[], Matcher], recent: Recent | None = None) -> None:
        self._matcher = matcher
        self._recent = recent or Recent()
        self._before: dict[tuple[str, str], _Part] = {}

    def match_final(
        self,
        utterance: Utterance,
        transcript: Transcript,
        packs: frozenset[str] | None,
        role: str = "",
    ) -> TranscriptMatches:
        """Match a final transcript, and remember it as context of those that follow.

        Matches in a doubtful transcript (`asr.quality.trust`) are for review. Words that nobody
        said match nothing and are not remembered.

        Args:
            packs: Names of the packs that apply; None for all.
            role: Role of the speaker in the room.
        """
        key = (utterance.room_id, utterance.speaker_id)
        at_s = transcript.started_at.timestamp()
        matches = self.match_interim(utterance, transcript, packs, role)
        self._before.pop(key, None)
        too_old_s = at_s - _REMEMBERED_S
        for alone in [one for one, part in self._before.items() if part.ended_before(too_old_s)]:
            del self._before[alone]
        if trust(transcript.marks) is Trust.NONE:
            return matches
        if utterance.ended_by is EndedBy.LENGTH:
            self._before[key] = _Part(utterance.part, transcript, matches)
        self._recent.add(*key, at_s, _spoken(transcript), (*matches.live, *matches.shadow))
        return matches

    def match_interim(
        self,
        utterance: Utterance,
        transcript: Transcript,
        packs: frozenset[str] | None,
        role: str = "",
    ) -> TranscriptMatches:
        """Match an interim transcript like a final one, without remembering it."""
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
            return TranscriptMatches(transcript.text, ())
        before = self._before.get(key)
        if before is not None and before.continues_in(utterance):
            matches = _match_across_cut(self._matcher(), context, before, utterance, transcript)
            return _mark_for_review(matches, transcript, before.transcript)
        verdict = self._matcher().verdict(_spoken(transcript), context)
        matches = TranscriptMatches(transcript.text, verdict.live, shadow=verdict.shadow)
        return _mark_for_review(matches, transcript)

    def forget_utterance(self, utterance: Utterance) -> None:
        """Forget the part before an utterance without a transcript: nothing can be joined to it."""
        self._before.pop((utterance.room_id, utterance.speaker_id), None)


def _mark_for_review(
    matches: TranscriptMatches, transcript: Transcript, before: Transcript | None = None
) -> TranscriptMatches:
    """Mark matches in doubtful words for review.

    Words are doubtful if their transcript is: this one, or the part before if a match begins there.
    """
    marks_before = before.marks if before is not None else ()

    def mark(match: Match) -> Match:
        begins_before = any(start < matches.new_from for start, _ in match.spans)
        for marks in (transcript.marks, marks_before if begins_before else ()):
            if trust(marks) is Trust.DOUBTFUL:
                return for_review(match, marks)
        return match

    return replace(
        matches, live=list(map(mark, matches.live)), shadow=list(map(mark, matches.shadow))
    )


def _spoken(transcript: Transcript) -> Spoken:
    """Return the words with their offsets; without times if a word is not found in the text."""
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


def _match_across_cut(
    matcher: Matcher, context: Context, before: _Part, utterance: Utterance, transcript: Transcript
) -> TranscriptMatches:
    """Return the matches of the plausible join in which most rules match, each rule once."""
    matched = _rules_in_overlap(before, utterance.overlap_ms)

    def match_join(join: Join) -> TranscriptMatches:
        def is_new(match: Match) -> bool:
            again = any(end > join.repeated_until for _, end in match.spans)
            return again or (match.pack, match.rule_id) not in matched

        spoken = Spoken(join.text, transcript.language, join.new_from)
        verdict = matcher.verdict(spoken, context)
        live, shadow = (list(filter(is_new, each)) for each in (verdict.live, verdict.shadow))
        return TranscriptMatches(join.text, live, join.new_from, shadow)

    tried = [
        match_join(join) for join in join_parts(before.transcript, transcript, utterance.overlap_ms)
    ]
    return _drop_earlier_words(max(tried, key=lambda matches: len(matches.live)))


def _rules_in_overlap(before: _Part, overlap_ms: int) -> frozenset[_Rule]:
    """Return the rules matched in the last words of the part before, which the next part repeats.

    Empty if these words were doubtful: the next part may have them without doubt.
    """
    if trust(before.transcript.marks) is Trust.DOUBTFUL:
        return frozenset()
    overlap_from = len(before.matches.text) - count_tail(before.transcript, overlap_ms)
    return frozenset(
        (match.pack, match.rule_id)
        for match in (*before.matches.live, *before.matches.shadow)
        if any(end > overlap_from for _, end in match.spans)
    )


def _drop_earlier_words(matches: TranscriptMatches) -> TranscriptMatches:
    """Drop the words of the part before, except those in which a match begins."""
    everything = (*matches.live, *matches.shadow)
    starts = [start for match in everything for start, _ in match.spans]
    shift = min([matches.new_from, *starts])

    def shifted(match: Match) -> Match:
        return replace(match, spans=tuple((a - shift, b - shift) for a, b in match.spans))

    return TranscriptMatches(
        matches.text[shift:],
        list(map(shifted, matches.live)),
        matches.new_from - shift,
        list(map(shifted, matches.shadow)),
    )
