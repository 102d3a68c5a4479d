"""The one exception that leaves the simulation."""

from __future__ import annotations


class SimulationFailed(Exception):
    """What went wrong, where, and the remedy, in one sentence for a person."""
