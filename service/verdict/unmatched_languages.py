"""Languages spoken in a room for which its packs have no active rule."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from asr.quality import Trust, trust
from asr.speech import Transcript
from policies.matcher import Matcher
from service.metrics import Metrics
from service.rooms.room import Room, RoomState, UnmatchedLanguage

MOST_ROOMS = 10_000
"""Rooms remembered; beyond that the one without unmatched speech for longest is dropped."""
MOST_LANGUAGES = 20
"""Languages remembered per room; beyond that the one unheard for longest is dropped."""


@dataclass(slots=True)
class _Room:
    """Languages of one opening of a room, the latest last."""

    joined_at: datetime
    languages: OrderedDict[str, UnmatchedLanguage] = field(default_factory=OrderedDict)


class UnmatchedLanguages:
    """Count utterances that no rule could match because of their language.

    In memory and bounded. A language is dropped once the packs in force cover it, and all languages
    of a room once it is closed.

    Args:
        matcher: Returns the matcher of the packs in force.
    """

    def __init__(self, matcher: Callable[[], Matcher], metrics: Metrics) -> None:
        self._matcher = matcher
        self._metrics = metrics
        self._rooms: OrderedDict[str, _Room] = OrderedDict()

    def count_utterance(self, room: Room, transcript: Transcript) -> None:
        """Count the utterance if no active rule of the room's packs is for its language.

        An utterance without words, or with words that nobody said, is not counted.
        """
        language = transcript.language
        if not language or not transcript.text or trust(transcript.marks) is Trust.NONE:
            return
        if self._covers(room, language):
            return
        self._metrics.unmatched_utterances.labels(language).inc()
        languages = self._languages_of(room)
        before = languages.pop(language, None)
        count = 1 if before is None else before.utterances + 1
        languages[language] = UnmatchedLanguage(language, count, transcript.ended_at)
        if len(languages) > MOST_LANGUAGES:
            languages.popitem(last=False)

    def unmatched_languages(self, room: Room) -> Sequence[UnmatchedLanguage]:
        """Return the languages that are still without a rule, the latest first."""
        known = self._rooms.get(room.id)
        if known is None:
            return ()
        if room.state is RoomState.ENDED or known.joined_at != room.joined_at:
            return ()
        for language in [one for one in known.languages if self._covers(room, one)]:
            del known.languages[language]
        return tuple(reversed(known.languages.values()))

    def _covers(self, room: Room, language: str) -> bool:
        return self._matcher().covers(language, frozenset(room.policies) or None)

    def _languages_of(self, room: Room) -> OrderedDict[str, UnmatchedLanguage]:
        known = self._rooms.get(room.id)
        if known is None or known.joined_at != room.joined_at:
            known = self._rooms[room.id] = _Room(room.joined_at)
        self._rooms.move_to_end(room.id)
        if len(self._rooms) > MOST_ROOMS:
            self._rooms.popitem(last=False)
        return known.languages
