from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from service.listening.events import AudioGap, HeardUntil
from service.listening.packet import Packet
from service.rooms.room import SpeakerLevels
from tests.listening.packets import arrivals, talk
from tests.rooms.calls import until
from tests.rooms.fakes import a_speaker
from tests.rooms.floor import Floor, last_utterance, running, seconds

pytestmark = pytest.mark.anyio


@pytest.fixture
def floor() -> Floor:
    return Floor()


async def test_a_speaker_of_an_unknown_room_is_refused(floor: Floor) -> None:
    ears = floor.open()
    with pytest.raises(LookupError, match="nowhere"):
        await ears.speaker_joined(a_speaker(room_id="nowhere"))
    assert floor.rooms.live == {}


async def test_a_speaker_is_put_on_record_and_heard(floor: Floor) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    assert list(floor.rooms.live) == [("lobby", "ann")]
    floor.say(ears, 1.0, until_s=4)
    ((listener, utterance),) = floor.cut
    assert (listener.speaker.id, listener.room.id) == ("ann", "lobby")
    assert seconds(utterance.started_at) == pytest.approx(0.7, abs=0.4)
    assert [speaker.id for speaker in ears.speakers("lobby")] == ["ann"]


async def test_packets_of_an_unknown_speaker_are_ignored(floor: Floor) -> None:
    ears = floor.open()
    floor.say(ears, 1.0, until_s=4)
    assert floor.cut == []


async def test_heard_until_stays_before_an_utterance_until_it_is_settled(floor: Floor) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    floor.say(ears, 1.0, until_s=4)
    ((listener, utterance),) = floor.cut
    await ears.flush()
    assert floor.hearing.marks == [HeardUntil("lobby", "ann", utterance.started_at)]
    await ears.settle(listener, utterance.id)
    await ears.flush()
    assert floor.last_mark > seconds(utterance.ended_at)
    assert floor.last_mark <= 4.1


async def test_heard_until_stays_before_the_first_of_two_unsettled_utterances(
    floor: Floor,
) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    floor.say(ears, 1.0, 5.0, until_s=8)
    (listener, first), (_, second) = floor.cut
    await ears.settle(listener, second.id)
    await ears.flush()
    assert floor.hearing.marks[-1].at == first.started_at


async def test_a_lost_utterance_is_written_as_a_gap_before_heard_until_passes_it(
    floor: Floor,
) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    floor.say(ears, 1.0, until_s=4)
    ((listener, utterance),) = floor.cut
    await ears.lose(listener, utterance.id, AudioGap.in_place_of(utterance, "overloaded"))
    await ears.flush()
    gap, mark = floor.hearing.log
    assert gap == AudioGap("lobby", "ann", utterance.started_at, utterance.ended_at, "overloaded")
    assert isinstance(mark, HeardUntil)
    assert mark.at >= utterance.ended_at


async def test_leaving_waits_until_the_last_words_are_settled(floor: Floor) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    floor.say(ears, 1.0, until_s=2.9)  # the word is still open
    assert floor.cut == []
    leaving = asyncio.create_task(ears.speaker_left(a_speaker(), "goodbye"))
    await until(lambda: len(floor.cut) == 1)
    await asyncio.sleep(0)
    assert floor.rooms.left == []
    ((listener, utterance),) = floor.cut
    await ears.settle(listener, utterance.id)
    await leaving
    assert floor.rooms.left == [("ann", "goodbye")]
    assert ears.speakers("lobby") == []


async def test_a_speaker_who_left_can_come_back_and_is_heard_again(floor: Floor) -> None:
    ears = floor.open()
    for _ in range(2):
        await ears.speaker_joined(a_speaker())
        floor.say(ears, 1.0, until_s=4)
        await ears.settle(floor.cut[-1][0], floor.cut[-1][1].id)
        await ears.speaker_left(a_speaker(), "goodbye")
    assert len({utterance.id for _, utterance in floor.cut}) == 2
    assert floor.hearing.written == []


async def test_levels_show_who_speaks(floor: Floor) -> None:
    ears = floor.open()
    for name in ("ann", "bob"):
        await ears.speaker_joined(a_speaker(name))
    floor.say(ears, 0.2, until_s=2.2)
    packets = arrivals(talk(0.2, until_s=2.2))[:45]
    for packet in packets:
        ears.push("lobby", "bob", packet)
    levels = ears.levels("lobby")
    assert set(levels.levels_dbfs) == {"ann", "bob"}
    assert "bob" in levels.speaking
    assert levels.levels_dbfs["bob"] > -60
    assert ears.levels("stage") == SpeakerLevels("stage", {}, [])


async def test_a_planned_stop_gives_out_open_utterances_and_leaves_speakers_live(
    floor: Floor,
) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    floor.say(ears, 1.0, until_s=2.9)
    await ears.finish()
    ((listener, utterance),) = floor.cut
    await ears.settle(listener, utterance.id)
    await ears.flush()
    assert floor.last_mark >= seconds(utterance.ended_at)
    assert list(floor.rooms.live) == [("lobby", "ann")]


async def test_the_loops_end_an_utterance_by_the_clock_and_mark_it(floor: Floor) -> None:
    """Real time: packets stop, nothing else arrives."""
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    loop = asyncio.get_running_loop()
    async with running(ears):
        for packet in arrivals(talk(0.5, until_s=2.5)):
            stamped = Packet(packet.sequence, packet.timestamp, None, packet.payload, loop.time())
            ears.push("lobby", "ann", stamped)
        await until(lambda: bool(floor.cut))
        await until(lambda: bool(floor.hearing.marks) and bool(floor.shown))


async def test_a_speaker_who_comes_back_before_their_last_words_are_settled_is_heard_at_once(
    floor: Floor,
) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    floor.say(ears, 1.0, until_s=2.9)
    leaving = asyncio.create_task(ears.speaker_left(a_speaker(), "goodbye"))
    await until(lambda: len(floor.cut) == 1)
    (listener, utterance) = floor.cut[0]
    await ears.speaker_joined(a_speaker())
    floor.say(ears, 1.0, until_s=4)
    assert len(floor.cut) == 2
    await ears.settle(*last_utterance(floor))
    await ears.flush()
    assert floor.hearing.marks[-1].at == utterance.started_at, "the first words are not settled"
    await ears.settle(listener, utterance.id)
    await leaving
    await ears.flush()
    assert floor.hearing.marks[-1].at > utterance.started_at
    assert floor.rooms.left == [("ann", "left and came back")]
    assert list(floor.rooms.live) == [("lobby", "ann")]
    assert [speaker.id for speaker in ears.speakers("lobby")] == ["ann"]


async def test_packets_that_came_while_the_loop_stood_still_are_not_late(floor: Floor) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    first, second, third = arrivals(talk(0.0, until_s=3))[:3]
    loop = asyncio.get_running_loop()

    def push(packet: Packet) -> None:
        ears.push("lobby", "ann", replace(packet, arrived_s=loop.time()))

    async with running(ears):
        await asyncio.sleep(0.05)
        push(first)
        push(third)
        time.sleep(0.2)  # noqa: ASYNC251 - as a busy machine does
        for _ in range(3):  # its datagram is read, queued and decrypted
            await asyncio.sleep(0)
        push(second)
        await ears.speaker_left(a_speaker(), "left")
    assert floor.metrics.registry.get_sample_value("earshot_packets_total") == 3
    assert floor.metrics.registry.get_sample_value("earshot_packets_lost_total") == 0
