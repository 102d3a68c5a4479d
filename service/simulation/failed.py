"""Exceptions that leave the simulation."""

from __future__ import annotations


class SimulationFailed(Exception):
    """The simulation failed. Its text is one sentence: the fault, its place and the remedy."""


class Refused(SimulationFailed):
    """The server answered a request with an error.

    Args:
        asked: Request in words that complete "the server refused to ...".
        status: HTTP status.
        detail: The server's reason.
    """

    def __init__(self, asked: str, status: int, detail: str) -> None:
        super().__init__(f"the server refused to {asked} (HTTP {status}): {detail}")
        self.status = status
