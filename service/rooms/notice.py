"""Notice to a room's members: that the room is listened to, and by which rules. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """The notice of all rooms.

    Attributes:
        rules_url: Address of the rules for members; empty where it is not known.
        spoken: Whether a message is sent; False: only our listener's name is shown.
    """

    rules_url: str
    spoken: bool = True

    def name(self, languages: Sequence[str]) -> str:
        """Return the name of our listener among the room's members."""
        name = "语音审核（正在收听）" if _zh(languages) else "Moderation (listening)"
        return f"{name} {self.rules_url}".strip() if self.spoken else name

    def text(self, languages: Sequence[str]) -> str:
        """Return the message to everybody in the room; empty: send none."""
        if not self.spoken:
            return ""
        if _zh(languages):
            rules = f"规则见 {self.rules_url}" if self.rules_url else "规则请向房间管理员查询"
            return f"本房间由软件收听，以便管理员执行房间规则。{rules}"
        rules = f"The rules: {self.rules_url}" if self.rules_url else "Ask its hosts for the rules."
        return f"Software listens to this room, so that its moderators can keep its rules. {rules}"


def _zh(languages: Sequence[str]) -> bool:
    return bool(languages) and languages[0] == "zh"
