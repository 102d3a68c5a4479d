"""Steps of the ears. An ear that fails is replaced, and no other track is affected."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from asr.speech import Utterance
from service.clock import Clock
from service.listening.counters import EarCounters
from service.listening.ear import Ear
from service.listening.events import AudioGap
from service.listening.track_gaps import INTERRUPTED
from service.metrics import Metrics
from service.rooms.ear_metrics import count_packets
from service.rooms.listener import Listener
from service.rooms.pending_records import Unwritten

log = structlog.get_logger()

_LONGEST_GAP = timedelta(seconds=10)
"""Longest gap of a track whose ear fails again and again; then the next gap begins."""

MakeEar = Callable[[str, str, datetime, datetime | None], Ear]
"""Makes an ear from room id, speaker id, time now and start of the open gap, if there is one."""

OnUtterance = Callable[[Listener, Utterance], None]


class EarRunner:
    """Runs ears step by step and passes on their utterances and gaps."""

    def __init__(
        self,
        make_ear: MakeEar,
        on_utterance: OnUtterance,
        on_interim: OnUtterance,
        *,
        unwritten: Unwritten,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._make_ear = make_ear
        self._on_utterance = on_utterance
        self._on_interim = on_interim
        self._unwritten = unwritten
        self._metrics = metrics
        self._clock = clock

    def run(self, listener: Listener, step: Callable[[], Sequence[Utterance | AudioGap]]) -> None:
        """Run one step of the listener's ear."""
        try:
            for item in step():
                if isinstance(item, AudioGap):
                    self._unwritten.add_gap(item)
                else:
                    listener.unsettled[item.id] = item.started_at
                    self._metrics.utterances.inc()
                    self._on_utterance(listener, item)
        except Exception:
            self._metrics.failures.labels("ear").inc()
            if not listener.failed:  # log once for a track, which may fail with every packet
                log.exception("ears.track_failed", room=listener.room.id)
            listener.failed = True
            with contextlib.suppress(Exception):  # the first failure was logged
                self._replace_ear(listener)

    def run_interim(self, listener: Listener) -> None:
        """Pass on the utterance that goes on, if its interim transcript is due."""
        if listener.failed or listener.leaving:
            return
        try:
            interim = listener.ear.interim_utterance()
            if interim is not None:
                self._on_interim(listener, interim)
        except Exception:  # no words are lost: the utterance follows when it ends
            self._metrics.failures.labels("ear").inc()
            log.exception("ears.glimpse_failed", room=listener.room.id)
            listener.failed = True

    def _replace_ear(self, listener: Listener) -> None:
        """Give the listener a new ear; speech that the failed ear held becomes part of a gap."""
        now, broken = self._clock(), listener.ear
        since = broken.interrupted_at or broken.heard_until()
        if listener.leaving or now - since >= _LONGEST_GAP:
            self._unwritten.add_gap(AudioGap(*listener.key, since, max(since, now), INTERRUPTED))
            since = now
        count_packets(listener, self._metrics)
        listener.counted = EarCounters()
        listener.ear = self._make_ear(*listener.key, now, None if listener.leaving else since)
