"""Speakers who go unheard for a while: after a restart, or while their room is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from service.listening.events import AudioGap
from service.listening.track_gaps import INTERRUPTED
from tests.rooms.calls import until
from tests.rooms.fakes import NOW, Away, Hearing, Rooms, a_speaker
from tests.rooms.floor import CUT_OFF_AT, Floor, cut_off, last_utterance, running, seconds

pytestmark = pytest.mark.anyio


@pytest.fixture
def floor() -> Floor:
    return Floor()


async def test_a_speaker_who_is_lost_and_back_a_thousand_times_leaves_no_chain_of_listeners(
    floor: Floor,
) -> None:
    ears = floor.open()
    for _ in range(1_200):
        await ears.speaker_joined(a_speaker())
        ears.room_lost("lobby")
    await ears.speaker_joined(a_speaker())
    floor.say(ears, 1.0, until_s=4)
    ((listener, utterance),) = floor.cut
    assert listener.before is None
    await ears.settle(listener, utterance.id)
    await ears.flush()
    assert floor.last_mark > 0


async def test_after_a_restart_heard_until_does_not_move_until_the_gap_is_written(
    floor: Floor,
) -> None:
    cut_off(floor, "ann")
    ears = floor.open()
    await ears.resume()
    await ears.speaker_joined(a_speaker())
    await ears.flush()
    assert floor.hearing.log == []
    floor.say(ears, 1.5, until_s=4.5)
    await ears.flush()
    gap, *marks = floor.hearing.log
    assert isinstance(gap, AudioGap)
    assert (gap.from_at, gap.reason) == (CUT_OFF_AT, INTERRUPTED)
    assert gap.to_at >= NOW
    assert marks


async def test_a_speaker_who_comes_back_twice_gets_one_gap(floor: Floor) -> None:
    cut_off(floor, "ann")
    ears = floor.open()
    await ears.resume()
    for _ in range(2):
        await ears.speaker_joined(a_speaker())
        await ears.speaker_left(a_speaker(), "goodbye")
    assert [gap.from_at for gap in floor.hearing.written] == [CUT_OFF_AT]


async def test_a_join_that_cannot_be_recorded_leaves_the_gap_open(floor: Floor) -> None:
    cut_off(floor, "ann")
    ears = floor.open()
    await ears.resume()
    floor.rooms.away = True
    with pytest.raises(Away):
        await ears.speaker_joined(a_speaker())
    floor.rooms.away = False
    await ears.speaker_joined(a_speaker())
    await ears.speaker_left(a_speaker(), "goodbye")
    assert len(floor.hearing.written) == 1


async def test_a_speaker_who_does_not_come_back_gets_their_gap_and_has_left(floor: Floor) -> None:
    cut_off(floor, "ann", "bob")
    ears = floor.open()
    await ears.resume()
    async with running(ears):
        await ears.speaker_joined(a_speaker("bob"))
        ears.room_heard("stage", ())
        ears.room_heard("lobby", ("bob",))
        await until(lambda: bool(floor.rooms.left))
    assert floor.rooms.left == [("ann", "did not come back")]
    assert floor.hearing.written == [AudioGap("lobby", "ann", CUT_OFF_AT, NOW, INTERRUPTED)]
    assert list(floor.rooms.live) == [("lobby", "bob")]


async def test_nobody_leaves_a_room_while_it_is_not_heard(floor: Floor) -> None:
    cut_off(floor, "ann")
    ears = floor.open()
    await ears.resume()
    async with running(ears):
        await asyncio.sleep(1.2)
    assert (floor.rooms.left, floor.hearing.written) == ([], [])


@pytest.mark.parametrize("store", ["hearing", "rooms"])
async def test_a_store_that_is_away_when_a_gap_is_closed_is_tried_again(
    floor: Floor, store: str
) -> None:
    cut_off(floor, "ann")
    ears = floor.open()
    await ears.resume()
    ears.room_heard("lobby", ())
    gone: Sequence[Hearing | Rooms] = [floor.hearing] if store == "hearing" else [floor.rooms]
    gone[0].away = True
    async with running(ears):
        failed = b'earshot_failures_total{at="housekeeping"}'
        await until(lambda: failed in floor.metrics.render())
        assert floor.rooms.left == []
        gone[0].away = False
        await until(lambda: bool(floor.rooms.left))
    assert [gap.from_at for gap in floor.hearing.written] == [CUT_OFF_AT]


async def test_a_speaker_who_comes_back_before_they_are_given_up_stays(floor: Floor) -> None:
    cut_off(floor, "ann")
    ears = floor.open()
    await ears.resume()
    ears.room_heard("lobby", ())
    await ears.speaker_joined(a_speaker())
    async with running(ears):
        await asyncio.sleep(1.2)
        assert list(floor.rooms.live) == [("lobby", "ann")]
        assert [speaker.id for speaker in ears.speakers("lobby")] == ["ann"]
        await ears.speaker_left(a_speaker(), "goodbye")
    assert [gap.from_at for gap in floor.hearing.written] == [CUT_OFF_AT]


async def test_while_a_room_is_lost_its_speakers_stay_and_the_gap_covers_all_of_it(
    floor: Floor,
) -> None:
    ears = floor.open()
    for name in ("ann", "bob"):
        await ears.speaker_joined(a_speaker(name))
    floor.say(ears, 1.0, until_s=2.9)  # the word is still open
    floor.clock.now += timedelta(seconds=5)
    ears.room_lost("lobby")
    ((listener, utterance),) = floor.cut
    assert ears.speakers("lobby") == []
    assert set(floor.rooms.live) == {("lobby", "ann"), ("lobby", "bob")}
    floor.clock.now += timedelta(seconds=20)
    returned = floor.clock.now
    await ears.speaker_joined(a_speaker())
    ears.room_heard("lobby", ("ann",))
    async with running(ears):
        await until(lambda: bool(floor.rooms.left))
    assert floor.rooms.left == [("bob", "did not come back")]
    floor.say(ears, 1.5, until_s=4.5)
    await ears.flush()
    gaps = {gap.speaker_id: gap for gap in floor.hearing.written}
    assert seconds(gaps["ann"].from_at) == pytest.approx(2.9, abs=0.1), "the last sound of hers"
    assert gaps["ann"].to_at > returned
    assert gaps["bob"].from_at == NOW, "he never said anything"
    assert gaps["bob"].to_at == returned
    assert floor.last_mark <= seconds(utterance.started_at), "her last words are not settled"
    await ears.settle(listener, utterance.id)
    await ears.settle(*last_utterance(floor))
    await ears.flush()
    assert floor.last_mark > seconds(returned)


async def test_the_gap_of_a_silent_speaker_begins_no_earlier_than_the_loss_can_have(
    floor: Floor,
) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    floor.clock.now += timedelta(minutes=10)
    ears.room_lost("lobby")
    ears.room_heard("lobby", ())
    await ears.room_left("lobby", "closed")
    (gap,) = floor.hearing.written
    assert (gap.to_at - gap.from_at) == timedelta(seconds=10)


async def test_a_room_that_is_lost_twice_has_no_hole_between_its_gaps(floor: Floor) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    for _ in range(2):
        ears.room_lost("lobby")
        floor.clock.now += timedelta(seconds=20)
        await ears.speaker_joined(a_speaker())
        floor.clock.now += timedelta(seconds=1)  # too short to end the gap
    await ears.speaker_left(a_speaker(), "goodbye")
    first, second = floor.hearing.written
    assert second.from_at == first.to_at
    assert seconds(second.to_at) == 42


async def test_a_speaker_who_was_leaving_when_the_room_was_lost_gets_no_gap(floor: Floor) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    floor.say(ears, 1.0, until_s=2.9)
    leaving = asyncio.create_task(ears.speaker_left(a_speaker(), "goodbye"))
    await until(lambda: len(floor.cut) == 1)
    ears.room_lost("lobby")
    await ears.settle(*last_utterance(floor))
    await leaving
    ears.room_heard("lobby", ())
    await ears.room_left("lobby", "closed")
    assert floor.rooms.left == [("ann", "goodbye")]
    assert floor.hearing.written == []


async def test_when_a_room_is_left_everybody_leaves_it(floor: Floor) -> None:
    cut_off(floor, "cat")
    ears = floor.open()
    await ears.resume()
    for name in ("ann", "bob"):
        await ears.speaker_joined(a_speaker(name))
    await ears.room_left("lobby", "the room was closed")
    assert sorted(floor.rooms.left) == [
        ("ann", "the room was closed"),
        ("bob", "the room was closed"),
        ("cat", "did not come back"),
    ]
    assert [gap.speaker_id for gap in floor.hearing.written] == ["cat"]


async def test_a_speaker_who_could_not_be_heard_at_once_has_a_gap_since_they_came(
    floor: Floor,
) -> None:
    ears = floor.open()
    came = floor.clock.now
    floor.clock.now += timedelta(seconds=4)
    await ears.speaker_joined(a_speaker(), came)
    await ears.speaker_joined(a_speaker("bob"), floor.clock.now)
    for name in ("ann", "bob"):
        await ears.speaker_left(a_speaker(name), "goodbye")
    assert floor.hearing.written == [AudioGap("lobby", "ann", came, floor.clock.now, INTERRUPTED)]
