"""Valid things to store. The arguments set what matters to the test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from policies.match import Action, Layer
from policies.severity import Severity
from service.alerts.action import ActionState, ModeratorAction
from service.alerts.alert import Alert, AlertMatch, AlertState
from service.listening.events import AudioGap, TranscriptHeard
from service.rooms.actions import Carrier, RoomAction
from service.rooms.room import Room, RoomState, Speaker

EACH_DATABASE = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]

only_sqlite = pytest.mark.parametrize("backend", EACH_DATABASE[:1], indirect=True)
only_postgres = pytest.mark.parametrize("backend", EACH_DATABASE[1:], indirect=True)

NOW = datetime(2026, 5, 17, 12, 0, 0, 123_456, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class SetClock:
    """Clock that shows the time that was set."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def a_room(id_: str = "lobby", joined_at: datetime = NOW) -> Room:
    return Room(
        id=id_,
        title="Lobby ☕",
        connector={"kind": "whip", "codecs": ["opus"]},
        languages=("en", "de"),
        policies=("scams",),
        state=RoomState.JOINING,
        joined_at=joined_at,
    )


def a_speaker(id_: str = "ann", room_id: str = "lobby") -> Speaker:
    return Speaker(room_id=room_id, id=id_, name=id_.title(), role="host")


def a_transcript(
    id_: str = "u1", at: datetime = NOW, *, text: str = "hello", room_id: str = "lobby"
) -> TranscriptHeard:
    return TranscriptHeard(
        utterance_id=id_,
        room_id=room_id,
        speaker_id="ann",
        speaker_name="Ann",
        started_at=at,
        ended_at=at + 2 * SECOND,
        language="en",
        text=text,
        marks=("quiet",),
        model="micro",
        provisional=False,
    )


def a_match(rule_id: str = "gift-cards", severity: Severity = Severity.HIGH) -> AlertMatch:
    return AlertMatch(
        pack="scams",
        pack_version="3",
        rule_id=rule_id,
        severity=severity,
        category="fraud",
        spans=((0, 5), (7, 9)),
        explanation="asks for gift cards",
        rule_version="2",
        title="Asking for gift card codes",
        actions=(Action.ALERT, Action.SUGGEST_WARN),
        score=5.0,
        layer=Layer.PHONES,
        distance=0.12,
        times=((0.0, 0.42), (0.6, 0.8)),
        raised_from=Severity.MEDIUM,
    )


def an_alert(
    id_: str = "a1",
    at: datetime = NOW,
    *,
    utterance_id: str = "u1",
    room_id: str = "lobby",
    severity: Severity = Severity.HIGH,
) -> Alert:
    return Alert(
        id=id_,
        room_id=room_id,
        speaker_id="ann",
        speaker_name="Ann",
        utterance_id=utterance_id,
        severity=severity,
        category="fraud",
        state=AlertState.OPEN,
        provisional=False,
        repeats=0,
        raised_at=at + 3 * SECOND,
        speech_started_at=at,
        speech_ended_at=at + 2 * SECOND,
        excerpt="hello 👋 cards",
        matches=(a_match(severity=severity), a_match("hurry", Severity.LOW)),
    )


def a_gap(from_at: datetime = NOW, seconds: float = 1, room_id: str = "lobby") -> AudioGap:
    return AudioGap(room_id, "ann", from_at, from_at + seconds * SECOND, "restart")


def an_action(
    id_: str = "ac_1",
    action: RoomAction = RoomAction.MUTE,
    *,
    alert_id: str = "a1",
    message: str = "",
    carrier: Carrier = Carrier.WEBHOOK,
) -> ModeratorAction:
    return ModeratorAction(
        id=id_,
        alert_id=alert_id,
        room_id="lobby",
        speaker_id="ann",
        speaker_name="Ann 安",
        action=action,
        state=ActionState.PENDING,
        requested_by="Mo",
        reason="asked for codes",
        message=message,
        requested_at=NOW,
        expires_at=NOW + 30 * SECOND,
        carrier=carrier,
    )
