"""What the reader hands to the policies of a room's past and of the recogniser's doubts."""

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
from service.verdict.reading import Reader, Reading, recall
from tests.policies.writing import pack, rule

START = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


def a_reader(*rules: Rule) -> Reader:
    matcher = Matcher([pack(*rules)])
    return Reader(lambda: matcher)


def read(
    reader: Reader,
    text: str,
    at_s: float = 0.0,
    *,
    room: str = "room",
    speaker: str = "ann",
    role: str = "",
    hypotheses: Sequence[str] = (),
    words: Sequence[Word] = (),
    marks: Sequence[str] = (),
) -> Reading:
    at = START + timedelta(seconds=at_s)
    utterance = Utterance(f"u{at_s}", room, speaker, at, bytes(32_000), EndedBy.SILENCE)
    transcript = Transcript(
        utterance.id, room, speaker, at, utterance.ended_at, "en", text, words, hypotheses, marks
    )
    return reader.read(utterance, transcript, None, role)


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


def test_what_was_said_and_hit_before_a_restart_counts() -> None:
    repeated = rule(
        "insult", en=["you fool"], escalate=[{"count": 2, "within": "10m", "severity": "high"}]
    )
    recent = Recent()
    recall(
        recent,
        [
            PastUtterance("room", "ann", START, "", "", [("a-pack", "insult")]),
            PastUtterance("room", "ann", START, "en", "so give me", []),
        ],
    )
    matcher = Matcher([pack(spread(), repeated)])
    reader = Reader(lambda: matcher, recent)
    (split,) = read(reader, "the gift card", 5).matches
    assert split.rule_id == "spread"
    (again,) = read(reader, "you fool", 60).matches
    assert (again.severity, again.raised_from) == (Severity.HIGH, Severity.MEDIUM)


def test_what_a_speaker_said_before_in_the_room_counts() -> None:
    reader = a_reader(spread())
    assert read(reader, "so give me").matches == []
    (match,) = read(reader, "the gift card", 5).matches
    assert match.spans == ((4, 13),)


def test_other_rooms_other_speakers_and_long_ago_do_not() -> None:
    reader = a_reader(spread())
    read(reader, "give me", room="other")
    read(reader, "give me", 1, speaker="bob")
    assert read(reader, "gift card", 5).matches == []
    read(reader, "give me", 10)
    assert read(reader, "gift card", 31).matches == []


def test_repetition_makes_it_graver() -> None:
    changes: dict[str, Any] = {
        "escalate": [{"count": 3, "within": "1m", "severity": "critical"}],
        "except": {"negation": 2},
    }
    reader = a_reader(rule("cards", ["gift card"], **changes))
    said = ["gift card", "never a gift card", "gift card", "gift card"]
    grave = [read(reader, text, 10.0 * n).matches[0].severity for n, text in enumerate(said)]
    assert grave == [Severity.MEDIUM, Severity.LOW, Severity.MEDIUM, Severity.CRITICAL]


def test_the_speaker_s_role_may_exempt_them() -> None:
    changes: dict[str, Any] = {"scope": {"exempt_roles": ["host"]}}
    reader = a_reader(rule("cards", ["gift card"], **changes))
    assert read(reader, "gift card", role="host").matches == []
    assert read(reader, "gift card", 1, role="speaker").matches


def test_shadow_matches_come_apart() -> None:
    reader = a_reader(rule("live", ["gift card"]), rule("shadow", ["gift card"], status="shadow"))
    reading = read(reader, "gift card")
    assert [match.rule_id for match in reading.matches] == ["live"]
    assert [match.rule_id for match in reading.shadow] == ["shadow"]


def test_further_readings_of_the_sound_are_tried() -> None:
    reader = a_reader(rule("cards", ["gift card"], hypotheses=1))
    (match,) = read(reader, "lift car", hypotheses=["gift card"]).matches
    assert (match.reading, match.spans) == (1, ((0, 8),))


def test_words_with_times_give_the_spans_their_times() -> None:
    reader = a_reader(rule("cards", ["gift card"]))
    timed = [Word("a", 0, 100, 1.0), Word("gift", 200, 500, 1.0), Word("card", 600, 900, 1.0)]
    assert read(reader, "a gift card", words=timed).matches[0].times == ((0.2, 0.9),)
    strange = [Word("a", 0, 100, 1.0), Word("give", 200, 500, 1.0)]
    assert read(reader, "a gift card", 1, words=strange).matches[0].times == ()


