"""Actions that people can take in a room through us."""

from __future__ import annotations

from enum import StrEnum


class RoomAction(StrEnum):
    WARN = "warn"
    MUTE = "mute_speaker"
    UNMUTE = "unmute_speaker"
    REMOVE = "remove_speaker"
    END = "end_room"


class CannotAct(Exception):
    """An action was not carried out; the text gives the reason, for the person who asked for it."""
