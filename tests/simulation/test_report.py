from __future__ import annotations

import dataclasses
import io
import json

import pytest

from service.simulation.report import (
    format_alert,
    format_table,
    report_to_json,
    wants_colour,
)
from service.simulation.results import ReceivedAlert, Report
from service.simulation.tally import Tally
from tests.simulation.examples import STARTED, STARTED_S, alert, sent_line, transcript

ALERT = ReceivedAlert(
    id="a1",
    at_s=12.34,
    severity="high",
    speaker="Mallory",
    excerpt="send me your gift card codes",
    rules=("scam-gift-cards",),
    after_words_s=0.712,
    expected=True,
)


def a_report(*, good: bool = True) -> Report:
    lines = [
        sent_line("send me your gift card codes", 2, 4, rule="scam-gift-cards"),
        sent_line("you are a stupid idiot", 12, 14, speaker="bob", rule="insult"),
        sent_line("please be kind to each other", 22, 24),
    ]
    tally = Tally(lines, started=STARTED)
    tally.add_transcript(transcript("send me your gift card codes", 2, 4), read_s=STARTED_S)
    tally.add_alert(alert("scam-gift-cards", 2, 4), read_s=STARTED_S + 4.71)
    if good:
        tally.add_transcript(
            transcript("you are a stupid idiot", 12, 14, speaker="bob"), read_s=STARTED_S
        )
        tally.add_alert(
            alert("insult", 12, 14, speaker="bob", alert_id="a2"), read_s=STARTED_S + 14.95
        )
        tally.add_transcript(
            transcript("please be kind to each other", 22, 24, utterance="u3"), read_s=STARTED_S
        )
    else:
        tally.add_transcript(transcript("you are a soup", 12, 14, speaker="bob"), read_s=STARTED_S)
        tally.add_alert(alert("insult", 22, 24, alert_id="a3"), read_s=STARTED_S + 25)
    return tally.make_report()


def test_an_alert_is_formatted_as_one_line() -> None:
    short = dataclasses.replace(ALERT, excerpt="read the code")
    assert format_alert(short) == "  12.3 s  HIGH      Mallory: “read the code”  0.71 s after"


def test_a_long_alert_is_wrapped_at_80_columns() -> None:
    long = dataclasses.replace(ALERT, excerpt="all of you " * 20)
    lines = format_alert(long).splitlines()
    assert len(lines) > 2
    assert max(map(len, lines)) <= 80
    assert all(line.startswith(" " * 20) for line in lines[1:])


def test_an_alert_that_the_script_does_not_expect_says_so() -> None:
    text = format_alert(dataclasses.replace(ALERT, expected=False, after_words_s=None))
    assert "while speaking  not in the script!" in text


def test_an_excerpt_cannot_control_the_terminal() -> None:
    text = format_alert(
        dataclasses.replace(ALERT, excerpt="\x1b[2J\x9b1m\u202e\nhi\x07", speaker="\r")
    )
    assert all(char == "\n" or char.isprintable() for char in text)


GOOD = """\
--------------------------------------------
utterances                   3
word error rate          0.0 %  0 of 17 words
alerts expected              2
alerts raised                2
alerts missed                0
alerts false                 0
latency p50             0.71 s
latency p95             0.95 s
latency max             0.95 s
--------------------------------------------
every alert as scripted"""


def test_the_table_of_a_good_run() -> None:
    assert format_table(a_report()) == GOOD


def test_the_table_of_a_bad_run_names_what_is_missing_and_what_is_false() -> None:
    text = format_table(a_report(good=False))
    assert "alerts missed                1" in text
    assert "missed: bob at 12.0 s: “you are a stupid idiot” (heard “you are a soup”)" in text
    assert "false:  25.0 s  HIGH      Ann: “what was said”" in text
    assert text.endswith("not as scripted")
    assert max(map(len, text.splitlines())) <= 80


def test_a_table_of_nothing_has_no_latency() -> None:
    assert "latency p50                  -" in format_table(
        Tally([], started=STARTED).make_report()
    )


def test_colour_changes_nothing_but_the_colour() -> None:
    for report in (a_report(), a_report(good=False)):
        coloured = format_table(report, colour=True)
        assert "\x1b[" in coloured
        plain = coloured.replace("\x1b[32m", "").replace("\x1b[1;31m", "").replace("\x1b[0m", "")
        assert plain == format_table(report)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_only_terminals_that_want_colour_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert wants_colour(Terminal())
    assert not wants_colour(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour(Terminal())


def test_the_report_as_json_holds_the_numbers_and_the_lines() -> None:
    body = json.loads(json.dumps(report_to_json(a_report())))
    assert body["ok"] is True
    assert body["latency_p95_s"] == pytest.approx(0.95)
    assert [line["alert_ids"] for line in body["lines"]] == [["a1"], ["a2"], []]
