from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from asr.speech import Utterance
from service.errors import StoreAway
from service.listening.ear import INTERRUPTED, Ear
from service.listening.heard import AudioGap, HeardUntil
from service.listening.packet import Packet
from service.metrics import Metrics
from service.rooms.ears import Ears
from service.rooms.listener import Listener
from service.rooms.room import SpeakerLevels
from tests.listening.packets import an_open_microphone, arrivals, monologue, talk
from tests.listening.sound import loud
from tests.rooms.calls import until
from tests.rooms.fakes import NOW, Away, Hearing, Rooms, SetClock, a_room, a_speaker

pytestmark = pytest.mark.anyio


class Deaf(Ear):
    """Fails at every packet."""

    def push(self, packet: Packet, now: datetime) -> list[Utterance | AudioGap]:
        raise RuntimeError("a bad track")


class Blind(Ear):
    """Fails at every interim utterance."""

    def interim_utterance(self) -> Utterance | None:
        raise RuntimeError("a bad interim")


@dataclass
class Floor:
    """Ears with their utterances and the stores behind them.

    Attributes:
        cut: Utterances, with their listeners.
        shown: Levels that were shown.
        deaf: Speaker whose ear fails at every packet.
        blind: Speaker whose ear fails at every interim utterance.
    """

    clock: SetClock = field(default_factory=SetClock)
    rooms: Rooms = field(default_factory=lambda: Rooms({"lobby": a_room()}))
    hearing: Hearing = field(default_factory=Hearing)
    metrics: Metrics = field(default_factory=Metrics)
    cut: list[tuple[Listener, Utterance]] = field(default_factory=list)
    shown: list[SpeakerLevels] = field(default_factory=list)
    deaf: str = ""
    blind: str = ""

    def open(self) -> Ears:
        return Ears(
            make_ear=self._make_ear,
            on_utterance=lambda listener, utterance: self.cut.append((listener, utterance)),
            show_levels=lambda levels, at: self.shown.append(levels),
            rooms=self.rooms,
            hearing=self.hearing,
            metrics=self.metrics,
            clock=self.clock,
        )

    def _make_ear(
        self, room_id: str, speaker_id: str, now: datetime, interrupted_at: datetime | None
    ) -> Ear:
        kind = {self.deaf: Deaf, self.blind: Blind}.get(speaker_id, Ear)
        return kind(room_id, speaker_id, vad=loud, now=now, interrupted_at=interrupted_at)

    def say(self, ears: Ears, *at_s: float, until_s: float, speaker: str = "ann") -> None:
        """Push the speaker's packets, each at its time on the clock."""
        started = self.clock.now
        for packet in arrivals(talk(*at_s, until_s=until_s)):
            self.clock.now = started + timedelta(seconds=packet.arrived_s - 1_000)
            ears.push("lobby", speaker, packet)

    @property
    def last_mark(self) -> float:
        """The last `heard_until`, in seconds after `NOW`."""
        return seconds(self.hearing.marks[-1].at)


def seconds(at: datetime) -> float:
    return (at - NOW).total_seconds()


@pytest.fixture
def floor() -> Floor:
    return Floor()


@contextlib.asynccontextmanager
async def running(ears: Ears) -> AsyncIterator[None]:
    loops = asyncio.create_task(ears.run())
    try:
        yield
    finally:
        loops.cancel()
        await asyncio.wait([loops])


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


async def test_a_speaker_who_left_can_come_back_and_is_heard_again(floor: Floor) -> None:
    ears = floor.open()
    for _ in range(2):
        await ears.speaker_joined(a_speaker())
        floor.say(ears, 1.0, until_s=4)
        await ears.settle(floor.cut[-1][0], floor.cut[-1][1].id)
        await ears.speaker_left(a_speaker(), "goodbye")
    assert len({utterance.id for _, utterance in floor.cut}) == 2
    assert floor.hearing.written == []


async def test_a_bad_track_harms_no_other_and_counts(floor: Floor) -> None:
    floor.deaf = "eve"
    ears = floor.open()
    for name in ("eve", "ann"):
        await ears.speaker_joined(a_speaker(name))
    for packet in arrivals(talk(1.0, until_s=4))[:3]:
        ears.push("lobby", "eve", packet)
    floor.say(ears, 1.0, until_s=4)
    assert [listener.speaker.id for listener, _ in floor.cut] == ["ann"]
    assert b'earshot_failures_total{at="ear"}' in floor.metrics.render()


async def test_an_interim_that_fails_costs_no_word_and_no_other_track(floor: Floor) -> None:
    floor.blind = "eve"
    ears = floor.open()
    for name in ("eve", "ann"):
        await ears.speaker_joined(a_speaker(name))
    failed = floor.metrics.registry.get_sample_value
    async with running(ears):
        await until(lambda: failed("earshot_failures_total", {"at": "ear"}) == 1)
    for name in ("eve", "ann"):
        floor.say(ears, 1.0, until_s=4, speaker=name)
    assert {listener.speaker.id for listener, _ in floor.cut} == {"eve", "ann"}


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


