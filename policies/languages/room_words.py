"""Messages to the members of a room, in one language."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RoomWords:
    """Texts of the messages.

    Attributes:
        listener: Name of earshot's listener among the members.
        listener_paused: The same name while listening is paused.
        notice: Message that software listens, with `{rules}` for one of the next two.
        rules_at: Address of the rules, with `{url}`.
        rules_unknown: Advice where the address is not known.
        paused: Message that listening is paused.
        warning: Message to a speaker whom a moderator warns.
        support: Message to a speaker who may need help. It blames nobody and mentions no rule.
        support_lines: Addition where the operator names helplines, with `{lines}`.
        between: Text between two helplines.
    """

    listener: str
    listener_paused: str
    notice: str
    rules_at: str
    rules_unknown: str
    paused: str
    warning: str
    support: str
    support_lines: str
    between: str
