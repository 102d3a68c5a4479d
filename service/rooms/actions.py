"""What people can do in a room through us."""

from __future__ import annotations

from enum import StrEnum


class RoomAction(StrEnum):
    WARN = "warn"
    MUTE = "mute_speaker"
    UNMUTE = "unmute_speaker"
    REMOVE = "remove_speaker"
    END = "end_room"


class CannotAct(Exception):
    """The action was not carried out; its text says why, for the person who asked for it."""
