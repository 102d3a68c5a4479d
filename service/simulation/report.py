"""What a person sees of a simulation: a line for each alert as it comes, and the closing table.

Plain text of at most 80 columns. Colour is by the terminal's own palette, so that it is readable
on a dark and on a light one, and never carries meaning alone.
"""

from __future__ import annotations

import os
import re
import textwrap
from dataclasses import asdict
from typing import Any, TextIO

from service.simulation.tally import AlertSeen, LineResult, Report, TalkHeard

_WIDTH = 80
_DIM, _RED, _MAGENTA, _GREEN, _PLAIN = "2", "1;31", "35", "32", ""
_SEVERITY_COLOURS = {"critical": _RED, "high": _RED, "medium": _MAGENTA}


def wants_colour(stream: TextIO) -> bool:
    """Colour only on a terminal, and not where `NO_COLOR` is set (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def alert_line(alert: AlertSeen, *, colour: bool = False) -> str:
    """Such as `12.3 s  HIGH      Mallory: “...”  0.71 s after`: after the words, that is."""
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


def talk_line(talk: TalkHeard, *, colour: bool = False) -> str:
    """What was said, quieter than an alert."""
    head = f"{talk.at_s:6.1f} s{'':12}"
    text = f"{_printable(talk.speaker)}: {_printable(talk.text)}"
    wrapped = textwrap.wrap(head + text, _WIDTH, subsequent_indent=" " * len(head))
    return "\n".join(_paint(line, _DIM, colour) for line in wrapped)


def table(report: Report, *, colour: bool = False) -> str:
    """The closing table, and below it each line whose alert is missing and each false alert."""
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
    lines += [f"false:  {alert_line(alert).strip()}" for alert in report.false_alerts]
    if report.ok:
        verdict = _paint("every alert as scripted", _GREEN, colour)
    else:
        verdict = _paint("not as scripted", _RED, colour)
    return "\n".join([*lines, verdict])


def as_json(report: Report) -> dict[str, Any]:
    """Everything in the report, JSON-ready; times in seconds."""
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
    """Without what could steer a terminal."""
    return re.sub(r"[^\S ]|[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", " ", text)


def _paint(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour and code else text
