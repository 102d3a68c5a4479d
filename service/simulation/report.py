"""Text output of a simulation: a line for each alert as it comes, and the closing table.

Plain text of at most 80 columns. Colours come from the terminal's own palette, so that they are
readable on dark and light ones. No meaning depends on colour alone.
"""

from __future__ import annotations

import os
import re
import textwrap
from dataclasses import asdict
from typing import Any, TextIO

from service.simulation.results import LineResult, ReceivedAlert, ReceivedTranscript, Report

_WIDTH = 80
_DIM, _RED, _MAGENTA, _GREEN, _PLAIN = "2", "1;31", "35", "32", ""
_SEVERITY_COLOURS = {"critical": _RED, "high": _RED, "medium": _MAGENTA}


def wants_colour(stream: TextIO) -> bool:
    """Tell whether to colour: only on a terminal without `NO_COLOR` (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def format_alert(alert: ReceivedAlert, *, colour: bool = False) -> str:
    """Format an alert: `12.3 s  HIGH      Mallory: “...”  0.71 s after` the words."""
    nbsp = "\xa0"  # keeps a remark on one line
    severity = _printable(alert.severity).upper()
    if alert.after_words_s is None:
        when = "while speaking"
    else:
        when = f"{alert.after_words_s:.2f} s after"
    unexpected = "" if alert.expected else "  not in the script!"
    remark = (when + unexpected).replace(" ", nbsp)
    head = f"{alert.at_s:6.1f} s  {severity:<8}  "
    body = f"{_printable(alert.speaker)}: “{_printable(alert.excerpt)}”  {remark}"
    wrapped = textwrap.wrap(head + body, _WIDTH, subsequent_indent=" " * len(head))
    painted = _paint(severity, _SEVERITY_COLOURS.get(alert.severity, _PLAIN), colour)
    return "\n".join(wrapped).replace(nbsp, " ").replace(severity, painted, 1)


def format_transcript(transcript: ReceivedTranscript, *, colour: bool = False) -> str:
    """Format a transcript, less prominent than an alert."""
    head = f"{transcript.at_s:6.1f} s{'':12}"
    text = f"{_printable(transcript.speaker)}: {_printable(transcript.text)}"
    wrapped = textwrap.wrap(head + text, _WIDTH, subsequent_indent=" " * len(head))
    return "\n".join(_paint(line, _DIM, colour) for line in wrapped)


def format_table(report: Report, *, colour: bool = False) -> str:
    """Format the closing table, and below it each missed line and each false alert."""
    rate = f"{100 * report.word_error_rate:.1f} %"
    rows = [
        ("utterances", str(report.utterances), _plural(report.unsent, "not sent whole")),
        ("word error rate", rate, f"{report.word_errors} of {report.words} words"),
        ("alerts expected", str(report.expected), ""),
        ("alerts raised", str(report.raised), _plural(report.repeated, "repeated")),
        ("alerts missed", str(report.missed), ""),
        ("alerts false", str(report.false), ""),
        *(
            (f"latency {name}", _seconds(report.latency_s(share)), "")
            for name, share in (("p50", 0.5), ("p95", 0.95), ("max", 1.0))
        ),
    ]
    rule = "-" * 44
    lines = [rule, *(f"{name:<20}{value:>10}  {note}".rstrip() for name, value, note in rows), rule]
    lines += [_missed(line) for line in report.lines if line.alerts and not line.alert_ids]
    lines += [f"false:  {format_alert(alert).strip()}" for alert in report.false_alerts]
    if report.ok:
        verdict = _paint("every alert as scripted", _GREEN, colour)
    else:
        verdict = _paint("not as scripted", _RED, colour)
    return "\n".join([*lines, verdict])


def report_to_json(report: Report) -> dict[str, Any]:
    """Return the whole report, ready for JSON; times in seconds."""
    return {
        **asdict(report),
        "started_at": report.started_at.isoformat(timespec="milliseconds"),
        "word_error_rate": report.word_error_rate,
        "latency_p50_s": report.latency_s(0.5),
        "latency_p95_s": report.latency_s(0.95),
        "latency_max_s": report.latency_s(1.0),
        "ok": report.ok,
    }


def _missed(line: LineResult) -> str:
    why = "" if line.sent else ", not sent whole"
    heard = f"heard “{_printable(line.heard)}”" if line.heard else "nothing heard"
    text = f"missed: {line.speaker_id} at {line.at_s:.1f} s{why}: “{line.text}” ({heard})"
    return "\n".join(textwrap.wrap(text, _WIDTH, subsequent_indent=" " * 8))


def _plural(count: int, what: str) -> str:
    return f"{count} {what}" if count else ""


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def _printable(text: str) -> str:
    """Replace characters that could control a terminal."""
    return re.sub(r"[^\S ]|[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", " ", text)


def _paint(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour and code else text
