"""The languages that a rule can have phrases in."""

from __future__ import annotations

from enum import StrEnum


class Language(StrEnum):
    """ISO 639-1 codes, as in `Spoken.language`."""

    EN = "en"
    ZH = "zh"

    @property
    def separator(self) -> str:
        """What stands between words: Chinese is written without."""
        return "" if self is Language.ZH else " "
