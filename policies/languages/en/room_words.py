"""Messages to a room's members in English."""

from __future__ import annotations

from policies.languages.room_words import RoomWords

ROOM_WORDS = RoomWords(
    listener="Moderation (listening)",
    listener_paused="Moderation (paused)",
    notice="Software listens to this room, so that its moderators can keep its rules. {rules}",
    rules_at="The rules: {url}",
    rules_unknown="Ask its hosts for the rules.",
    paused="Software does not listen to this room for now. You will be told when it does again.",
    warning="A moderator asks you to keep to the rules of this room.",
    support=(
        "You are not alone, and you have done nothing wrong. Somebody here is glad to listen to you"
        " if you would like to talk."
    ),
    support_lines=" You can also reach: {lines}",
    between="; ",
)
