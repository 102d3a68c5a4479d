from __future__ import annotations

import pytest

from service.simulation.tally import Tally
from tests.simulation.examples import STARTED, STARTED_S, alert, spoken, transcript


def test_a_line_heard_and_alerted_is_a_success_with_its_latency() -> None:
    tally = Tally([spoken("send codes", 2, 4, rule="scam")], started=STARTED)
    tally.transcript(transcript("send codes", 1.8, 4.5), read_s=STARTED_S)
    seen = tally.alert(alert("scam", 1.8, 4.5), read_s=STARTED_S + 4.7)
    assert seen is not None
    assert seen.expected
    assert seen.after_words_s == pytest.approx(0.7)
    assert seen.at_s == pytest.approx(4.7)
    report = tally.report()
    assert report.ok
    assert (report.expected, report.raised, report.missed, report.false) == (1, 1, 0, 0)
    assert (report.words, report.word_errors) == (2, 0)
    assert tally.complete


def test_an_expected_alert_that_does_not_come_is_missed() -> None:
    tally = Tally([spoken("send codes", 2, 4, rule="scam")], started=STARTED)
    tally.transcript(transcript("send goats", 2, 4), read_s=STARTED_S)
    report = tally.report()
    assert not report.ok
    assert (report.expected, report.raised, report.missed) == (1, 0, 1)
    assert report.word_error_rate == 0.5
    assert not tally.complete


@pytest.mark.parametrize(
    "raised",
    [
        alert("scam", 12, 14, speaker="bob"),
        alert("scam", 2, 4),
        alert("threat", 12, 14),
        alert("scam", 30, 32),
    ],
    ids=["the other speaker", "a harmless line", "another rule", "when nobody spoke"],
)
def test_an_alert_is_false_for(raised: dict[str, object]) -> None:
    lines = [
        spoken("good evening", 2, 4),
        spoken("send codes", 12, 14, rule="scam"),
        spoken("good evening", 12, 14, speaker="bob"),
    ]
    tally = Tally(lines, started=STARTED)
    seen = tally.alert(raised, read_s=STARTED_S + 40)
    assert seen is not None
    assert not seen.expected
    report = tally.report()
    assert (report.raised, report.missed, report.false) == (1, 1, 1)
    assert report.latencies_s == ()


def test_speakers_who_talk_at_once_are_kept_apart() -> None:
    lines = [spoken("one two", 2, 4), spoken("three four", 2, 4, speaker="bob")]
    tally = Tally(lines, started=STARTED)
    tally.transcript(
        transcript("three four", 2, 4, speaker="bob", utterance="u1"), read_s=STARTED_S
    )
    tally.transcript(transcript("one two", 2, 4, utterance="u2"), read_s=STARTED_S)
    assert [line.heard for line in tally.report().lines] == ["one two", "three four"]


def test_of_two_near_lines_the_one_that_overlaps_more_is_meant() -> None:
    tally = Tally([spoken("one", 2, 4), spoken("two", 5.2, 7)], started=STARTED)
    tally.transcript(transcript("two", 4.8, 7.5), read_s=STARTED_S)
    assert [line.heard for line in tally.report().lines] == ["", "two"]


def test_the_parts_of_a_line_are_put_together_in_the_order_of_their_times() -> None:
    tally = Tally([spoken("one two three", 2, 8)], started=STARTED)
    tally.transcript(transcript("three", 6, 8, utterance="u2"), read_s=STARTED_S)
    tally.transcript(transcript("one two", 2, 6, utterance="u1"), read_s=STARTED_S)
    assert tally.report().lines[0].heard == "one two three"


def test_a_transcript_that_comes_twice_counts_once() -> None:
    tally = Tally([spoken("one two", 2, 4)], started=STARTED)
    for _ in range(2):
        tally.transcript(transcript("one two", 2, 4), read_s=STARTED_S)
    assert tally.report().word_errors == 0


def test_provisional_words_do_not_count() -> None:
    tally = Tally([spoken("one two", 2, 4)], started=STARTED)
    tally.transcript({**transcript("one", 2, 3), "provisional": True}, read_s=STARTED_S)
    assert not tally.complete


def test_words_from_nowhere_are_errors() -> None:
    tally = Tally([spoken("one two", 2, 4)], started=STARTED)
    tally.transcript(transcript("one two", 2, 4, utterance="u1"), read_s=STARTED_S)
    tally.transcript(transcript("three four five", 20, 22, utterance="u2"), read_s=STARTED_S)
    tally.transcript(transcript("", 30, 32, utterance="u3"), read_s=STARTED_S)
    report = tally.report()
    assert (report.word_errors, report.unassigned) == (3, 1)


