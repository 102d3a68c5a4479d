"""Parts that both roles share."""

from __future__ import annotations

from dataclasses import dataclass

from service.access.sealing import Seal
from service.clock import Clock
from service.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Common:
    """
    Attributes:
        seal: Encrypts secrets in the database.
    """

    seal: Seal
    metrics: Metrics
    clock: Clock
