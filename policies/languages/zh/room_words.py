"""Messages to a room's members in simplified Chinese."""

from __future__ import annotations

from policies.languages.room_words import RoomWords

ROOM_WORDS = RoomWords(
    listener="语音审核（正在收听）",
    listener_paused="语音审核（已暂停）",
    notice="本房间由软件收听，以便管理员执行房间规则。{rules}",
    rules_at="规则见 {url}",
    rules_unknown="规则请向房间管理员查询",
    paused="软件已暂停收听本房间，恢复收听时会另行通知。",
    warning="管理员提醒：请遵守本房间的规则。",
    support="你并不孤单，你也没有做错什么。如果你愿意聊聊，这里有人愿意听你说。",
    support_lines="你也可以联系：{lines}",
    between="；",
)
