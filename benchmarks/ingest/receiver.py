"""What both sides of a comparison can do."""

from __future__ import annotations

from typing import Protocol

LOOPBACK = ("127.0.0.1",)


class Receiver(Protocol):
    """Hears publishers, down to a detector of speech for each."""

    async def answer(self, speaker: str, offer: str) -> str:
        """Take a publisher's offer; the SDP answer."""
        ...

    def heard_s(self) -> float:
        """Seconds of sound decoded from packets so far, all tracks together."""
        ...

    def lost(self) -> int:
        """Packets given up so far, where that is known."""
        ...
