"""Notice to a room's members: that the room is listened to, and by which rules. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policies.languages import words_for_room


@dataclass(frozen=True, slots=True)
class Notice:
    """The notice of all rooms.

    Attributes:
        rules_url: Address of the rules for members; empty where it is not known.
        spoken: Whether a message is sent; False: only our listener's name is shown.
    """

    rules_url: str
    spoken: bool = True

    def name(self, languages: Sequence[str], listening: bool = True) -> str:
        """Return the name of our listener among the room's members."""
        words = words_for_room(languages)
        name = words.listener if listening else words.listener_paused
        return f"{name} {self.rules_url}".strip() if self.spoken else name

    def text(self, languages: Sequence[str], listening: bool = True) -> str:
        """Return the message to everybody in the room; empty: send none."""
        if not self.spoken:
            return ""
        words = words_for_room(languages)
        if not listening:
            return words.paused
        rules = words.rules_at.format(url=self.rules_url) if self.rules_url else words.rules_unknown
        return words.notice.format(rules=rules)
