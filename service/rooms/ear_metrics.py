"""Metrics of the ears: packets, stretches without speech, and memory."""

from __future__ import annotations

from collections.abc import Collection

import structlog

from service.metrics import Metrics
from service.rooms.listener import Listener

log = structlog.get_logger()


def count_packets(listener: Listener, metrics: Metrics) -> None:
    """Add to the metrics what the ear has counted since the last call."""
    now, before = listener.ear.counters, listener.counted
    metrics.packets.inc(now.packets - before.packets)
    metrics.packets_lost.inc(now.lost - before.lost)
    metrics.packets_bad.inc(now.bad - before.bad)
    metrics.packets_silent.inc(now.silent - before.silent)
    # A packet counted late may turn out to begin a new stream; the ear then takes the count back.
    metrics.packets_late.inc(max(0, now.late - before.late))
    metrics.packets_duplicate.inc(now.duplicate - before.duplicate)
    metrics.not_speech.labels("no speech in it").inc(now.noise - before.noise)
    metrics.not_speech.labels("too short").inc(now.clicks - before.clicks)
    if now.lies > before.lies:
        metrics.level_lies.inc()
        log.warning("ears.level_lies", room=listener.room.id, speaker=listener.speaker.id)
    listener.counted = now


def measure_held_bytes(listeners: Collection[Listener], metrics: Metrics) -> None:
    """Set the gauges of the sound that waits in memory, of all ears and of the largest."""
    held = [listener.ear.held_bytes for listener in listeners]
    metrics.held_bytes.set(sum(held))
    metrics.held_bytes_most.set(max(held, default=0))