@pytest.mark.parametrize("mark", sorted(DOUBTS))
def test_what_is_in_doubtful_words_is_for_review_and_says_why(mark: str) -> None:
    rules = [
        rule("insult", en=["you fool"], severity="high"),
        rule("card", ["gift card"], status="shadow"),
    ]
    reader = a_reader(*rules)
    doubted = read(reader, "you fool gift card", marks=[UNSURE, mark])
    for match in (*doubted.matches, *doubted.shadow):
        assert (match.review, match.severity) == (True, Severity.LOW)
        assert match.excused_by
        assert match.explanation.endswith(f" (for review: {match.excused_by[0]})")
    assert (len(doubted.matches), len(doubted.shadow)) == (1, 1)
    (again,) = read(reader, "you fool", 5).matches
    assert (again.review, again.severity) == (False, Severity.HIGH)


def test_several_doubts_are_each_told_once() -> None:
    (match,) = read(
        a_reader(rule("insult", en=["you fool"])), "you fool", marks=[NOISE, PHANTOM, REPETITION]
    ).matches
    assert match.excused_by == (MAY_BE_NOISE, MAY_REPEAT)


def test_what_the_sound_explains_matches_as_other_words_do() -> None:
    reader = a_reader(rule("insult", en=["you fool"]))
    (match,) = read(reader, "you fool " * 5, marks=[COMPRESSION, REPETITION, SPOKEN]).matches
    assert not match.review


def test_what_nobody_said_matches_nothing_and_is_not_remembered() -> None:
    reader = a_reader(rule("insult", en=["you fool"]), spread())
    unsaid = read(reader, "you fool give me", marks=[REPETITION, NOT_SPOKEN])
    assert (unsaid.text, unsaid.matches, unsaid.shadow) == ("you fool give me", (), ())
    assert read(reader, "gift card", 5).matches == []


def test_doubtful_words_are_no_repetition_that_makes_a_rule_graver() -> None:
    graver = [{"count": 2, "within": "1m", "severity": "critical"}]
    reader = a_reader(rule("insult", en=["you fool"], escalate=graver))
    read(reader, "you fool", marks=[NOISE])
    (match,) = read(reader, "you fool", 5).matches
    assert match.severity is Severity.MEDIUM


def over_a_cut(first_marks: Sequence[str], then_marks: Sequence[str]) -> list[Reading]:
    """ "you" and "fool" in two parts of unbroken speech."""
    reader = a_reader(rule("insult", en=["you fool"]))
    readings = []
    for part, (text, marks) in enumerate([("well you", first_marks), ("fool and", then_marks)]):
        at = START + timedelta(seconds=part)
        ended_by = EndedBy.SILENCE if part else EndedBy.LENGTH
        utterance = Utterance(f"u{part}", "room", "ann", at, bytes(32_000), ended_by, part=part)
        transcript = Transcript(
            utterance.id, "room", "ann", at, utterance.ended_at, "en", text, marks=marks
        )
        readings.append(reader.read(utterance, transcript, None))
    return readings


@pytest.mark.parametrize("marks", [([NOISE], []), ([], [NOISE])])
def test_a_phrase_over_a_cut_is_for_review_where_either_part_is_doubtful(
    marks: tuple[Sequence[str], Sequence[str]],
) -> None:
    (match,) = over_a_cut(*marks)[1].matches
    assert match.review
    (match,) = over_a_cut([], [])[1].matches
    assert not match.review


@pytest.mark.parametrize("marks", [([NOT_SPOKEN], []), ([], [NOT_SPOKEN])])
def test_what_nobody_said_is_not_joined_over_a_cut(
    marks: tuple[Sequence[str], Sequence[str]],
) -> None:
    assert [list(reading.matches) for reading in over_a_cut(*marks)] == [[], []]


def test_uncertain_words_match_as_others_do() -> None:
    reader = a_reader(rule("insult", en=["you fool"]))
    assert len(read(reader, "you fool", marks=[UNSURE]).matches) == 1
