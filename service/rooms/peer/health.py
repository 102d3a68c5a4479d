"""How well a publisher that is there can be heard. Pure: time comes in as monotonic seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from service.rooms.peer.intake import MOST_PER_S, MOST_SOURCES, Intake, Unfit

FLOOD_PER_S = 1_000.0
FLOOD_S = 5.0
"""More datagrams than that, for so long, and the connection is closed: even to pass them over costs
what others need. Browsers send about 50 a second."""
STALLED_S = 10.0
"""Nothing of what is sent has come for so long. Silence with DTX sends a packet every 0.4 s."""
_SENT = 20
"""Packets that the sender's reports count meanwhile: some are on their way at any time."""
SHOWN_S = 10.0
"""What is wrong stays told of for so long after it was last seen, and before it is another."""
_MANY = 5
"""Packets that were not taken since the last look: fewer are worth a count, not a word."""

FLOOD = f"it sent more than {FLOOD_PER_S:,.0f} packets a second"
SOURCES = f"it sent from more than {MOST_SOURCES} sources"
STALLED = "packets are sent, and none arrives"
_TROUBLES = {
    Unfit.RATE: f"more than {MOST_PER_S:.0f} packets a second: some are not heard",
    Unfit.CLOCK: "its clock jumps again and again: some of it is not heard",
    Unfit.STRAY: "packets that are not the Opus that was agreed on are not heard",
    Unfit.MALFORMED: "broken packets are not heard",
}
"""The gravest first."""


class Health:
    """One publisher's.

    Args:
        on_trouble: Called when what is wrong is another than before, with nothing when it is over.
        now_s: When the connection was begun.
    """

    def __init__(self, intake: Intake, on_trouble: Callable[[str], None], now_s: float) -> None:
        self._intake = intake
        self._on_trouble = on_trouble
        self._began_s = self._looked_s = now_s
        self._calm_s = now_s
        self._before: Counter[Unfit] = Counter()
        self._sent_before: int | None = None
        self._seen_s = self._told_s = 0.0
        self._told = ""

    def quiet(self, now_s: float) -> bool:
        """Nothing was taken for so long that the sender's reports are to be looked at."""
        return now_s - (self._intake.taken_s or self._began_s) >= STALLED_S

    def look(self, datagrams: int, sent: int | None, now_s: float) -> str:
        """Take note of how it is; the reason, if the connection shall be closed.

        Args:
            datagrams: That came since the last look.
            sent: By the sender's reports, while it is `quiet`.
        """
        if datagrams <= FLOOD_PER_S * (now_s - self._looked_s):
            self._calm_s = now_s
        self._looked_s = now_s
        if now_s - self._calm_s >= FLOOD_S:
            return FLOOD
        if self._intake.unfit[Unfit.SOURCES]:
            return SOURCES
        self._tell(self._wrong(sent, now_s), now_s)
        return ""

    def _wrong(self, sent: int | None, now_s: float) -> str:
        before, self._before = self._before, self._intake.unfit.copy()
        for why, trouble in _TROUBLES.items():
            if self._before[why] - before[why] >= _MANY:
                return trouble
        if not self.quiet(now_s):
            self._sent_before = None
            return ""
        if self._sent_before is None:
            self._sent_before = sent
        stalled = (sent or 0) - (self._sent_before or 0) >= _SENT
        return STALLED if stalled else ""

    def _tell(self, wrong: str, now_s: float) -> None:
        if wrong:
            self._seen_s = now_s
        since_s = self._told_s if wrong else self._seen_s
        if wrong != self._told and (not self._told or now_s - since_s >= SHOWN_S):
            self._told, self._told_s = wrong, now_s
            self._on_trouble(wrong)
