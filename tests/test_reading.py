"""What the reader hands to the policies of a room's past and of the recogniser's doubts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from asr.quality import DOUBTS, UNSURE
from asr.speech import EndedBy, Transcript, Utterance, Word
from policies.matcher import Matcher
from policies.pack import Rule
from policies.recent import Recent
from policies.severity import Severity
from service.alerts.rule_hit import SaidBefore
from service.reading import Reader, Reading, recall
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
            SaidBefore("room", "ann", START, "", "", [("a-pack", "insult")]),
            SaidBefore("room", "ann", START, "en", "so give me", []),
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
def test_words_that_perhaps_nobody_said_match_nothing_until_they_are_heard_again(mark: str) -> None:
    reader = a_reader(rule("insult", en=["you fool"]))
    doubted = read(reader, "you fool", marks=[UNSURE, mark])
    assert (doubted.text, doubted.matches, doubted.shadow) == ("you fool", (), ())
    assert len(read(reader, "you fool", 5).matches) == 1


def test_uncertain_words_match_as_others_do() -> None:
    reader = a_reader(rule("insult", en=["you fool"]))
    assert len(read(reader, "you fool", marks=[UNSURE]).matches) == 1
