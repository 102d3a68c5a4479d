"""How grave a match is."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """Ordered by `rank`: low < medium < high < critical."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)
