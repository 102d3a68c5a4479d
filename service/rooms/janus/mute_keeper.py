"""Renewal of mutes: a speaker whom moderators muted through us stays muted on coming back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any

import structlog

from service.rooms.actions import CannotAct
from service.rooms.connector import Muted
from service.rooms.janus.identity import person_of
from service.rooms.janus.lines import TrackId
from service.rooms.janus.moderation import Moderation
from service.rooms.janus.roster import Roster
from service.rooms.janus.server import FeedId
from service.rooms.room import Speaker

log = structlog.get_logger()

_RETRY_S = 30.0
"""Pause before a mute that Janus refused is requested again."""


class MuteKeeper:
    """
    Args:
        muted: Persons whom moderators muted through us.
        roster: Publishers in the room, kept up to date by the stay.
        spawn: Starts a named task that ends with the stay.
        on_change: Called when `problems` or the mutes have changed.
    """

    def __init__(
        self,
        room_id: str,
        muted: Muted,
        roster: Roster,
        *,
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
        on_change: Callable[[], None],
    ) -> None:
        self._room_id = room_id
        self._muted = muted
        self._roster = roster
        self._spawn = spawn
        self._on_change = on_change
        self._pending: dict[FeedId, str] = {}
        """Publishers to be muted, each with the problem that Janus reported, or an empty string."""

    @property
    def problems(self) -> Collection[str]:
        """Mutes that Janus refused, a sentence each."""
        return list(filter(None, self._pending.values()))

    def renew_mutes(self, speakers: Mapping[TrackId, Speaker], moderation: Moderation) -> None:
        """Start to mute the speakers who should be muted and are not."""
        for (feed, _), speaker in speakers.items():
            wanted = person_of(speaker.id) in self._muted
            if not wanted and feed in self._pending:
                self._pending[feed] = ""
            if wanted and not speaker.muted and feed not in self._pending:
                self._pending[feed] = ""
                self._spawn(self._mute(feed, speaker, moderation), f"mute {speaker.id} again")

    def honour_unmute(self, feed: FeedId, speakers: Mapping[TrackId, Speaker]) -> None:
        """Lift our own mute of a publisher whom a moderator unmuted at Janus."""
        for (muted_feed, _), speaker in speakers.items():
            if muted_feed == feed and (person := person_of(speaker.id)) in self._muted:
                self._spawn(self._muted.lifted(person), f"unmuted {person}")

    def forget(self, feed: FeedId) -> None:
        """Forget a publisher who has left."""
        self._pending.pop(feed, None)

    async def _mute(self, feed: FeedId, speaker: Speaker, moderation: Moderation) -> None:
        """Retry until Janus has done it, the publisher has left, or a moderator takes it back."""
        while feed in self._roster.publishers and person_of(speaker.id) in self._muted:
            try:
                await moderation.mute([feed], muted=True)
                break
            except CannotAct as error:
                log.warning("janus.mute_refused", room=self._room_id)
                self._pending[feed] = f"{speaker.name} is to be muted: {error}"
                self._on_change()
                await asyncio.sleep(_RETRY_S)
        self._pending.pop(feed, None)
        self._on_change()
