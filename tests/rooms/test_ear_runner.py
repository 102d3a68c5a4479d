"""Ears that fail, among ears that do not."""

from __future__ import annotations

import pytest

from tests.listening.packets import arrivals, talk
from tests.rooms.calls import until
from tests.rooms.fakes import NOW, a_speaker
from tests.rooms.floor import Floor, running, seconds

pytestmark = pytest.mark.anyio


@pytest.fixture
def floor() -> Floor:
    return Floor()


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