async def test_the_speech_of_a_bad_track_is_a_gap_when_its_speaker_leaves(floor: Floor) -> None:
    floor.deaf = "eve"
    ears = floor.open()
    await ears.speaker_joined(a_speaker("eve"))
    floor.say(ears, 1.0, until_s=4, speaker="eve")
    await ears.speaker_left(a_speaker("eve"), "goodbye")
    (gap,) = floor.hearing.written
    assert (gap.speaker_id, gap.from_at, gap.to_at) == ("eve", NOW, floor.clock.now)


async def test_a_track_that_stays_bad_is_a_gap_every_ten_seconds(floor: Floor) -> None:
    floor.deaf = "eve"
    ears = floor.open()
    await ears.speaker_joined(a_speaker("eve"))
    floor.say(ears, 1.0, until_s=25, speaker="eve")
    await ears.flush()
    gaps = [(seconds(gap.from_at), seconds(gap.to_at)) for gap in floor.hearing.written]
    assert len(gaps) == 2
    assert gaps[0][0] == 0
    assert gaps[0][1] == gaps[1][0] == pytest.approx(10, abs=0.1)


async def test_a_track_that_was_bad_for_a_moment_is_heard_again_after_a_gap(floor: Floor) -> None:
    floor.deaf = "ann"
    ears = floor.open()
    await ears.speaker_joined(a_speaker("ann"))
    floor.say(ears, until_s=0.2)
    floor.deaf = ""
    floor.say(ears, 3.0, until_s=6)
    await ears.flush()
    (gap,) = floor.hearing.written
    ((_, utterance),) = floor.cut
    assert gap.from_at == NOW < gap.to_at <= utterance.ended_at


async def test_the_sound_in_memory_is_measured_for_all_ears_and_for_the_largest(
    floor: Floor,
) -> None:
    ears = floor.open()
    for name in ("ann", "bob"):
        await ears.speaker_joined(a_speaker(name))
    for packet in arrivals(talk(0.2, until_s=2.2))[:45]:
        ears.push("lobby", "ann", packet)
    await ears.flush()
    measured = floor.metrics.registry.get_sample_value
    most = measured("earshot_held_bytes_most")
    assert most is not None
    assert 8_000 < most == measured("earshot_held_bytes"), "bob has said nothing"
    await ears.finish()
    await ears.flush()
    left = measured("earshot_held_bytes")
    assert left is not None
    assert left < most


async def test_late_and_doubled_packets_are_counted(floor: Floor) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    packets = arrivals(talk(0.2, until_s=2.2))
    for packet in [*packets[:10], packets[3], packets[12], packets[12]]:
        ears.push("lobby", "ann", packet)
    await ears.speaker_left(a_speaker(), "the speaker left")
    measured = floor.metrics.registry.get_sample_value
    assert measured("earshot_packets_late_total") == 1
    assert measured("earshot_packets_duplicate_total") == 1


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


CUT_OFF_AT = NOW - timedelta(seconds=30)


def cut_off(floor: Floor, *names: str) -> None:
    """Make an earlier run leave these speakers live, as if it was killed."""
    for name in names:
        floor.hearing.cut_off.append(HeardUntil("lobby", name, CUT_OFF_AT))
        floor.rooms.live["lobby", name] = a_speaker(name)


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
    await ears.settle(*_last(floor))
    await ears.flush()
    assert floor.last_mark > seconds(returned)


def _last(floor: Floor) -> tuple[Listener, str]:
    listener, utterance = floor.cut[-1]
    return listener, utterance.id


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
    await ears.settle(*_last(floor))
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
    await ears.settle(*_last(floor))
    await ears.flush()
    assert floor.hearing.marks[-1].at == utterance.started_at, "the first words are not settled"
    await ears.settle(listener, utterance.id)
    await leaving
    await ears.flush()
    assert floor.hearing.marks[-1].at > utterance.started_at
    assert floor.rooms.left == [("ann", "left and came back")]
    assert list(floor.rooms.live) == [("lobby", "ann")]
    assert [speaker.id for speaker in ears.speakers("lobby")] == ["ann"]


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


async def test_a_track_whose_level_lies_is_heard_counted_and_logged_once(floor: Floor) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    started = floor.clock.now
    with capture_logs() as logs:
        for packet in arrivals(monologue(20.0)):
            floor.clock.now = started + timedelta(seconds=packet.arrived_s - 1_000)
            ears.push("lobby", "ann", replace(packet, level=127))
        leaving = asyncio.create_task(ears.speaker_left(a_speaker(), "goodbye"))
        await until(lambda: len(floor.cut) > 1)
        for listener, utterance in floor.cut:
            await ears.settle(listener, utterance.id)
        await leaving
    assert b"earshot_tracks_level_lies_total 1.0" in floor.metrics.render()
    lines = [each for each in logs if each["event"] == "ears.level_lies"]
    assert [(each["room"], each["speaker"]) for each in lines] == [("lobby", "ann")]


async def test_packets_that_were_not_decoded_are_counted(floor: Floor) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    sent, levels = an_open_microphone(until_s=10.0)
    for packet, level in zip(arrivals(sent), levels, strict=True):
        ears.push("lobby", "ann", replace(packet, level=level))
    await ears.speaker_left(a_speaker(), "goodbye")
    (line,) = (
        each
        for each in floor.metrics.render().decode().splitlines()
        if each.startswith("earshot_packets_silent_total")
    )
    assert float(line.split()[1]) > 300


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
