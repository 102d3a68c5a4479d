"""Receivers' 2xx answers to an action. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from service.alerts.action import ActionOutcome

LONGEST_REASON = 500
"""Characters of a reported reason that are kept."""

_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
"""Control characters, which could steer a terminal, and halves of characters."""
_UNREADABLE = "the answer is no complete JSON under 2 kB, so the action counts as delivered only"
_BAD_OUTCOME = (
    "the answer's `outcome` is neither `done` nor `failed`, so the action counts as delivered only"
)


@dataclass(frozen=True, slots=True)
class ActionAnswer:
    """Outcome of an action, as a receiver reports it.

    Attributes:
        outcome: Reported outcome; None if the answer reports none.
        note: Fault of the answer, for people; empty for none.
    """

    outcome: ActionOutcome | None = None
    reason: str = ""
    note: str = ""


def parse_action_answer(text: str) -> ActionAnswer:
    """Parse the body of a 2xx answer, `{"outcome": "done" | "failed", "reason": "..."}`.

    Any other body, such as an empty one or HTML, reports no outcome and is no fault.
    """
    text = text.removeprefix("\ufeff").lstrip()
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return ActionAnswer(note=_UNREADABLE if text.startswith("{") else "")
    if not isinstance(found, dict) or "outcome" not in found:
        return ActionAnswer()
    outcome, reason = found["outcome"], found.get("reason")
    if not isinstance(outcome, str) or outcome not in list(ActionOutcome):
        return ActionAnswer(note=_BAD_OUTCOME)
    return ActionAnswer(ActionOutcome(outcome), clean_reason(reason))


def clean_reason(reason: object) -> str:
    """Return a reported reason as one short line; empty if it is no text."""
    if not isinstance(reason, str):
        return ""
    return _UNFIT.sub(" ", reason).strip()[:LONGEST_REASON]
