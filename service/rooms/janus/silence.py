"""Watch over publishers whom Janus reports as talking while none of their packets arrive."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Mapping

import structlog

from service.rooms.janus.lines import TrackId
from service.rooms.janus.reception import Reception
from service.rooms.janus.server import FeedId
from service.rooms.peer.poller import get_poller
from service.rooms.room import Speaker

log = structlog.get_logger()

_SILENT_S = 3.0
"""Time in which packets of a talking publisher must arrive; then their line is requested anew."""


class SilenceWatch:
    """
    Attributes:
        reception: Receives the packets; None until the room is joined.

    Args:
        speakers: Speakers on record by track, kept up to date by the stay.
        on_change: Called after each check.
    """

    def __init__(
        self, room_id: str, speakers: Mapping[TrackId, Speaker], on_change: Callable[[], None]
    ) -> None:
        self._room_id = room_id
        self._speakers = speakers
        self._on_change = on_change
        self._silent: set[FeedId] = set()
        self._checks: dict[FeedId, asyncio.TimerHandle] = {}
        self.reception: Reception | None = None

    @property
    def silent(self) -> Collection[FeedId]:
        """Publishers who talk while nothing of them arrives."""
        return self._silent

    def schedule_check(self, feed: FeedId) -> None:
        """Check the publisher soon. Call it when Janus reports them as talking, which is a hint."""
        if feed not in self._checks:
            loop = asyncio.get_running_loop()
            self._checks[feed] = loop.call_later(_SILENT_S, self._check, feed)

    def forget(self, feed: FeedId) -> None:
        """Stop watching a publisher who has left."""
        self._silent.discard(feed)
        if (check := self._checks.pop(feed, None)) is not None:
            check.cancel()

    def close(self) -> None:
        for check in self._checks.values():
            check.cancel()

    def _check(self, feed: FeedId) -> None:
        assert self.reception is not None
        self._checks.pop(feed, None)
        audible = [
            track
            for track, speaker in self._speakers.items()
            if track[0] == feed and not speaker.muted
        ]
        last_s = max(map(self.reception.last_packet_s, audible), default=math.inf)
        read_until_s = get_poller().read_until_s(asyncio.get_running_loop().time())
        if read_until_s - last_s < _SILENT_S:
            self._silent.discard(feed)
        else:
            if feed not in self._silent:
                log.warning("janus.silent_line", room=self._room_id)
                self._silent.add(feed)
                self.reception.forget(feed)
            self.schedule_check(feed)
        self._on_change()
