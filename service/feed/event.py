"""Every event there is, and its JSON. An event type is defined where the thing happens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from service.alerts.alert import AlertRaised, AlertResolved, AlertRetracted, AlertUpdated
from service.clock import iso
from service.listening.heard import AudioGap, TranscriptHeard
from service.rooms.room import (
    RoomJoined,
    RoomLeft,
    RoomStateChanged,
    SpeakerJoined,
    SpeakerLeft,
    SpeakerLevels,
)

Event = (
    RoomJoined
    | RoomStateChanged
    | RoomLeft
    | SpeakerJoined
    | SpeakerLeft
    | TranscriptHeard
    | AudioGap
    | AlertRaised
    | AlertUpdated
    | AlertResolved
    | AlertRetracted
)
"""What is stored in the event log."""
