"""Health of a connected publisher's track. Pure: time comes in as monotonic seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from service.rooms.peer.intake import MOST_PER_S, MOST_SOURCES, Intake, Unfit

FLOOD_PER_S = 1_000.0
FLOOD_S = 5.0
"""A flood: more datagrams per second than FLOOD_PER_S during FLOOD_S. It closes the connection,
because even to discard the datagrams costs what others need. Browsers send about 50 a second."""
STALLED_S = 10.0
"""Time without a packet after which a track is quiet. Silence with DTX sends one every 0.4 s."""
_SENT = 20
"""Packets that a sender must report meanwhile for a stall: some are always in flight."""
SHOWN_S = 10.0
"""Shortest time that a trouble stays reported: after its last occurrence, and before another."""
_MANY = 5
"""Unfit packets since the last check that make a trouble. Fewer are only counted."""

FLOOD = f"it sent more than {FLOOD_PER_S:,.0f} packets a second"
SOURCES = f"it sent from more than {MOST_SOURCES} sources"
STALLED = "packets are sent, and none arrives"
_TROUBLES = {
    Unfit.RATE: f"more than {MOST_PER_S:.0f} packets a second: some are not heard",
    Unfit.CLOCK: "its clock jumps again and again: some of it is not heard",
    Unfit.STRAY: "packets that are not the Opus that was agreed on are not heard",
    Unfit.MALFORMED: "broken packets are not heard",
}
"""Troubles by reason, the gravest first."""


class Health:
    """Health of one publisher's track.

    Args:
        on_trouble: Called with each new trouble, and with an empty text when it is over.
        now_s: Time at which the connection was begun.
    """

    def __init__(self, intake: Intake, on_trouble: Callable[[str], None], now_s: float) -> None:
        self._intake = intake
        self._on_trouble = on_trouble
        self._began_s = self._checked_s = now_s
        self._calm_s = now_s
        self._before: Counter[Unfit] = Counter()
        self._sent_before: int | None = None
        self._occurred_s = self._reported_s = 0.0
        self._reported = ""

    def is_quiet(self, now_s: float) -> bool:
        """Tell whether no packet has been admitted for long, so that `check` needs `sent`."""
        return now_s - (self._intake.admitted_s or self._began_s) >= STALLED_S

    def check(self, datagrams: int, sent: int | None, now_s: float) -> str:
        """Report troubles.

        Args:
            datagrams: Number of datagrams since the last check.
            sent: Number of packets sent by the sender's report, while the track is quiet.

        Returns:
            The reason to close the connection, or an empty text.
        """
        if datagrams <= FLOOD_PER_S * (now_s - self._checked_s):
            self._calm_s = now_s
        self._checked_s = now_s
        if now_s - self._calm_s >= FLOOD_S:
            return FLOOD
        if self._intake.unfit[Unfit.SOURCES]:
            return SOURCES
        self._report(self._trouble(sent, now_s), now_s)
        return ""

    def _trouble(self, sent: int | None, now_s: float) -> str:
        before, self._before = self._before, self._intake.unfit.copy()
        for why, trouble in _TROUBLES.items():
            if self._before[why] - before[why] >= _MANY:
                return trouble
        if not self.is_quiet(now_s):
            self._sent_before = None
            return ""
        if self._sent_before is None:
            self._sent_before = sent
        stalled = (sent or 0) - (self._sent_before or 0) >= _SENT
        return STALLED if stalled else ""

    def _report(self, trouble: str, now_s: float) -> None:
        if trouble:
            self._occurred_s = now_s
        since_s = self._reported_s if trouble else self._occurred_s
        if trouble != self._reported and (not self._reported or now_s - since_s >= SHOWN_S):
            self._reported, self._reported_s = trouble, now_s
            self._on_trouble(trouble)
