from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.listening.packets import an_open_microphone, arrivals, monologue, talk
from tests.rooms.calls import until
from tests.rooms.fakes import a_speaker
from tests.rooms.floor import Floor

pytestmark = pytest.mark.anyio


@pytest.fixture
def floor() -> Floor:
    return Floor()


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
