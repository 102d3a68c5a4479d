"""Writers of the event log in a process of their own, and a reader that follows them by cursor.

`python -m tests.storage.writers SEED WRITERS TRANSACTIONS`, with the database's URL on stdin,
prints what it committed: a list of `Committed`.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from service.feed.ports import Recorded
from service.storage.engine import Database
from service.storage.event_log import SqlEventLog, append
from tests.storage.examples import NOW, a_gap


@dataclass(frozen=True, slots=True)
class Committed:
    """Committed transaction: the names of its events, and the times of its begin and end.

    Times are of the machine's monotonic clock, which all processes share.
    """

    names: Sequence[str]
    asked: float
    done: float


class GivenUp(Exception):
    """Exception that rolls a transaction back."""


async def write(
    database: Database, name: str, chance: random.Random, count: int
) -> list[Committed]:
    """Commit `count` transactions of up to three events, with waits within and between them."""
    committed = []
    for number in range(count):
        names = [f"{name} {number} {part}" for part in range(chance.randint(1, 3))]
        asked = time.monotonic()
        with suppress(GivenUp):
            async with database.write() as connection:
                for each in names:
                    await asyncio.sleep(chance.choice((0, 0, 0.001, 0.004)))
                    await append(connection, replace(a_gap(), reason=each), NOW)
                if chance.random() < 0.1:
                    raise GivenUp
            committed.append(Committed(names, asked, time.monotonic()))
        await asyncio.sleep(chance.choice((0, 0, 0.002)))
    return committed


async def follow(
    log: SqlEventLog, chance: random.Random, writing: Collection[asyncio.Task[object]]
) -> list[Recorded]:
    """Read by cursor, as the feed does, until everything is written and read."""
    seen: list[Recorded] = []
    while True:
        over = all(task.done() for task in writing)
        page = await log.read(seen[-1].id if seen else 0, chance.randint(1, 9))
        seen += page
        if over and not page:
            return seen
        if not page:
            await log.wait_beyond(seen[-1].id if seen else 0, 0.05)


def faults(committed: Sequence[Committed], seen: Sequence[Recorded]) -> list[str]:
    """Return the events that a reader missed, read twice or read out of commit order."""
    found = []
    ids = [event.id for event in seen]
    if ids != sorted(set(ids)):
        found.append("ids do not grow")
    place = {event.data["reason"]: number for number, event in enumerate(seen)}
    written = [name for each in committed for name in each.names]
    if len(place) != len(seen):
        found.append("an event was met twice")
    if missed := set(written) - place.keys():
        found.append(f"{len(missed)} events were skipped")
    if extra := place.keys() - set(written):
        found.append(f"{len(extra)} events were never committed")
    if found:
        return found
    for each in committed:
        first, last = place[each.names[0]], place[each.names[-1]]
        if last - first != len(each.names) - 1:
            found.append("another transaction is inside of one")
    latest = -1
    by_done = sorted(committed, key=lambda each: each.done)
    for each in sorted(committed, key=lambda each: each.asked):
        while by_done and by_done[0].done < each.asked:
            latest = max(latest, place[by_done.pop(0).names[-1]])
        if place[each.names[0]] < latest:
            found.append("a transaction stands before one that was done when it began")
    return found


async def _main(url: str, seed: int, writers: int, count: int) -> list[Committed]:
    databases = [Database(url) for _ in range(writers)]
    try:
        async with asyncio.TaskGroup() as tasks:
            writing = [
                tasks.create_task(
                    write(database, f"{seed}-{number}", random.Random(seed * 100 + number), count)
                )
                for number, database in enumerate(databases)
            ]
        return [each for task in writing for each in task.result()]
    finally:
        for database in databases:
            await database.close()


if __name__ == "__main__":
    done = asyncio.run(_main(sys.stdin.read(), *map(int, sys.argv[1:])))
    sys.stdout.write(json.dumps([asdict(each) for each in done]))
