from __future__ import annotations

import pytest

from service.simulation.tally import Tally
from tests.simulation.examples import STARTED, STARTED_S, alert, sent_line, transcript


def test_a_line_with_words_and_alert_succeeds_with_its_latency() -> None:
    tally = Tally([sent_line("send codes", 2, 4, rule="scam")], started=STARTED)
    tally.add_transcript(transcript("send codes", 1.8, 4.5), read_s=STARTED_S)
    received = tally.add_alert(alert("scam", 1.8, 4.5), read_s=STARTED_S + 4.7)
    assert received is not None
    assert received.expected
    assert received.after_words_s == pytest.approx(0.7)
    assert received.at_s == pytest.approx(4.7)
    report = tally.make_report()
    assert report.ok
    assert (report.expected, report.raised, report.missed, report.false) == (1, 1, 0, 0)
    assert (report.words, report.word_errors) == (2, 0)
    assert tally.complete


def test_an_expected_alert_that_does_not_come_is_missed() -> None:
    tally = Tally([sent_line("send codes", 2, 4, rule="scam")], started=STARTED)
    tally.add_transcript(transcript("send goats", 2, 4), read_s=STARTED_S)
    report = tally.make_report()
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
    ids=["the other speaker", "a harmless line", "another rule", "a time of silence"],
)
def test_an_alert_is_false_for(raised: dict[str, object]) -> None:
    lines = [
        sent_line("good evening", 2, 4),
        sent_line("send codes", 12, 14, rule="scam"),
        sent_line("good evening", 12, 14, speaker="bob"),
    ]
    tally = Tally(lines, started=STARTED)
    received = tally.add_alert(raised, read_s=STARTED_S + 40)
    assert received is not None
    assert not received.expected
    report = tally.make_report()
    assert (report.raised, report.missed, report.false) == (1, 1, 1)
    assert report.latencies_s == ()


def test_speakers_who_talk_at_once_are_not_confused() -> None:
    lines = [sent_line("one two", 2, 4), sent_line("three four", 2, 4, speaker="bob")]
    tally = Tally(lines, started=STARTED)
    tally.add_transcript(
        transcript("three four", 2, 4, speaker="bob", utterance="u1"), read_s=STARTED_S
    )
    tally.add_transcript(transcript("one two", 2, 4, utterance="u2"), read_s=STARTED_S)
    assert [line.heard for line in tally.make_report().lines] == ["one two", "three four"]


def test_a_transcript_belongs_to_the_line_that_it_overlaps_most() -> None:
    tally = Tally([sent_line("one", 2, 4), sent_line("two", 5.2, 7)], started=STARTED)
    tally.add_transcript(transcript("two", 4.8, 7.5), read_s=STARTED_S)
    assert [line.heard for line in tally.make_report().lines] == ["", "two"]


def test_the_parts_of_a_line_are_joined_in_the_order_of_their_times() -> None:
    tally = Tally([sent_line("one two three", 2, 8)], started=STARTED)
    tally.add_transcript(transcript("three", 6, 8, utterance="u2"), read_s=STARTED_S)
    tally.add_transcript(transcript("one two", 2, 6, utterance="u1"), read_s=STARTED_S)
    assert tally.make_report().lines[0].heard == "one two three"


def test_a_transcript_that_comes_twice_counts_once() -> None:
    tally = Tally([sent_line("one two", 2, 4)], started=STARTED)
    for _ in range(2):
        tally.add_transcript(transcript("one two", 2, 4), read_s=STARTED_S)
    assert tally.make_report().word_errors == 0


def test_provisional_words_do_not_count() -> None:
    tally = Tally([sent_line("one two", 2, 4)], started=STARTED)
    tally.add_transcript({**transcript("one", 2, 3), "provisional": True}, read_s=STARTED_S)
    assert not tally.complete


def test_words_that_fit_no_line_are_errors() -> None:
    tally = Tally([sent_line("one two", 2, 4)], started=STARTED)
    tally.add_transcript(transcript("one two", 2, 4, utterance="u1"), read_s=STARTED_S)
    tally.add_transcript(transcript("three four five", 20, 22, utterance="u2"), read_s=STARTED_S)
    tally.add_transcript(transcript("", 30, 32, utterance="u3"), read_s=STARTED_S)
    report = tally.make_report()
    assert (report.word_errors, report.unassigned) == (3, 1)


