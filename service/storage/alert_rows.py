"""Alerts as rows of their table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row

from policies.handling import Handling
from policies.match import Action, Layer
from policies.severity import Severity
from service.alerts.alert import TALK_AROUND, Alert, AlertMatch, AlertState, Outcome


def alert_columns(alert: Alert) -> dict[str, Any]:
    """Return the columns of an alert."""
    return {
        "id": alert.id,
        "room_id": alert.room_id,
        "speaker_id": alert.speaker_id,
        "speaker_name": alert.speaker_name,
        "utterance_id": alert.utterance_id,
        "severity": alert.severity,
        "category": alert.category,
        "state": alert.state,
        "provisional": alert.provisional,
        "repeats": alert.repeats,
        "raised_at": alert.raised_at,
        "speech_started_at": alert.speech_started_at,
        "speech_ended_at": alert.speech_ended_at,
        "excerpt": alert.excerpt,
        "matches": [asdict(match) for match in alert.matches],
        "owner": alert.owner,
        "outcome": alert.outcome,
        "handling": alert.handling,
        "escalated_at": alert.escalated_at,
        "escalated_to": alert.escalated_to,
        "talk_from": alert.speech_started_at - TALK_AROUND,
        "talk_to": alert.speech_ended_at + TALK_AROUND,
    }


def read_alert(row: Row[Any]) -> Alert:
    """Return the alert of a row."""
    return Alert(
        id=row.id,
        room_id=row.room_id,
        speaker_id=row.speaker_id,
        speaker_name=row.speaker_name,
        utterance_id=row.utterance_id,
        severity=Severity(row.severity),
        category=row.category,
        state=AlertState(row.state),
        provisional=row.provisional,
        repeats=row.repeats,
        raised_at=row.raised_at,
        speech_started_at=row.speech_started_at,
        speech_ended_at=row.speech_ended_at,
        excerpt=row.excerpt,
        matches=tuple(_match(fields) for fields in row.matches),
        owner=row.owner,
        outcome=row.outcome and Outcome(row.outcome),
        handling=Handling(row.handling),
        escalated_at=row.escalated_at,
        escalated_to=row.escalated_to,
    )


def is_review(matches: Sequence[dict[str, Any]], pack: str, rule_id: str) -> bool:
    """Return whether a stored alert has this rule only for review."""
    of_rule = [each for each in matches if (each["pack"], each["rule_id"]) == (pack, rule_id)]
    return bool(of_rule) and all(each.get("review", False) for each in of_rule)


def _match(fields: dict[str, Any]) -> AlertMatch:
    """Return a stored match; earlier versions stored fewer fields."""
    layer, before = fields.get("layer"), fields.get("raised_from")
    typed = {
        "severity": Severity(fields["severity"]),
        "spans": tuple((start, end) for start, end in fields["spans"]),
        "excused_by": tuple(fields.get("excused_by", ())),
        "actions": tuple(Action(action) for action in fields.get("actions", ())),
        "layer": layer and Layer(layer),
        "times": tuple((from_s, to_s) for from_s, to_s in fields.get("times", ())),
        "raised_from": before and Severity(before),
    }
    return AlertMatch(**{**fields, **typed})
