"""Message that a moderator may send to an alert's speaker. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from policies.handling import Handling
from policies.languages import words_for_room
from service.alerts.helplines import Helpline, sort_helplines

LONGEST = 300
"""Most characters of a message to a speaker."""


def suggest_message(
    handling: Handling, languages: Sequence[str], helplines: Sequence[Helpline]
) -> str:
    """Return a warning, or words of support with the helplines for which there is room.

    Args:
        languages: Languages of the room; the message is in the first.
        helplines: The operator's. Those that speak a language of the room are named; if none
            does, all.
    """
    words = words_for_room(languages)
    if handling is Handling.OFFENCE:
        return words.warning
    fitting = [each for each in helplines if each.speaks(languages)] or list(helplines)
    message, lines = words.support, ""
    for helpline in sort_helplines(fitting, languages):
        more = f"{lines}{words.between if lines else ''}{helpline.name}: {helpline.contact}"
        longer = words.support + words.support_lines.format(lines=more)
        if len(longer) <= LONGEST:
            message, lines = longer, more
    return message
