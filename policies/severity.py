"""Severity of a match."""

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
        """Number in the order, from 0 for low."""
        return list(Severity).index(self)
