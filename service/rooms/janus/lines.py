"""Assignment of tracks to the lines of our subscription. Pure.

Janus uses a line again for another publisher once its own has gone, and nothing in the packets says
so. Only Janus's own list of lines, in `attached` and `updated`, tells the assignment, which holds
until Janus says that the publisher has gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from service.rooms.connector import RoomLost
from service.rooms.janus.server import FeedId

TrackId = tuple[FeedId, str]
"""A publisher, and the mid of one of its audio streams."""


class Lines:
    """
    Attributes:
        spare: Mids of lines with a track that another line carries already.
    """

    def __init__(self) -> None:
        self._tracks: dict[str, TrackId] = {}
        self._last: dict[str, TrackId] = {}
        self.spare: Sequence[str] = ()

    def assign_tracks(self, streams: Sequence[Mapping[str, Any]]) -> set[str]:
        """Replace the assignment.

        Args:
            streams: Janus's list of all lines. Inactive ones carry no track.

        Returns:
            Mids of the lines that carry another track than the last one they carried.

        Raises:
            RoomLost: This is not a list of lines.
        """
        try:
            listed = [
                (str(line["mid"]), (line["feed_id"], str(line["feed_mid"])))
                for line in streams
                if line["type"] == "audio" and line.get("active") and "feed_id" in line
            ]
            listed.sort(key=lambda line: self._tracks.get(line[0]) != line[1])  # unchanged first
        except (KeyError, TypeError, AttributeError) as error:
            raise RoomLost("Janus said something about its lines that is not understood") from error
        mids: dict[TrackId, str] = {}
        for mid, track in listed:
            mids.setdefault(track, mid)
        self._tracks = {mid: track for track, mid in mids.items()}
        self.spare = [mid for mid, track in listed if mids[track] != mid]
        before, self._last = self._last, {**self._last, **self._tracks}
        return {mid for mid, track in self._tracks.items() if before.get(mid, track) != track}

    def forget(self, feed: FeedId) -> None:
        """Unassign the lines of a publisher who has gone: later packets there have no speaker."""
        self._tracks = {mid: track for mid, track in self._tracks.items() if track[0] != feed}

    def track(self, mid: str) -> TrackId | None:
        """Return the track on a line, if any."""
        return self._tracks.get(mid)

    def __contains__(self, track: object) -> bool:
        return track in self._tracks.values()
