"""Protocol of the two sides of a comparison."""

from __future__ import annotations

from typing import Protocol

LOOPBACK = ("127.0.0.1",)


class Receiver(Protocol):
    """Receiver of publishers, down to voice activity detection for each."""

    async def answer(self, speaker: str, offer: str) -> str:
        """Return the SDP answer to a publisher's offer."""
        ...

    def heard_s(self) -> float:
        """Return the seconds of sound decoded so far, all tracks together."""
        ...

    def lost(self) -> int:
        """Return the packets given up so far; 0 if the side does not count them."""
        ...
