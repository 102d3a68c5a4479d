"""Actions that people can take in a room through us, and where each is possible."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RoomAction(StrEnum):
    WARN = "warn"
    MUTE = "mute_speaker"
    UNMUTE = "unmute_speaker"
    REMOVE = "remove_speaker"
    END = "end_room"


class Carrier(StrEnum):
    """The part that carries an action out, and from which its confirmation comes."""

    CONNECTOR = "connector"
    """earshot itself, at a room server that it can moderate."""
    WEBHOOK = "webhook"
    """The room server, which learns of it by the webhook `action.requested`."""


class Obstacle(StrEnum):
    """Reason for which an action is not possible in a room now."""

    ROOM_ENDED = "room_ended"
    ROOM_LOST = "room_lost"
    NO_WEBHOOK = "no_webhook"
    NOT_IN_THIS_ROOM = "not_in_this_room"


NO_WEBHOOK = (
    "No enabled webhook takes `action.requested` of this room, so nobody would carry it out; an"
    " administrator adds one (POST /v1/webhooks), or act at the room server."
)


@dataclass(frozen=True, slots=True)
class ImpossibleAction:
    """An action that is not possible now.

    Attributes:
        reason: One sentence for people, with the remedy.
    """

    action: RoomAction
    code: Obstacle
    reason: str


class CannotAct(Exception):
    """An action was not carried out; the text gives the reason, for the person who asked for it."""
