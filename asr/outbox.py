"""What waits on this machine for its way to the workers."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

from asr.speech import WorkClass

_T = TypeVar("_T")


class Outbox(Generic[_T]):
    """Bounded, the most urgent first and the oldest of a class first. Not for two threads."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._waiting: dict[WorkClass, OrderedDict[str, _T]] = {
            work: OrderedDict() for work in WorkClass
        }

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def put(self, work: WorkClass, key: str, item: _T) -> _T | None:
        """What had to leave for it: the oldest of the least urgent class, perhaps this one."""
        self._waiting[work][key] = item
        if len(self) <= self._capacity:
            return None
        least = next(each for each in reversed(WorkClass) if self._waiting[each])
        return self._waiting[least].popitem(last=False)[1]

    def put_back(self, work: WorkClass, key: str, item: _T) -> None:
        """It was on its way already, and takes nobody's place."""
        self._waiting[work][key] = item

    def first(self) -> _T | None:
        """The next to go; it stays until it is removed."""
        for waiting in self._waiting.values():
            for item in waiting.values():
                return item
        return None

    def remove(self, work: WorkClass, key: str) -> None:
        """Nothing where it is gone already."""
        self._waiting[work].pop(key, None)
