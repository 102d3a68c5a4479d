"""Limits of the recogniser, each declared once. The service's settings take theirs from here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """Default, least and most of a whole number that an operator may set."""

    default: int
    least: int
    most: int


LONGEST_UTTERANCE_S = 30
"""Length of Whisper's own window. An utterance is never longer."""

THREADS = Bounds(0, 0, 256)
"""CPU threads for each window; 0: one."""
BEAM_SIZE = Bounds(5, 1, 10)
HYPOTHESES = Bounds(0, 0, 9)
"""Further readings of an utterance; always fewer than the beam is wide."""
BATCH_SIZE = Bounds(0, 0, 64)
"""Windows in a batch; 0: the device decides."""
LANES = Bounds(0, 0, 16)
"""Batches decoded at the same time; 0: the device decides."""

CAPACITY = Bounds(200, 1, 100_000)
"""Utterances that wait in a server's queue."""
DEADLINE_S = Bounds(30, 1, 600)
"""Seconds after which an utterance without a transcript becomes a gap."""
STREAM_ENTRIES = 1_000
"""Utterances that Redis holds for all servers of a model."""
STREAM_MIB = Bounds(256, 1, 65_536)
"""MiB of sound that Redis holds for all servers of a model."""
