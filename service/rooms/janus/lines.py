"""Whose sound comes on which line of our subscription. Pure.

A line is used again for another publisher once its own has gone, and nothing in its packets says
so. So the only word that counts is Janus's own list of lines, in `attached` and `updated`, and it
counts until Janus says that the publisher has gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from service.rooms.connector import RoomLost
from service.rooms.janus.server import FeedId

Voice = tuple[FeedId, str]
"""A publisher and the mid of one of its streams of sound."""


class Lines:
    """
    Attributes:
        spare: Lines that carry a voice which another line carries already.
    """

    def __init__(self) -> None:
        self._voices: dict[str, Voice] = {}
        self._last: dict[str, Voice] = {}
        self.spare: Sequence[str] = ()

    def take(self, streams: Sequence[Mapping[str, Any]]) -> set[str]:
        """Janus's list of all lines, of which those that are not active carry nobody.

        Returns those that carry another voice than the last that they carried.

        Raises:
            RoomLost: It is none.
        """
        try:
            told = [
                (str(line["mid"]), (line["feed_id"], str(line["feed_mid"])))
                for line in streams
                if line["type"] == "audio" and line.get("active") and "feed_id" in line
            ]
            told.sort(key=lambda line: self._voices.get(line[0]) != line[1])  # as before, first
        except (KeyError, TypeError, AttributeError) as error:
            raise RoomLost("Janus said something about its lines that is not understood") from error
        heard: dict[Voice, str] = {}
        for mid, voice in told:
            heard.setdefault(voice, mid)
        self._voices = {mid: voice for voice, mid in heard.items()}
        self.spare = [mid for mid, voice in told if heard[voice] != mid]
        before, self._last = self._last, {**self._last, **self._voices}
        return {mid for mid, voice in self._voices.items() if before.get(mid, voice) != voice}

    def forget(self, feed: FeedId) -> None:
        """The publisher has gone: what still comes on its lines is nobody's."""
        self._voices = {mid: voice for mid, voice in self._voices.items() if voice[0] != feed}

    def voice(self, mid: str) -> Voice | None:
        """Whose sound comes on this line."""
        return self._voices.get(mid)

    def __contains__(self, voice: object) -> bool:
        return voice in self._voices.values()
