"""Recent utterances and hits of each room, for rules over several utterances and for repetition.

Bounded, and in memory only: after a restart they are added again from the record.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar, overload

from policies.match import Match
from policies.spoken import Earlier, PastHit, Spoken

_T = TypeVar("_T")

Name = tuple[str, str]
"""Pack and rule id."""

MOST_UTTERANCES = 40
"""Utterances kept per room; a rule uses ten at most, perhaps of one speaker only."""
MOST_HITS = 1_000
"""Hits kept per room; beyond it the oldest are dropped."""
MOST_ROOMS = 2_000
"""Rooms kept; beyond it the room that was silent longest is dropped."""
LONGEST_BEFORE_S = 300.0
"""Longest time that a rule can look back (`listen.Before.seconds`)."""


@dataclass(frozen=True, slots=True)
class _Said:
    spoken: Spoken
    speaker_id: str
    at_s: float


@dataclass(frozen=True, slots=True)
class _Hit:
    name: Name
    speaker_id: str
    at_s: float


@dataclass(slots=True)
class _Room:
    said: deque[_Said] = field(default_factory=lambda: deque(maxlen=MOST_UTTERANCES))
    hits: deque[_Hit] = field(default_factory=lambda: deque(maxlen=MOST_HITS))


class Recent:
    """Recent utterances and hits of every room. `at_s` counts seconds from any fixed moment."""

    def __init__(self) -> None:
        self._rooms: OrderedDict[str, _Room] = OrderedDict()

    def earlier(self, room_id: str, at_s: float) -> Sequence[Earlier]:
        """Return the earlier utterances of a room, the oldest first."""
        room = self._rooms.get(room_id)
        said = tuple(room.said) if room else ()
        return _Later(lambda: _before(said, at_s))

    def hits(self, room_id: str, at_s: float) -> Sequence[PastHit]:
        """Return the rules that applied earlier in a room."""
        room = self._rooms.get(room_id)
        hits = tuple(room.hits) if room else ()
        return _Later(lambda: _hits_before(hits, at_s))

    def add(
        self, room_id: str, speaker_id: str, at_s: float, spoken: Spoken, matches: Sequence[Match]
    ) -> None:
        """Add an utterance and its hits. A match with an exception does not count as a hit."""
        counting = [(match.pack, match.rule_id) for match in matches if not match.excused_by]
        self.remember(room_id, speaker_id, at_s, spoken, counting)

    def remember(
        self, room_id: str, speaker_id: str, at_s: float, spoken: Spoken, rules: Sequence[Name]
    ) -> None:
        """Add an utterance and the rules that it is a hit of, in the order of time."""
        room = self._rooms.setdefault(room_id, _Room())
        self._rooms.move_to_end(room_id)
        if len(self._rooms) > MOST_ROOMS:
            self._rooms.popitem(last=False)
        if spoken.text:
            room.said.append(_Said(spoken, speaker_id, at_s))
        room.hits.extend(_Hit(rule, speaker_id, at_s) for rule in rules)


class _Later(Sequence[_T]):
    """A list that is made when it is first read: most utterances match nothing."""

    def __init__(self, make: Callable[[], list[_T]]) -> None:
        self._make = make

    @cached_property
    def _made(self) -> list[_T]:
        return self._make()

    @overload
    def __getitem__(self, index: int) -> _T: ...

    @overload
    def __getitem__(self, index: slice) -> list[_T]: ...

    def __getitem__(self, index: int | slice) -> _T | list[_T]:
        return self._made[index]

    def __len__(self) -> int:
        return len(self._made)


def _before(said: Sequence[_Said], at_s: float) -> list[Earlier]:
    before = sorted((each for each in said if each.at_s < at_s), key=lambda each: each.at_s)
    return [
        Earlier(each.spoken.text, each.spoken.language, each.speaker_id, at_s - each.at_s)
        for each in before
    ]


def _hits_before(hits: Sequence[_Hit], at_s: float) -> list[PastHit]:
    return [PastHit(*hit.name, hit.speaker_id, at_s - hit.at_s) for hit in hits if hit.at_s < at_s]
