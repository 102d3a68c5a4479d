"""The scheduler's policy, with a simulated clock and model."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.ladder import PATIENCE_S, Rung
from asr.reasons import OVERLOADED, REPLACED, SPEECH_ENDED, TOO_FAR_BEHIND
from asr.scheduler import Batch, Scheduler, SchedulerSettings
from asr.speech import EndedBy, Unheard, Utterance, WorkClass
from asr.windows import FULL, Windows
from tests.asr.examples import START

SECOND = bytes(32_000)


def said(
    id_: str,
    *,
    room: str = "lobby",
    speaker: str = "ann",
    work: WorkClass = WorkClass.FINAL,
    revision: int = 0,
    seconds: float = 1.0,
    at_s: float = 0.0,
    ended_by: EndedBy = EndedBy.SILENCE,
) -> Utterance:
    return Utterance(
        id_,
        room,
        speaker,
        START + timedelta(seconds=at_s),
        SECOND * int(seconds) or SECOND[: int(32_000 * seconds)],
        EndedBy.OPEN if revision else ended_by,
        work=work,
        revision=revision,
    )


def interim(id_: str, revision: int, *, speaker: str = "ann", room: str = "lobby") -> Utterance:
    work = WorkClass.PARTIAL
    return said(id_, room=room, speaker=speaker, work=work, revision=revision)


def a_scheduler(**changes: float) -> Scheduler:
    settings = replace(SchedulerSettings(batch_size=1), **changes)  # type: ignore[arg-type]
    return Scheduler(settings, now_s=0.0)


def order(scheduler: Scheduler, now_s: float = 0.0, *, took_s: float = 0.1) -> list[str]:
    """Return the ids in the order of transcription, with batches of `took_s` each."""
    ids: list[str] = []
    while True:
        batch, _ = scheduler.next_batch(now_s)
        if batch is None:
            return ids
        ids += [utterance.id for utterance in batch.utterances]
        now_s += took_s
        scheduler.finish_batch(batch, now_s)


def reasons(gone: Sequence[Unheard]) -> dict[str, str]:
    return {each.utterance.id: each.reason for each in gone}


def test_urgent_utterances_go_first() -> None:
    scheduler = a_scheduler(interim_share=1.0)
    for number, work in enumerate(reversed(WorkClass)):
        scheduler.put(said(work.value, speaker=f"s{number}", work=work), 0.0)
    assert order(scheduler) == [work.value for work in WorkClass]


def test_the_longest_wait_decides_between_equals() -> None:
    scheduler = a_scheduler()
    for number in range(4):
        scheduler.put(said(f"u{number}", speaker=f"s{number}"), number * 0.1)
    assert order(scheduler, 0.5) == ["u0", "u1", "u2", "u3"]


def test_a_waiting_utterance_rises_by_a_class_every_two_seconds() -> None:
    scheduler = a_scheduler()
    scheduler.put(said("waits", speaker="bob", work=WorkClass.RETRY), 0.0)
    scheduler.put(said("new", work=WorkClass.FINAL), 5.9)
    assert order(scheduler, 5.9)[0] == "new"
    scheduler.put(said("waits", speaker="bob", work=WorkClass.RETRY), 10.0)
    scheduler.put(said("new", work=WorkClass.FINAL), 16.1)
    assert order(scheduler, 16.1)[0] == "waits"


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


def test_a_batch_has_all_that_waits_up_to_its_size() -> None:
    scheduler = a_scheduler(batch_size=3)
    for number in range(4):
        scheduler.put(said(f"u{number}", speaker=f"s{number}"), 0.0)
    batch, _ = scheduler.next_batch(0.0)
    assert batch is not None
    assert [one.id for one in batch.utterances] == ["u0", "u1", "u2"]
    assert len(scheduler) == 1


def test_a_batch_has_windows_of_one_length() -> None:
    settings = SchedulerSettings(batch_size=8)
    scheduler = Scheduler(settings, now_s=0.0, window_frames=lambda ms: ms > 5_000)
    for number, seconds in enumerate((1, 9, 2, 8, 3)):
        scheduler.put(said(f"u{number}", speaker=f"s{number}", seconds=seconds), number * 0.01)
    batch, _ = scheduler.next_batch(0.1)
    assert batch is not None
    assert [one.id for one in batch.utterances] == ["u0", "u2", "u4"]


def test_only_the_newest_interim_utterance_of_a_speaker_waits() -> None:
    scheduler = a_scheduler()
    assert scheduler.put(interim("u1", 1), 0.0) == []
    gone = scheduler.put(interim("u1", 2), 3.0)
    assert [(each.utterance.revision, each.reason) for each in gone] == [(1, REPLACED)]
    assert len(scheduler) == 1


def test_the_final_utterance_replaces_the_interim_one() -> None:
    scheduler = a_scheduler()
    scheduler.put(interim("u1", 1), 0.0)
    scheduler.put(interim("u9", 1, speaker="bob"), 0.0)
    assert reasons(scheduler.put(said("u1"), 1.0)) == {"u1": SPEECH_ENDED}
    assert len(scheduler) == 2


def test_a_newer_interim_utterance_keeps_the_place_of_the_older() -> None:
    scheduler = a_scheduler(interim_share=1.0)
    scheduler.put(interim("u1", 1), 0.0)
    scheduler.put(interim("u1", 2), 3.0)
    scheduler.put(said("u2", speaker="bob"), 6.1)
    assert order(scheduler, 6.1)[0] == "u1"


def test_interim_utterances_keep_to_their_share_of_the_models_time() -> None:
    scheduler = a_scheduler(deadline_s=math.inf)
    heard: Counter[str] = Counter()
    now_s = 0.0
    for round_ in range(2_000):
        scheduler.put(said(f"final {round_}", speaker=f"f{round_ % 50}"), now_s)
        scheduler.put(interim(f"look {round_}", 1, speaker=f"l{round_ % 50}"), now_s)
        batch, _ = scheduler.next_batch(now_s)
        assert batch is not None
        heard[batch.utterances[0].id.split()[0]] += 1
        now_s += 0.1
        scheduler.finish_batch(batch, now_s)
    assert 0 < heard["look"] <= 0.26 * sum(heard.values())


def test_a_hot_interim_utterance_does_not_wait_for_the_budget() -> None:
    scheduler = a_scheduler(interim_share=0.0)
    for number in range(30):
        scheduler.put(interim(f"u{number}", 1, speaker=f"s{number}"), 0.0)
    assert len(order(scheduler)) < 30
    scheduler.put(replace(interim("asked", 2, speaker="eve"), work=WorkClass.HOT_FINAL), 0.0)
    assert order(scheduler) == ["asked"]


def test_a_full_queue_drops_the_least_urgent_and_oldest() -> None:
    scheduler = a_scheduler(capacity=3)
    scheduler.put(interim("look", 1, speaker="eve"), 0.0)
    scheduler.put(said("u1", speaker="bob"), 0.1)
    scheduler.put(said("u2", speaker="cat"), 0.2)
    assert reasons(scheduler.put(said("u3", speaker="dan"), 0.3)) == {"look": OVERLOADED}
    assert reasons(scheduler.put(said("u4", speaker="fay"), 0.4)) == {"u1": OVERLOADED}


def test_an_utterance_not_begun_by_its_deadline_leaves() -> None:
    scheduler = a_scheduler(deadline_s=5.0)
    scheduler.put(said("late", speaker="bob"), 0.0)
    scheduler.put(said("in time"), 1.0)
    batch, gone = scheduler.next_batch(5.5)
    assert reasons(gone) == {"late": TOO_FAR_BEHIND}
    assert batch is not None
    assert [one.id for one in batch.utterances] == ["in time"]


def overloaded(seconds_each: float, waiting: int, *, lanes: int = 1) -> Scheduler:
    """Return a scheduler with this time per utterance and this many waiting."""
    scheduler = a_scheduler(lanes=lanes)
    scheduler.put(said("first", speaker="first"), 0.0)
    batch, _ = scheduler.next_batch(0.0)
    assert batch is not None
    scheduler.finish_batch(batch, seconds_each)
    for number in range(waiting):
        at_s = float(number)
        scheduler.put(said(f"u{number}", speaker=f"s{number % 2}", at_s=at_s), seconds_each)
    return scheduler


def test_the_wait_is_predicted_from_the_time_of_batches() -> None:
    assert overloaded(0.5, 4).predicted_s(0.5) == 2.0
    assert overloaded(0.1, 4).rung is Rung.NONE


def test_lanes_share_the_backlog() -> None:
    scheduler = overloaded(0.5, 4, lanes=2)
    assert scheduler.predicted_s(0.5) == 1.0
    first, _ = scheduler.next_batch(0.5)
    second, _ = scheduler.next_batch(0.7)
    assert first is not None
    assert second is not None
    assert scheduler.predicted_s(0.7) == pytest.approx((0.3 + 0.5 + 2 * 0.5) / 2)
    scheduler.finish_batch(first, 1.0)
    assert scheduler.predicted_s(1.0) == pytest.approx((0.2 + 2 * 0.5) / 2)
    scheduler.finish_batch(second, 1.2)
    assert scheduler.predicted_s(1.2) == pytest.approx(2 * 0.5 / 2)


def test_overload_drops_interim_utterances_first() -> None:
    scheduler = overloaded(0.3, 5)
    scheduler.put(interim("cold", 1, speaker="eve"), 0.3)
    hot = replace(interim("hot", 1, speaker="fay"), work=WorkClass.HOT_PARTIAL)
    scheduler.put(hot, 0.3)
    assert scheduler.rung is Rung.NO_LOOKS
    batch, gone = scheduler.next_batch(0.3)
    assert reasons(gone) == {"cold": OVERLOADED}
    assert batch is not None
    assert not batch.greedy


def test_more_overload_drops_the_beam() -> None:
    batch, _ = overloaded(0.5, 5).next_batch(0.5 + PATIENCE_S)
    assert batch is not None
    assert batch.greedy
    assert [len(window) for window in batch.windows] == [1]


def test_still_more_overload_makes_utterances_share_a_window() -> None:
    scheduler = overloaded(0.5, 8)
    batch, _ = scheduler.next_batch(0.5 + PATIENCE_S)
    assert batch is not None
    assert [[one.id for one in window] for window in batch.windows] == [["u0", "u2", "u4"]]
    assert len(scheduler) == 5


def test_a_window_is_shared_where_that_makes_it_no_longer() -> None:
    scheduler = overloaded(0.5, 0)
    scheduler.window_frames = Windows((500, 1_000, FULL)).shortest_holding
    for number, seconds in enumerate((2, 4, 2, 1, 9)):
        scheduler.put(said(f"u{number}", speaker="z", seconds=seconds, at_s=10.0 * number), 0.5)
    for number in range(8):
        scheduler.put(said(f"other {number}", speaker=f"s{number}"), 0.6)
    batch, _ = scheduler.next_batch(0.6 + PATIENCE_S)
    assert batch is not None
    assert [[one.id for one in window] for window in batch.windows] == [["u0", "u2"]]


def test_the_wait_is_predicted_from_utterances_not_windows() -> None:
    scheduler = overloaded(0.5, 8)
    now_s = 0.5 + PATIENCE_S
    for _ in range(2):
        batch, _ = scheduler.next_batch(now_s)
        assert batch is not None
        assert len(batch.utterances) == 3
        now_s += 0.6
        scheduler.finish_batch(batch, now_s)
    # 0.5 s alone and twice 0.2 s together: 0.8 of the mean so far and 0.2 of the newest.
    assert scheduler.predicted_s(now_s) == pytest.approx(2 * 0.392)


def test_a_part_of_unbroken_speech_shares_no_window() -> None:
    scheduler = overloaded(0.5, 8)
    scheduler.put(replace(said("part", speaker="z"), part=1, work=WorkClass.HOT_FINAL), 0.5)
    scheduler.put(said("other", speaker="z"), 0.5)
    batch, _ = scheduler.next_batch(0.5 + PATIENCE_S)
    assert batch is not None
    assert [one.id for one in batch.utterances] == ["part"]


def test_a_shared_window_is_no_longer_than_the_models() -> None:
    scheduler = a_scheduler()
    scheduler.put(said("first", speaker="first"), 0.0)
    batch, _ = scheduler.next_batch(0.0)
    assert batch is not None
    scheduler.finish_batch(batch, 5.0)
    for number in range(3):
        scheduler.put(said(f"u{number}", seconds=12, at_s=number * 13), 5.0)
    batch, _ = scheduler.next_batch(5.0 + PATIENCE_S)
    assert batch is not None
    assert [one.id for one in batch.utterances] == ["u0", "u1"]


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


def test_a_long_wait_does_not_keep_an_interim_utterance_in_a_full_queue() -> None:
    scheduler = a_scheduler(capacity=2)
    scheduler.put(replace(interim("look", 1), work=WorkClass.HOT_PARTIAL), 0.0)
    scheduler.put(said("u1", speaker="bob"), 7.0)
    assert reasons(scheduler.put(said("u2", speaker="cat"), 7.1)) == {"look": OVERLOADED}


def test_many_hot_interim_utterances_delay_others_little() -> None:
    scheduler = a_scheduler()
    for number in range(100):
        asked = replace(interim(f"a{number}", 1, speaker=f"s{number}"), work=WorkClass.HOT_FINAL)
        scheduler.put(asked, 0.0)
    order(scheduler, took_s=1.0)
    scheduler.put(interim("other", 1, speaker="eve"), 100.0)
    assert order(scheduler, 109.0) == ["other"]


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


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "look", "work"]),
        st.integers(0, 3),
        st.floats(0, 2),
        st.sampled_from(WorkClass),
    ),
    max_size=80,
)


@given(STEPS, st.integers(1, 6), st.integers(1, 4))
def test_every_utterance_put_comes_out_exactly_once(
    steps: list[tuple[str, int, float, WorkClass]], capacity: int, batch_size: int
) -> None:
    scheduler = a_scheduler(capacity=capacity, batch_size=batch_size, deadline_s=6.0)
    now_s = 0.0
    put: Counter[tuple[str, int]] = Counter()
    out: Counter[tuple[str, int]] = Counter()
    running: Batch | None = None
    for number, (what, who, later_s, work) in enumerate(steps):
        now_s += later_s
        if what == "work":
            if running is not None:
                scheduler.finish_batch(running, now_s)
            running, gone = scheduler.next_batch(now_s)
            out.update((one.id, one.revision) for one in (running.utterances if running else ()))
        else:
            speaker = f"s{who}"
            revision = number + 1 if what == "look" else 0
            room = f"room {who % 2}"
            one = said(f"u{number}", room=room, speaker=speaker, work=work, revision=revision)
            put[one.id, one.revision] += 1
            gone = scheduler.put(one, now_s)
        out.update((each.utterance.id, each.utterance.revision) for each in gone)
        assert len(scheduler) <= capacity
    out.update((one.id, one.revision) for one in scheduler.drain())
    assert out == put
    if running is not None:
        scheduler.finish_batch(running, now_s)
    assert scheduler.predicted_s(now_s) == 0.0


def test_overload_ends_without_new_speech() -> None:
    scheduler = overloaded(0.5, 8)
    assert scheduler.update_rung(0.5 + PATIENCE_S) is Rung.COALESCE
    order(scheduler, 0.5 + PATIENCE_S)
    rungs = [scheduler.update_rung(10.0 + second) for second in range(12)]
    assert rungs[-1] is Rung.NONE
