"""Matches in transcripts: context of the room, cuts in speech, and doubtful words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from asr.quality import (
    COMPRESSION,
    DOUBTS,
    NOISE,
    NOT_SPOKEN,
    PHANTOM,
    REPETITION,
    SPOKEN,
    UNSURE,
)
from asr.speech import EndedBy, Transcript, Utterance, Word
from policies.matcher import Matcher
from policies.pack import Rule
from policies.recent import Recent
from policies.severity import Severity
from service.rulebook.past_utterance import PastUtterance
from service.verdict.doubt import MAY_BE_NOISE, MAY_REPEAT
from service.verdict.transcript_matches import TranscriptMatcher, TranscriptMatches, restore_recent
from tests.policies.writing import pack, rule

START = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


def a_matcher(*rules: Rule) -> TranscriptMatcher:
    matcher = Matcher([pack(*rules)])
    return TranscriptMatcher(lambda: matcher)


def match_text(
    matcher: TranscriptMatcher,
    text: str,
    at_s: float = 0.0,
    *,
    room: str = "room",
    speaker: str = "ann",
    role: str = "",
    hypotheses: Sequence[str] = (),
    words: Sequence[Word] = (),
    marks: Sequence[str] = (),
) -> TranscriptMatches:
    at = START + timedelta(seconds=at_s)
    utterance = Utterance(f"u{at_s}", room, speaker, at, bytes(32_000), EndedBy.SILENCE)
    transcript = Transcript(
        utterance.id, room, speaker, at, utterance.ended_at, "en", text, words, hypotheses, marks
    )
    return matcher.match_final(utterance, transcript, None, role)


def spread(**more: object) -> Rule:
    changes: dict[str, Any] = {
        "match": {
            "ask": {"phrases": {"en": ["give me"]}},
            "what": {"phrases": {"en": ["gift card"]}},
        },
        "when": {"all": ["ask", "what"]},
        "context": {"utterances": 3, "seconds": 20},
    }
    return rule("spread", **(changes | more))


def test_words_and_hits_before_a_restart_count() -> None:
    repeated = rule(
        "insult", en=["you fool"], escalate=[{"count": 2, "within": "10m", "severity": "high"}]
    )
    recent = Recent()
    restore_recent(
        recent,
        [
            PastUtterance("room", "ann", START, "", "", [("a-pack", "insult")]),
            PastUtterance("room", "ann", START, "en", "so give me", []),
        ],
    )
    packs = Matcher([pack(spread(), repeated)])
    matcher = TranscriptMatcher(lambda: packs, recent)
    (split,) = match_text(matcher, "the gift card", 5).live
    assert split.rule_id == "spread"
    (again,) = match_text(matcher, "you fool", 60).live
    assert (again.severity, again.raised_from) == (Severity.HIGH, Severity.MEDIUM)


def test_earlier_words_of_a_speaker_in_the_room_count() -> None:
    matcher = a_matcher(spread())
    assert match_text(matcher, "so give me").live == []
    (match,) = match_text(matcher, "the gift card", 5).live
    assert match.spans == ((4, 13),)


def test_words_of_other_rooms_of_other_speakers_and_of_long_ago_do_not_count() -> None:
    matcher = a_matcher(spread())
    match_text(matcher, "give me", room="other")
    match_text(matcher, "give me", 1, speaker="bob")
    assert match_text(matcher, "gift card", 5).live == []
    match_text(matcher, "give me", 10)
    assert match_text(matcher, "gift card", 31).live == []


def test_repetition_raises_the_severity() -> None:
    changes: dict[str, Any] = {
        "escalate": [{"count": 3, "within": "1m", "severity": "critical"}],
        "except": {"negation": 2},
    }
    matcher = a_matcher(rule("cards", ["gift card"], **changes))
    said = ["gift card", "never a gift card", "gift card", "gift card"]
    grave = [match_text(matcher, text, 10.0 * n).live[0].severity for n, text in enumerate(said)]
    assert grave == [Severity.MEDIUM, Severity.LOW, Severity.MEDIUM, Severity.CRITICAL]


def test_the_speaker_s_role_may_exempt_them() -> None:
    changes: dict[str, Any] = {"scope": {"exempt_roles": ["host"]}}
    matcher = a_matcher(rule("cards", ["gift card"], **changes))
    assert match_text(matcher, "gift card", role="host").live == []
    assert match_text(matcher, "gift card", 1, role="speaker").live


def test_shadow_matches_are_apart_from_live_ones() -> None:
    matcher = a_matcher(rule("live", ["gift card"]), rule("shadow", ["gift card"], status="shadow"))
    matches = match_text(matcher, "gift card")
    assert [match.rule_id for match in matches.live] == ["live"]
    assert [match.rule_id for match in matches.shadow] == ["shadow"]


def test_further_hypotheses_are_tried() -> None:
    matcher = a_matcher(rule("cards", ["gift card"], hypotheses=1))
    (match,) = match_text(matcher, "lift car", hypotheses=["gift card"]).live
    assert (match.reading, match.spans) == (1, ((0, 8),))


def test_words_with_times_give_the_spans_their_times() -> None:
    matcher = a_matcher(rule("cards", ["gift card"]))
    timed = [Word("a", 0, 100, 1.0), Word("gift", 200, 500, 1.0), Word("card", 600, 900, 1.0)]
    assert match_text(matcher, "a gift card", words=timed).live[0].times == ((0.2, 0.9),)
    strange = [Word("a", 0, 100, 1.0), Word("give", 200, 500, 1.0)]
    assert match_text(matcher, "a gift card", 1, words=strange).live[0].times == ()


@pytest.mark.parametrize("mark", sorted(DOUBTS))
def test_matches_in_doubtful_words_are_for_review_with_the_reason(mark: str) -> None:
    rules = [
        rule("insult", en=["you fool"], severity="high"),
        rule("card", ["gift card"], status="shadow"),
    ]
    matcher = a_matcher(*rules)
    doubted = match_text(matcher, "you fool gift card", marks=[UNSURE, mark])
    for match in (*doubted.live, *doubted.shadow):
        assert (match.review, match.severity) == (True, Severity.LOW)
        assert match.excused_by
        assert match.explanation.endswith(f" (for review: {match.excused_by[0]})")
    assert (len(doubted.live), len(doubted.shadow)) == (1, 1)
    (again,) = match_text(matcher, "you fool", 5).live
    assert (again.review, again.severity) == (False, Severity.HIGH)


def test_several_marks_give_each_reason_once() -> None:
    (match,) = match_text(
        a_matcher(rule("insult", en=["you fool"])), "you fool", marks=[NOISE, PHANTOM, REPETITION]
    ).live
    assert match.excused_by == (MAY_BE_NOISE, MAY_REPEAT)


def test_repeated_words_that_the_sound_confirms_match_without_review() -> None:
    matcher = a_matcher(rule("insult", en=["you fool"]))
    (match,) = match_text(matcher, "you fool " * 5, marks=[COMPRESSION, REPETITION, SPOKEN]).live
    assert not match.review


def test_words_that_nobody_said_match_nothing_and_are_not_remembered() -> None:
    matcher = a_matcher(rule("insult", en=["you fool"]), spread())
    unsaid = match_text(matcher, "you fool give me", marks=[REPETITION, NOT_SPOKEN])
    assert (unsaid.text, unsaid.live, unsaid.shadow) == ("you fool give me", (), ())
    assert match_text(matcher, "gift card", 5).live == []


def test_doubtful_words_do_not_count_as_repetition() -> None:
    graver = [{"count": 2, "within": "1m", "severity": "critical"}]
    matcher = a_matcher(rule("insult", en=["you fool"], escalate=graver))
    match_text(matcher, "you fool", marks=[NOISE])
    (match,) = match_text(matcher, "you fool", 5).live
    assert match.severity is Severity.MEDIUM


def over_a_cut(first_marks: Sequence[str], then_marks: Sequence[str]) -> list[TranscriptMatches]:
    """Match "you" and "fool" in two parts of unbroken speech."""
    matcher = a_matcher(rule("insult", en=["you fool"]))
    parts = []
    for part, (text, marks) in enumerate([("well you", first_marks), ("fool and", then_marks)]):
        at = START + timedelta(seconds=part)
        ended_by = EndedBy.SILENCE if part else EndedBy.LENGTH
        utterance = Utterance(f"u{part}", "room", "ann", at, bytes(32_000), ended_by, part=part)
        transcript = Transcript(
            utterance.id, "room", "ann", at, utterance.ended_at, "en", text, marks=marks
        )
        parts.append(matcher.match_final(utterance, transcript, None))
    return parts


@pytest.mark.parametrize("marks", [([NOISE], []), ([], [NOISE])])
def test_a_phrase_across_a_cut_is_for_review_if_either_part_is_doubtful(
    marks: tuple[Sequence[str], Sequence[str]],
) -> None:
    (match,) = over_a_cut(*marks)[1].live
    assert match.review
    (match,) = over_a_cut([], [])[1].live
    assert not match.review


@pytest.mark.parametrize("marks", [([NOT_SPOKEN], []), ([], [NOT_SPOKEN])])
def test_words_that_nobody_said_are_not_joined_across_a_cut(
    marks: tuple[Sequence[str], Sequence[str]],
) -> None:
    assert [list(matches.live) for matches in over_a_cut(*marks)] == [[], []]


def test_uncertain_words_match_like_others() -> None:
    matcher = a_matcher(rule("insult", en=["you fool"]))
    assert len(match_text(matcher, "you fool", marks=[UNSURE]).live) == 1
