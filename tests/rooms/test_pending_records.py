"""Gaps and farewells that the store does not take at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from asr.speech import Utterance
from service.errors import StoreAway
from service.listening.ear import Ear
from service.listening.events import AudioGap, HeardUntil
from service.rooms.listener import Listener
from tests.listening.sound import loud
from tests.rooms.calls import until
from tests.rooms.fakes import NOW, Away, a_room, a_speaker
from tests.rooms.floor import Floor, seconds

pytestmark = pytest.mark.anyio


@pytest.fixture
def floor() -> Floor:
    return Floor()


async def test_while_gaps_cannot_be_written_heard_until_does_not_move(floor: Floor) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    floor.say(ears, 1.0, until_s=4)
    ((listener, utterance),) = floor.cut
    await ears.lose(listener, utterance.id, AudioGap.in_place_of(utterance, "overloaded"))
    floor.hearing.away = True
    for _ in range(2):
        with pytest.raises(Away):
            await ears.flush()
    assert floor.hearing.log == []
    floor.hearing.away = False
    await ears.flush()
    assert len(floor.hearing.written) == 1
    assert len(floor.hearing.marks) == 1


@pytest.mark.parametrize("error", [StoreAway("the database does not answer"), Away()])
async def test_a_gap_that_one_room_cannot_write_delays_no_other_room(
    floor: Floor, error: Exception
) -> None:
    floor.rooms.rooms |= {room: a_room(room) for room in ("bad", "good")}
    ears = floor.open()
    for room in ("bad", "good", "lobby"):
        await ears.speaker_joined(a_speaker(room_id=room))
    floor.hearing.broken["bad"] = error
    for room in ("bad", "good"):
        listener = Listener(Ear(room, "ann", vad=loud, now=NOW), a_speaker(), a_room(room))
        await ears.lose(listener, "u1", AudioGap(room, "ann", NOW, NOW, "overloaded"))
    for _ in range(2):  # a store that is away is asked once per flush, each time for another room
        with pytest.raises(type(error)):
            await ears.flush()
    assert [gap.room_id for gap in floor.hearing.written] == ["good"]
    assert {mark.room_id for mark in floor.hearing.marks} == {"good", "lobby"}
    floor.hearing.broken.clear()
    await ears.flush()
    assert [gap.room_id for gap in floor.hearing.written] == ["good", "bad"]
    assert {mark.room_id for mark in floor.hearing.marks} == {"good", "lobby", "bad"}


async def test_writers_at_the_same_moment_write_each_gap_once_and_then_mark(floor: Floor) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    floor.say(ears, 1.0, 4.5, until_s=8)
    for listener, utterance in floor.cut:
        await ears.lose(listener, utterance.id, AudioGap.in_place_of(utterance, "overloaded"))
    await asyncio.gather(ears.flush(), ears.flush(), ears.speaker_left(a_speaker(), "left"))
    assert [gap.from_at for gap in floor.hearing.written] == [
        utterance.started_at for _, utterance in floor.cut
    ]
    kinds = [type(entry) for entry in floor.hearing.log]
    assert kinds.index(HeardUntil) == 2, "no mark before the gaps"


async def test_a_gap_in_the_last_words_is_written_before_the_speaker_has_left(
    floor: Floor,
) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    floor.say(ears, 1.0, until_s=2.9)
    leaving = asyncio.create_task(ears.speaker_left(a_speaker(), "goodbye"))
    await until(lambda: len(floor.cut) == 1)
    floor.hearing.away = True
    ((listener, utterance),) = floor.cut
    await ears.lose(listener, utterance.id, AudioGap.in_place_of(utterance, "overloaded"))
    await leaving
    assert floor.rooms.left == [], "a crash now must find them live"
    floor.hearing.away = False
    await ears.flush()
    assert len(floor.hearing.written) == 1
    assert floor.rooms.left == [("ann", "goodbye")]


async def test_a_farewell_that_cannot_be_put_on_record_is_tried_again(floor: Floor) -> None:
    ears = floor.open()
    for name in ("ann", "bob"):
        await ears.speaker_joined(a_speaker(name))
    floor.rooms.away = True
    for name in ("ann", "bob"):
        await ears.speaker_left(a_speaker(name), "goodbye")
    assert ears.speakers("lobby") == []
    with pytest.raises(Away):
        await ears.flush()
    assert b'earshot_failures_total{at="farewell"} 2.0' in floor.metrics.render()
    floor.rooms.away = False
    await ears.flush()
    await ears.flush()
    assert floor.rooms.left == [("ann", "goodbye"), ("bob", "goodbye")]


async def test_a_farewell_is_on_record_before_the_speaker_comes_back(floor: Floor) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    floor.rooms.away = True
    await ears.speaker_left(a_speaker(), "goodbye")
    with pytest.raises(Away):
        await ears.speaker_joined(a_speaker())
    assert ears.speakers("lobby") == []
    floor.rooms.away = False
    await ears.speaker_joined(a_speaker())
    await ears.flush()
    assert floor.rooms.left == [("ann", "goodbye")]
    assert list(floor.rooms.live) == [("lobby", "ann")]


async def test_gaps_that_cannot_be_written_are_merged_for_each_speaker(floor: Floor) -> None:
    """However long the store is away, the number of gaps is bounded and they cover every second."""
    ears = floor.open()
    listeners = []
    for name in ("ann", "bob"):
        await ears.speaker_joined(a_speaker(name))
        floor.say(ears, 1.0, until_s=4, speaker=name)
        listeners.append(floor.cut[-1])
    count = 5_200
    for number in range(count):
        for listener, utterance in listeners:
            at = NOW + timedelta(seconds=5 * number)
            later = Utterance(
                str(number), "lobby", listener.speaker.id, at, utterance.pcm, utterance.ended_by
            )
            await ears.lose(listener, later.id, AudioGap.in_place_of(later, "overloaded"))
    await ears.flush()
    assert len(floor.hearing.written) <= 10_002
    for name in ("ann", "bob"):
        mine = [gap for gap in floor.hearing.written if gap.speaker_id == name]
        covered = sum(seconds(gap.to_at) - seconds(gap.from_at) for gap in mine)
        assert covered >= count * listeners[0][1].duration_ms / 1000 - 1
        assert seconds(max(gap.to_at for gap in mine)) > 5 * (count - 1)
