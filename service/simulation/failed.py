"""The exceptions that leave the simulation."""

from __future__ import annotations


class SimulationFailed(Exception):
    """What went wrong, where, and the remedy, in one sentence for a person."""


class Refused(SimulationFailed):
    """The server answered a request with an error.

    Args:
        asked: What was asked of it, as in "the server refused to ...".
        status: HTTP status.
        detail: The server's reason.
    """

    def __init__(self, asked: str, status: int, detail: str) -> None:
        super().__init__(f"the server refused to {asked} (HTTP {status}): {detail}")
        self.status = status
