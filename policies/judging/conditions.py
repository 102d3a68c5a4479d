"""Conditions of a rule, tested on the phrases that were found."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from policies.judging.found import Found
from policies.listen import Group, Near, When


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One place at which a rule's conditions hold.

    Attributes:
        found: Phrases of the narrowest condition.
        beside: Phrases of the other conditions.
        score: Score of all of them.
    """

    found: tuple[Found, ...]
    beside: tuple[Found, ...]
    score: float

    @property
    def everything(self) -> tuple[Found, ...]:
        """All phrases of the occurrence."""
        return (*self.found, *self.beside)


def find_occurrences(
    when: When, groups: Mapping[str, Group], found: Sequence[Found]
) -> Iterator[Occurrence]:
    """Yield each place at which `when` holds. `found` must be in spoken order."""
    by_group: dict[str, list[Found]] = {}
    for each in found:
        if each.group in groups:
            by_group.setdefault(each.group, []).append(each)
    main, beside = _places(when, groups, by_group)
    for place in main:
        score = _score(groups, (*place, *beside))
        if when.score is None or score >= when.score:
            yield Occurrence(place, beside, score)


def _places(
    when: When, groups: Mapping[str, Group], by_group: Mapping[str, Sequence[Found]]
) -> tuple[Sequence[tuple[Found, ...]], tuple[Found, ...]]:
    """Return the places of the narrowest condition and the phrases of the others.

    Both are empty if a condition fails.
    """
    conditions: list[Sequence[tuple[Found, ...]]] = []
    if when.near is not None:
        conditions.append(list(_near(when.near, by_group)))
    if when.all:
        together = all(group in by_group for group in when.all)
        conditions.append([_of(when.all, by_group)] if together else [])
    if when.any:
        conditions.append([(each,) for each in _of(when.any, by_group)])
    if not conditions:
        everything = _of(tuple(groups), by_group)
        one_by_one = [(each,) for each in everything]
        conditions.append([everything] if when.score and everything else one_by_one)
    if not all(conditions):
        return [], ()
    main, *others = conditions
    beside = dict.fromkeys(each for other in others for place in other for each in place)
    return main, tuple(beside)


def _of(names: Sequence[str], by_group: Mapping[str, Sequence[Found]]) -> tuple[Found, ...]:
    wanted = [each for name in names for each in by_group.get(name, ())]
    return tuple(sorted(wanted, key=lambda each: (each.first, each.last)))


def _near(near: Near, by_group: Mapping[str, Sequence[Found]]) -> Iterator[tuple[Found, ...]]:
    """Yield each phrase that may come first, with the nearest of each other group after it."""
    if not all(group in by_group for group in near.groups):
        return
    starts = {group: [each.first for each in by_group[group]] for group in near.groups}
    for group in near.groups[:1] if near.ordered else near.groups:
        for first in by_group[group]:
            place = _from(first, near, by_group, starts)
            if place is not None and _is_near(near, place):
                yield place


def _from(
    first: Found,
    near: Near,
    by_group: Mapping[str, Sequence[Found]],
    starts: Mapping[str, Sequence[int]],
) -> tuple[Found, ...] | None:
    place = [first]
    for group in near.groups:
        if group == first.group:
            continue
        after = place[-1].last + 1 if near.ordered else first.first
        number = bisect_left(starts[group], after)
        if number == len(starts[group]):
            return None
        place.append(by_group[group][number])
    return tuple(sorted(place, key=lambda each: (each.first, each.last)))


def _is_near(near: Near, place: Sequence[Found]) -> bool:
    first, last = place[0], place[-1]
    if near.within_words is not None and _between(place) > near.within_words:
        return False
    if near.within_seconds is None:
        return True
    return last.seconds[0] - first.seconds[1] <= near.within_seconds


def _between(place: Sequence[Found]) -> int:
    """Count the words between the first and the last phrase that are in no phrase."""
    words, end = 0, place[0].last
    for each in place[1:]:
        words += max(0, each.first - end - 1)
        end = max(end, each.last)
    return words


def _score(groups: Mapping[str, Group], found: Sequence[Found]) -> float:
    """Sum the groups' weights, each reduced by the distance of its nearest phrase."""
    nearest: dict[str, float] = {}
    for each in found:
        nearest[each.group] = min(nearest.get(each.group, 1.0), each.hit.distance)
    return sum(groups[name].weight * (1 - distance) for name, distance in nearest.items())
