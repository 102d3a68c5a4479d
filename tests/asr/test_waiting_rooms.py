"""Fairness between rooms, with a simulated clock and model."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Sequence

from asr.reasons import OVERLOADED
from asr.speech import Utterance, WorkClass
from tests.asr.scheduling import a_scheduler, order, reasons, said


def test_rooms_take_turns_even_if_one_talks_much_more() -> None:
    scheduler = a_scheduler()
    for number in range(20):
        scheduler.put(said(f"hot {number}", room="hot", speaker=f"s{number}"), 0.0)
    for number in range(3):
        scheduler.put(said(f"quiet {number}", room="quiet", speaker=f"s{number}"), 0.0)
    heard = order(scheduler)
    assert [heard.index(f"quiet {number}") for number in range(3)] == [1, 3, 5]


def test_a_silent_room_saves_up_no_turns() -> None:
    scheduler = a_scheduler()
    for number in range(10):
        scheduler.put(said(f"a {number}", room="a", speaker=f"s{number}"), 0.0)
    order(scheduler)
    for room in ("a", "b"):
        for number in range(4):
            scheduler.put(said(f"{room} {number}", room=room, speaker=f"s{number}"), 2.0)
    heard = order(scheduler, 2.0)
    assert abs(heard.index("a 0") - heard.index("b 0")) == 1


def test_a_hot_room_hardly_slows_another() -> None:
    """At 80 % load: quiet rooms beside one that talks as much as twelve."""
    dice = random.Random(7)
    quiet = talk(dice, 4, "quiet", 0.5)
    beside_many = waits(quiet + talk(dice, 12, "other", 0.5), 0.1)
    beside_one = waits(quiet + talk(dice, 1, "hot", 6.0), 0.1)
    assert nearest_rank(of(beside_one, "quiet"), 0.95) <= 1.2 * nearest_rank(
        of(beside_many, "quiet"), 0.95
    )


def test_only_the_room_with_too_much_speech_waits_longer() -> None:
    """Its backlog is old and fills the queue."""
    dice = random.Random(7)
    quiet = talk(dice, 4, "quiet", 0.5)
    found = waits(quiet + talk(dice, 1, "hot", 20.0), 0.1)
    assert len(of(found, "quiet")) == len(quiet)
    assert len(of(found, "hot")) < 4_000
    assert nearest_rank(of(found, "quiet"), 0.95) <= 0.4


def test_hot_finals_do_not_starve_others() -> None:
    scheduler = a_scheduler(deadline_s=math.inf)
    for number in range(150):
        hot = WorkClass.HOT_FINAL
        scheduler.put(said(f"hot {number}", room="hot", speaker=f"s{number}", work=hot), 0.0)
        if number == 100:
            scheduler.put(said("other", room="quiet", speaker="bob"), 0.0)
    heard = order(scheduler)
    assert heard.index("other") in (20, 21)  # two seconds later, at ten a second


def test_a_full_queue_drops_from_the_room_with_the_most() -> None:
    scheduler = a_scheduler(capacity=3)
    scheduler.put(said("quiet", room="quiet", speaker="bob"), 0.0)
    scheduler.put(said("u1", speaker="ann"), 0.1)
    scheduler.put(said("u2", speaker="cat"), 0.2)
    assert reasons(scheduler.put(said("u3", speaker="dan"), 0.3)) == {"u1": OVERLOADED}


def test_a_hot_room_does_not_push_others_out_of_a_full_queue() -> None:
    scheduler = a_scheduler(capacity=3)
    scheduler.put(said("quiet", room="quiet", speaker="bob"), 0.0)
    for number in range(3):
        hot = said(f"hot {number}", speaker=f"s{number}", work=WorkClass.HOT_FINAL)
        gone = scheduler.put(hot, 0.1 + number)
    assert reasons(gone) == {"hot 0": OVERLOADED}


def talk(
    dice: random.Random, rooms: int, name: str, a_second: float
) -> list[tuple[float, Utterance]]:
    """Return the utterances of rooms with these rates per second, for 200 s."""
    found: list[tuple[float, Utterance]] = []
    for number in range(rooms):
        found += poisson(dice, f"{name} {number}", a_second, 200.0)
    return found


def of(found: dict[str, list[float]], name: str) -> list[float]:
    return [wait for room, waits in found.items() if room.startswith(name) for wait in waits]


def poisson(
    dice: random.Random, room: str, a_second: float, until_s: float
) -> list[tuple[float, Utterance]]:
    arrivals: list[tuple[float, Utterance]] = []
    at_s = dice.expovariate(a_second)
    while at_s < until_s:
        id_ = f"{room} {len(arrivals)}"
        arrivals.append((at_s, said(id_, room=room, speaker=f"s{len(arrivals) % 5}")))
        at_s += dice.expovariate(a_second)
    return arrivals


def waits(arrivals: Sequence[tuple[float, Utterance]], each_s: float) -> dict[str, list[float]]:
    """Return the seconds from each put to the end of its batch, by room."""
    scheduler = a_scheduler(deadline_s=math.inf)
    coming = sorted(arrivals, key=lambda arrival: arrival[0])
    put_s = {utterance.id: at_s for at_s, utterance in coming}
    found: dict[str, list[float]] = defaultdict(list)
    now_s, number = 0.0, 0
    while number < len(coming) or len(scheduler):
        while number < len(coming) and coming[number][0] <= now_s:
            scheduler.put(coming[number][1], coming[number][0])
            number += 1
        batch, _ = scheduler.next_batch(now_s)
        if batch is None:
            now_s = coming[number][0]
            continue
        now_s += each_s
        scheduler.finish_batch(batch, now_s)
        for one in batch.utterances:
            found[one.room_id].append(now_s - put_s[one.id])
    return found


def nearest_rank(values: Sequence[float], share: float) -> float:
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