def test_an_alert_read_twice_after_a_resume_counts_once() -> None:
    tally = Tally([sent_line("send codes", 2, 4, rule="scam")], started=STARTED)
    assert tally.add_alert(alert("scam", 2, 4), read_s=STARTED_S + 5) is not None
    assert tally.add_alert(alert("scam", 2, 4), read_s=STARTED_S + 6) is None
    assert tally.make_report().ok


def test_two_alerts_for_one_line_are_a_repeat() -> None:
    tally = Tally([sent_line("send codes", 2, 4, rule="scam")], started=STARTED)
    tally.add_alert(alert("scam", 2, 3, alert_id="a1"), read_s=STARTED_S + 5)
    second = tally.add_alert(alert("scam", 3, 4, alert_id="a2"), read_s=STARTED_S + 5)
    assert second is not None
    assert not second.expected
    report = tally.make_report()
    assert (report.raised, report.repeated, report.false) == (2, 1, 0)
    assert not report.ok


def test_a_match_added_to_an_earlier_alert_is_a_repeat() -> None:
    tally = Tally([sent_line("send codes", 2, 4, rule="scam")], started=STARTED)
    tally.add_alert(alert("scam", 2, 4), read_s=STARTED_S + 5)
    tally.update_alert({**alert("scam", 2, 4), "repeats": 1}, read_s=STARTED_S + 6)
    again = {**alert("scam", 2, 4), "repeats": 1, "state": "acknowledged"}
    tally.update_alert(again, read_s=STARTED_S + 7)
    assert tally.make_report().repeated == 1


def test_an_alert_in_the_middle_of_a_line_counts_once_it_is_confirmed() -> None:
    tally = Tally([sent_line("send codes", 2, 8, rule="scam")], started=STARTED)
    early = {**alert("other", 2, 5), "provisional": True}
    assert tally.add_alert(early, read_s=STARTED_S + 6) is None
    assert tally.update_alert({**early, "repeats": 0}, read_s=STARTED_S + 7) is None
    received = tally.update_alert(alert("scam", 2, 8), read_s=STARTED_S + 9)
    assert received is not None
    assert received.expected
    assert tally.make_report().ok


def test_a_retracted_alert_does_not_count() -> None:
    lines = [sent_line("send codes", 2, 4, rule="scam"), sent_line("good evening", 12, 14)]
    tally = Tally(lines, started=STARTED)
    tally.add_alert(alert("scam", 12, 14, alert_id="false"), read_s=STARTED_S + 15)
    tally.add_alert(alert("scam", 2, 4, alert_id="right"), read_s=STARTED_S + 5)
    tally.retract_alert(alert("scam", 12, 14, alert_id="false"))
    assert tally.make_report().ok
    tally.retract_alert(alert("scam", 2, 4, alert_id="right"))
    assert tally.make_report().missed == 1


def test_an_alert_before_the_end_of_its_line_has_no_latency() -> None:
    line = sent_line("send codes and more", 2, 9, rule="scam")
    line.ended = None
    tally = Tally([line], started=STARTED)
    received = tally.add_alert(alert("scam", 2, 5), read_s=STARTED_S + 6)
    assert received is not None
    assert received.expected
    assert received.after_words_s is None
    assert tally.make_report().unsent == 1


@pytest.mark.parametrize("times", [{}, {"speech_started_at": "soon", "speech_ended_at": None}])
def test_an_alert_without_readable_times_is_false_not_fatal(times: dict[str, object]) -> None:
    tally = Tally([sent_line("send codes", 2, 4, rule="scam")], started=STARTED)
    tally.add_alert({"id": "a1", "speaker_id": "ann", **times}, read_s=STARTED_S + 5)
    assert tally.make_report().false == 1


def test_latencies_are_given_by_nearest_rank() -> None:
    lines = [sent_line("x", 10 * n, 10 * n + 1, rule="scam") for n in range(1, 21)]
    tally = Tally(lines, started=STARTED)
    for n in range(1, 21):
        late_s = n / 10
        raised = alert("scam", 10 * n, 10 * n + 1, alert_id=str(n))
        tally.add_alert(raised, read_s=STARTED_S + 10 * n + 1 + late_s)
    report = tally.make_report()
    latencies_s = [report.latency_s(share) for share in (0.5, 0.95, 1.0)]
    assert latencies_s == pytest.approx([1.0, 1.9, 2.0])
    assert Tally([], started=STARTED).make_report().latency_s(0.5) is None