def test_an_alert_read_twice_after_a_resume_counts_once() -> None:
    tally = Tally([spoken("send codes", 2, 4, rule="scam")], started=STARTED)
    assert tally.alert(alert("scam", 2, 4), read_s=STARTED_S + 5) is not None
    assert tally.alert(alert("scam", 2, 4), read_s=STARTED_S + 6) is None
    assert tally.report().ok


def test_two_alerts_for_one_line_are_a_repeat() -> None:
    tally = Tally([spoken("send codes", 2, 4, rule="scam")], started=STARTED)
    tally.alert(alert("scam", 2, 3, alert_id="a1"), read_s=STARTED_S + 5)
    second = tally.alert(alert("scam", 3, 4, alert_id="a2"), read_s=STARTED_S + 5)
    assert second is not None
    assert not second.expected
    report = tally.report()
    assert (report.raised, report.repeated, report.false) == (2, 1, 0)
    assert not report.ok


def test_a_hit_counted_onto_an_earlier_alert_is_a_repeat() -> None:
    tally = Tally([spoken("send codes", 2, 4, rule="scam")], started=STARTED)
    tally.alert(alert("scam", 2, 4), read_s=STARTED_S + 5)
    tally.updated({**alert("scam", 2, 4), "repeats": 1}, read_s=STARTED_S + 6)
    again = {**alert("scam", 2, 4), "repeats": 1, "state": "acknowledged"}
    tally.updated(again, read_s=STARTED_S + 7)
    assert tally.report().repeated == 1


def test_an_alert_in_the_middle_of_a_line_counts_once_it_is_confirmed() -> None:
    tally = Tally([spoken("send codes", 2, 8, rule="scam")], started=STARTED)
    early = {**alert("other", 2, 5), "provisional": True}
    assert tally.alert(early, read_s=STARTED_S + 6) is None
    assert tally.updated({**early, "repeats": 0}, read_s=STARTED_S + 7) is None
    seen = tally.updated(alert("scam", 2, 8), read_s=STARTED_S + 9)
    assert seen is not None
    assert seen.expected
    assert tally.report().ok


def test_a_retracted_alert_was_never_raised() -> None:
    lines = [spoken("send codes", 2, 4, rule="scam"), spoken("good evening", 12, 14)]
    tally = Tally(lines, started=STARTED)
    tally.alert(alert("scam", 12, 14, alert_id="false"), read_s=STARTED_S + 15)
    tally.alert(alert("scam", 2, 4, alert_id="right"), read_s=STARTED_S + 5)
    tally.retracted(alert("scam", 12, 14, alert_id="false"))
    assert tally.report().ok
    tally.retracted(alert("scam", 2, 4, alert_id="right"))
    assert tally.report().missed == 1


def test_an_alert_while_the_line_is_still_said_has_no_latency() -> None:
    line = spoken("send codes and more", 2, 9, rule="scam")
    line.ended = None
    tally = Tally([line], started=STARTED)
    seen = tally.alert(alert("scam", 2, 5), read_s=STARTED_S + 6)
    assert seen is not None
    assert seen.expected
    assert seen.after_words_s is None
    assert tally.report().unsent == 1


@pytest.mark.parametrize("times", [{}, {"speech_started_at": "soon", "speech_ended_at": None}])
def test_an_alert_without_readable_times_is_false_not_fatal(times: dict[str, object]) -> None:
    tally = Tally([spoken("send codes", 2, 4, rule="scam")], started=STARTED)
    tally.alert({"id": "a1", "speaker_id": "ann", **times}, read_s=STARTED_S + 5)
    assert tally.report().false == 1


def test_latencies_are_given_by_nearest_rank() -> None:
    lines = [spoken("x", 10 * n, 10 * n + 1, rule="scam") for n in range(1, 21)]
    tally = Tally(lines, started=STARTED)
    for n in range(1, 21):
        late_s = n / 10
        raised = alert("scam", 10 * n, 10 * n + 1, alert_id=str(n))
        tally.alert(raised, read_s=STARTED_S + 10 * n + 1 + late_s)
    report = tally.report()
    found = [report.latency_s(share) for share in (0.5, 0.95, 1.0)]
    assert found == pytest.approx([1.0, 1.9, 2.0])
    assert Tally([], started=STARTED).report().latency_s(0.5) is None
