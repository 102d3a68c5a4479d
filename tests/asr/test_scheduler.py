"""The scheduler's policy, with a simulated clock and model."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from asr.reasons import OVERLOADED, REPLACED, SPEECH_ENDED, TOO_FAR_BEHIND
from asr.scheduler import Batch, Scheduler, SchedulerSettings
from asr.speech import WorkClass
from tests.asr.scheduling import a_scheduler, interim, order, reasons, said


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
        scheduler.put(interim(f"interim {round_}", 1, speaker=f"l{round_ % 50}"), now_s)
        batch, _ = scheduler.next_batch(now_s)
        assert batch is not None
        heard[batch.utterances[0].id.split()[0]] += 1
        now_s += 0.1
        scheduler.finish_batch(batch, now_s)
    assert 0 < heard["interim"] <= 0.26 * sum(heard.values())


def test_a_hot_interim_utterance_does_not_wait_for_the_budget() -> None:
    scheduler = a_scheduler(interim_share=0.0)
    for number in range(30):
        scheduler.put(interim(f"u{number}", 1, speaker=f"s{number}"), 0.0)
    assert len(order(scheduler)) < 30
    scheduler.put(replace(interim("asked", 2, speaker="eve"), work=WorkClass.HOT_FINAL), 0.0)
    assert order(scheduler) == ["asked"]


def test_a_full_queue_drops_the_least_urgent_and_oldest() -> None:
    scheduler = a_scheduler(capacity=3)
    scheduler.put(interim("interim", 1, speaker="eve"), 0.0)
    scheduler.put(said("u1", speaker="bob"), 0.1)
    scheduler.put(said("u2", speaker="cat"), 0.2)
    assert reasons(scheduler.put(said("u3", speaker="dan"), 0.3)) == {"interim": OVERLOADED}
    assert reasons(scheduler.put(said("u4", speaker="fay"), 0.4)) == {"u1": OVERLOADED}


def test_an_utterance_not_begun_by_its_deadline_leaves() -> None:
    scheduler = a_scheduler(deadline_s=5.0)
    scheduler.put(said("late", speaker="bob"), 0.0)
    scheduler.put(said("in time"), 1.0)
    batch, gone = scheduler.next_batch(5.5)
    assert reasons(gone) == {"late": TOO_FAR_BEHIND}
    assert batch is not None
    assert [one.id for one in batch.utterances] == ["in time"]


def test_a_long_wait_does_not_keep_an_interim_utterance_in_a_full_queue() -> None:
    scheduler = a_scheduler(capacity=2)
    scheduler.put(replace(interim("interim", 1), work=WorkClass.HOT_PARTIAL), 0.0)
    scheduler.put(said("u1", speaker="bob"), 7.0)
    assert reasons(scheduler.put(said("u2", speaker="cat"), 7.1)) == {"interim": OVERLOADED}


def test_many_hot_interim_utterances_delay_others_little() -> None:
    scheduler = a_scheduler()
    for number in range(100):
        asked = replace(interim(f"a{number}", 1, speaker=f"s{number}"), work=WorkClass.HOT_FINAL)
        scheduler.put(asked, 0.0)
    order(scheduler, took_s=1.0)
    scheduler.put(interim("other", 1, speaker="eve"), 100.0)
    assert order(scheduler, 109.0) == ["other"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "interim", "work"]),
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
            revision = number + 1 if what == "interim" else 0
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
