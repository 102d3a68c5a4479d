"""Utterances on record that rules look back at after a restart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PastUtterance:
    """An utterance on record, and the rules that it counts as a hit of.

    Attributes:
        text: Words of the utterance; empty if only its hits are needed.
        rules: Pack and rule id of each rule.
    """

    room_id: str
    speaker_id: str
    at: datetime
    language: str
    text: str
    rules: Sequence[tuple[str, str]]
